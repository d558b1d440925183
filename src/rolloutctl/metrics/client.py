"""One prometheus-api-client for one thread: a query in, samples or a failure out, never an exception.

Loaded when the first query is sent, because it imports requests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests.auth import HTTPBasicAuth

from rolloutctl import config
from rolloutctl.errors import RolloutctlError
from rolloutctl.metrics.decode import NotTheApi, TooManySeries, matrix, scalar
from rolloutctl.metrics.failure import Kept, TooLarge, clean, down, of_alertmanager, of_response, of_rules, scrubbed
from rolloutctl.metrics.question import Announced, Instant, Range, Rules
from rolloutctl.metrics.rules import Named, announced, rules
from rolloutctl.metrics.uncollected import uncollected
from rolloutctl.metrics.wire import MAX_BODY, BodyTooLarge, Wire, in_words
from rolloutctl.model.samples import FailureKind, Samples, SourceFailure

Question = Instant | Range | Rules | Announced
Secrets = Callable[[config.Secret], str]
T = TypeVar("T")
_NAMES_IN_URL = 400
"""Characters: this request cannot have a body, so that many names are not sent and all rules are read."""
_AS_ASKED = {"nocache": "1"}
"""For VictoriaMetrics, which otherwise moves the times of a query to round ones and "now" half a minute back; others ignore
it. https://docs.victoriametrics.com/victoriametrics/#prometheus-querying-api-enhancements"""


