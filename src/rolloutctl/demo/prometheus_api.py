"""The part of the Prometheus HTTP API that the demo's plans need, answered from memory.

Paths, parameters, shapes and error answers are those of Prometheus 2.42; queries it cannot answer get Prometheus' own
error shape (`bad_data` 400, `execution` 422).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import promql_parser as ast

from rolloutctl.demo.http import Request, Response, Route, find, json_response, parse_pairs
from rolloutctl.demo.promql import Evaluator, matchers_of, parse
from rolloutctl.demo.promql_values import BadQueryError, Matrix, QueryError, Scalar, Text, Value, Vector, show
from rolloutctl.demo.tsdb import NAME, Matcher, MatchOp, Tsdb
from rolloutctl.model.samples import Labels

MAX_POINTS: Final = 11_000
_Params = Mapping[str, str]


class PrometheusApi:
    """Answers requests from a store; `config` is what `/api/v1/status/config` shows, `now_ms` the wall clock."""

    def __init__(self, tsdb: Tsdb, config: str, now_ms: Callable[[], int]) -> None:
        self._tsdb = tsdb
        self._config = config
        self._now_ms = now_ms
        self._routes: Sequence[Route] = (
            *(Route(method, "/api/v1/query", self._query) for method in ("GET", "POST")),
            *(Route(method, "/api/v1/query_range", self._query_range) for method in ("GET", "POST")),
            *(Route(method, "/api/v1/series", self._series) for method in ("GET", "POST")),
            *(Route(method, "/api/v1/labels", self._labels) for method in ("GET", "POST")),
            Route("GET", "/api/v1/label/{name}/values", self._label_values),
            Route("GET", "/api/v1/status/buildinfo", self._buildinfo),
            Route("GET", "/api/v1/status/config", lambda _, __: _success({"yaml": self._config})),
            Route("GET", "/api/v1/rules", lambda _, __: _success({"groups": []})),
            Route("GET", "/api/v1/alerts", lambda _, __: _success({"alerts": []})),
            Route("GET", "/-/ready", lambda _, __: _plain(200, "The demo's embedded metrics are ready.")),
            Route("GET", "/-/healthy", lambda _, __: _plain(200, "The demo's embedded metrics are healthy.")),
        )

    def answer(self, request: Request) -> Response:
        found = find(self._routes, request)
        if found is None:
            return _plain(404, "404 page not found")
        route, params = found
        try:
            return route.answer(request, params)
        except BadQueryError as error:
            return _error(400, "bad_data", str(error))
        except QueryError as error:
            return _error(422, "execution", str(error))

    def _query(self, request: Request, _: _Params) -> Response:
        form = _form(request)
        at_ms = _time_ms(form, "time", self._now_ms())
        value = Evaluator(self._tsdb, at_ms).evaluate(_parsed(form))
        return _success(_instant_result(value, at_ms))

    def _query_range(self, request: Request, _: _Params) -> Response:
        form = _form(request)
        start, end = _time_ms(form, "start"), _time_ms(form, "end")
        if end < start:
            raise BadQueryError('invalid parameter "end": end timestamp must not be before start time')
        step = _step_ms(form.get("step", ""))
        if (end - start) // step > MAX_POINTS:
            raise BadQueryError(
                f"exceeded maximum resolution of {MAX_POINTS:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        node = _parsed(form)
        rows: dict[Labels, list[list[object]]] = {}
        for at_ms in range(start, end + 1, step):
            value = Evaluator(self._tsdb, at_ms).evaluate(node)
            match value:
                case Scalar(number):
                    rows.setdefault((), []).append(_pair(at_ms, number))
                case Vector(samples):
                    for sample in samples:
                        rows.setdefault(sample.labels, []).append(_pair(at_ms, sample.value))
                case _:
                    kind = "range vector" if isinstance(value, Matrix) else "string"
                    raise BadQueryError(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')
        result = [{"metric": dict(labels), "values": values} for labels, values in sorted(rows.items())]
        return _success({"resultType": "matrix", "result": result})

    def _series(self, request: Request, _: _Params) -> Response:
        return _success([dict(labels) for labels in sorted(set(self._selected(request, required=True)))])

    def _labels(self, request: Request, _: _Params) -> Response:
        return _success(sorted({name for labels in self._selected(request, required=False) for name, _ in labels}))

    def _label_values(self, request: Request, params: _Params) -> Response:
        wanted = params["name"]
        selected = self._selected(request, required=False)
        return _success(sorted({value for labels in selected for name, value in labels if name == wanted}))

    def _selected(self, request: Request, *, required: bool) -> Sequence[Labels]:
        form = _form(request)
        text = form.get("match[]")
        if text is None and required:
            raise BadQueryError("no match[] parameter provided")
        now = self._now_ms()
        return self._tsdb.labels(_selector(text), _time_ms(form, "start", 0), _time_ms(form, "end", now))

    def _buildinfo(self, _: Request, __: _Params) -> Response:
        return _success({"version": "2.42.0", "revision": "embedded", "branch": "demo", "goVersion": ""})


def _selector(text: str | None) -> Sequence[Matcher]:
    if text is None:
        return [Matcher(NAME, MatchOp.NOT_EQUAL, "")]
    node = parse(text)
    if not isinstance(node, ast.VectorSelector):
        raise BadQueryError('invalid parameter "match[]": a series selector is needed')
    return matchers_of(node)


def _form(request: Request) -> Mapping[str, str]:
    if request.method != "POST":
        return request.query
    return {**request.query, **parse_pairs(request.body.decode("utf-8", "replace"))}


def _parsed(form: Mapping[str, str]) -> Any:
    try:
        return parse(form.get("query", ""))
    except BadQueryError as error:
        raise BadQueryError(f'invalid parameter "query": {error}') from None


def _time_ms(form: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = form.get(name, "")
    if not text and default is not None:
        return default
    try:
        seconds = Decimal(text) if re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text, re.IGNORECASE) else None
        if seconds is None:
            return round(datetime.fromisoformat(text).timestamp() * 1000)
        return round(seconds * 1000)
    except (ValueError, ArithmeticError):
        raise BadQueryError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None


def _step_ms(text: str) -> int:
    try:
        milliseconds = round(float(text) * 1000)
    except (ValueError, OverflowError):
        try:
            milliseconds = round(ast.parse_duration(text).total_seconds() * 1000)
        except ValueError:
            raise BadQueryError(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
    if milliseconds <= 0:
        raise BadQueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'
        )
    return milliseconds


def _instant_result(value: Value, at_ms: int) -> dict[str, object]:
    match value:
        case Scalar(number):
            return {"resultType": "scalar", "result": _pair(at_ms, number)}
        case Text(text):
            return {"resultType": "string", "result": [_seconds(at_ms), text]}
        case Vector(samples):
            rows = [{"metric": dict(each.labels), "value": _pair(at_ms, each.value)} for each in _sorted(samples)]
            return {"resultType": "vector", "result": rows}
        case Matrix(windows):
            return {
                "resultType": "matrix",
                "result": [
                    {
                        "metric": dict(window.labels),
                        "values": [_pair(*point) for point in zip(window.times_ms, window.values, strict=True)],
                    }
                    for window in sorted(windows, key=lambda window: window.labels)
                ],
            }


def _sorted(samples: Sequence[Any]) -> Sequence[Any]:
    return sorted(samples, key=lambda sample: show(sample.labels))


def _pair(at_ms: int, value: float) -> list[object]:
    return [_seconds(at_ms), _number(value)]


def _seconds(at_ms: int) -> float | int:
    return at_ms // 1000 if at_ms % 1000 == 0 else at_ms / 1000


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)).normalize(), "f")


def _success(data: object) -> Response:
    return json_response(200, {"status": "success", "data": data})


def _error(status: int, kind: str, message: str) -> Response:
    return json_response(status, {"status": "error", "errorType": kind, "error": message})


def _plain(status: int, text: str) -> Response:
    return Response(status, f"{text}\n".encode(), "text/plain; charset=utf-8")