class Client:
    def __init__(self, settings: config.PrometheusSource, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets
        self._url = settings.url.rstrip("/")
        self._known: set[str] = set()
        self._timeouts = settings.connect_timeout.total_seconds(), settings.timeout.total_seconds()
        self._wire = Wire(self._url, connect_s=self._timeouts[0], read_s=self._timeouts[1])
        self._connect = PrometheusConnect(url=self._url, session=self._wire)
        self._wire.guard(self._url)
        self._wire.headers.update({"User-Agent": "rolloutctl", **settings.headers})
        if settings.tls is not None:
            self._wire.verify = settings.tls.ca or True
            self._wire.cert = (
                (settings.tls.cert, settings.tls.key) if settings.tls.cert and settings.tls.key else settings.tls.cert
            )
        self._credentials: str | None = None

    def abort(self) -> None:
        """End the request under way, from another thread."""
        self._wire.watch.abort()

    def close(self) -> None:
        self._connect.close()

    def samples(self, question: Instant | Range, most: int) -> Samples | SourceFailure:
        """An answer with more than `most` series is TooLarge."""
        found = self._asked(question, ("matrix",), lambda result: matrix(result, most))
        if isinstance(found, SourceFailure):
            return found
        kept = self._wire.kept
        return Samples(found, kept.warnings if kept else ())

    def number(self, text: str) -> float | SourceFailure:
        """The value of an expression that is a scalar."""
        return self._asked(Instant(text), ("scalar", "vector"), scalar)

    def rules(self, question: Rules) -> Named | SourceFailure:
        return self._asked(question, (), rules)

    def announced(self, question: Announced) -> Named | SourceFailure:
        """Where the settings name an Alertmanager."""
        return self._asked(question, (), announced)

    def _asked(self, question: Question, types: tuple[str, ...], decode: Callable[[Any], T]) -> T | SourceFailure:
        try:
            found = self._answer(question, types, decode)
        except RolloutctlError as error:
            found = down(f"a secret of the source cannot be read: {error}")
        return scrubbed(found, self._known) if isinstance(found, SourceFailure) else found

    def _answer(self, question: Question, types: tuple[str, ...], decode: Callable[[Any], T]) -> T | SourceFailure:
        if self._credentials is None:
            self._authorise()
        self._wire.watch.begin()
        failure, result = self._send(question)
        if self._wire.kept is not None and self._wire.kept.status == 401 and self._authorise():
            # The secret has changed since it was read.
            failure, result = self._send(question)
        if failure is not None:
            return failure
        answered = self._wire.kept.result_type if self._wire.kept else ""
        if types and answered not in types:
            return down(f"the source answered {clean(answered) or 'nothing'} where a {types[0]} was asked for.")
        try:
            with uncollected():
                return decode(result)
        except NotTheApi as error:
            who = "the Alertmanager" if isinstance(question, Announced) else "the source"
            return down(f"{who} {error}.")
        except TooManySeries as error:
            return TooLarge(FailureKind.INVALID, f"the query is too wide: {error}.")

    def _send(self, question: Question) -> tuple[SourceFailure | None, Any]:
        connect_s, timeout_s = self._timeouts
        url = self._url_of(question)
        result: Any = None
        try:
            result = self._ask(question)
        except BodyTooLarge:
            why = f"the source's answer is larger than {MAX_BODY // 2**20} MiB; it was not read."
            return TooLarge(FailureKind.DOWN, why), None
        except Exception as error:  # noqa: BLE001  whatever it is, a source that fails is an answer
            if self._wire.kept is None and not self._wire.watch.aborted:
                return down(in_words(error, url, timeout_s=timeout_s, connect_timeout_s=connect_s)), None
        if self._wire.watch.aborted:
            # A socket that was shut down looks like a server that ended its answer early, and politely.
            late = requests.Timeout()
            return down(in_words(late, url, timeout_s=timeout_s, connect_timeout_s=connect_s)), None
        # The library raises for an answer that is no success; what was kept of the answer says more than its error.
        kept = self._wire.kept
        return (down("the source gave no answer.") if kept is None else _failure(question, kept, url)), result

    def _url_of(self, question: Question) -> str:
        return (self._settings.alertmanager or "").rstrip("/") if isinstance(question, Announced) else self._url

    def _ask(self, question: Question) -> Any:
        # The library rounds times to seconds; what stands in `params` goes out as it is.
        match question:
            case Instant(text, at):
                params = _AS_ASKED if at is None else {"time": f"{at:.3f}", **_AS_ASKED}
                return self._connect.custom_query(text, params=dict(params))
            case Range(text, start, end, step):
                exact = {"start": f"{start:.3f}", "end": f"{end:.3f}", **_AS_ASKED}
                times = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
                return self._connect.custom_query_range(text, *times, f"{step:.3f}", params=exact)
            case Rules(names):
                # Servers that do not know a parameter answer with more than was asked for.
                wanted: dict[str, Any] = {"type": "alert", "exclude_alerts": "true"}
                if sum(map(len, names)) <= _NAMES_IN_URL:
                    wanted["rule_name[]"] = list(names)
                answer = self._wire.request("GET", f"{self._url}/api/v1/rules", params=wanted).json()
                return answer.get("data") if isinstance(answer, dict) else None
            case Announced(name):
                escaped = name.replace("\\", "\\\\").replace('"', '\\"')
                shown = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
                only = {"filter": f'alertname="{escaped}"', **shown}
                return self._wire.request("GET", f"{self._url_of(question)}/api/v2/alerts", params=only).json()
            case _:
                assert_never(question)

    def _authorise(self) -> bool:
        """Read the secret and use it; whether it is another than before."""
        before = self._credentials
        match self._settings.auth:
            case config.BearerAuth(token=token):
                self._credentials = self._secret(token)
                self._wire.headers["Authorization"] = f"Bearer {self._credentials}"
            case config.TokenAuth(token=token):
                self._credentials = self._secret(token)
                self._wire.headers["Authorization"] = self._credentials
            case config.HeaderAuth(name=name, token=token):
                self._credentials = self._secret(token)
                self._wire.headers[name] = self._credentials
            case config.BasicAuth(username=username, password=password):
                self._credentials = self._secret(password)
                self._known.add(f"{username}:{self._credentials}")
                self._wire.auth = HTTPBasicAuth(username.encode(), self._credentials.encode())
            case config.NoAuth() | None:
                self._credentials = ""
        return self._credentials != before

    def _secret(self, where: config.Secret) -> str:
        value = self._secrets(where).strip()
        self._known.add(value)
        return value


def _failure(question: Question, kept: Kept, url: str) -> SourceFailure | None:
    match question:
        case Rules():
            return of_rules(kept, url)
        case Announced():
            return of_alertmanager(kept, url)
        case _:
            return of_response(kept, url)
