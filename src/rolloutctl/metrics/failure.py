"""Every way in which a source fails, as a sentence and a kind. Sentences hold no secret and no terminal escape.

A sentence begins with what failed (`the source` is not repeated by screens) and is complete in itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from rolloutctl.model.samples import FailureKind, SourceFailure

_SERVER_TEXT_CHARS = 300
_REFUSED_QUERY = {"bad_data", "execution"}
"""Prometheus' own names of what is wrong with a query rather than with the server."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a response beside what the client library hands back."""

    status: int
    content_type: str
    location: str
    document: Any
    """Its JSON; None where it is none."""

    def field(self, name: str) -> Any:
        return self.document.get(name) if isinstance(self.document, dict) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        found = self.field("warnings")
        return tuple(clean(str(text)) for text in found) if isinstance(found, list) else ()

    @property
    def result_type(self) -> str:
        data = self.field("data")
        return str(data.get("resultType", "")) if isinstance(data, dict) else ""


class TooLarge(SourceFailure):
    """There is more to the answer than we read: asking for less at once may help."""


def down(why: str) -> SourceFailure:
    return SourceFailure(FailureKind.DOWN, why)


def invalid(why: str) -> SourceFailure:
    return SourceFailure(FailureKind.INVALID, why)


def of_response(kept: Kept, url: str) -> SourceFailure | None:
    """What a complete HTTP answer says is wrong; None where it is a success of the API."""
    message = clean(str(kept.field("error") or ""))
    kind = str(kept.field("errorType") or "")
    if kept.field("status") == "error" and (kind in _REFUSED_QUERY or kept.status in (400, 422)):
        return invalid(message or f"it refused the query ({kept.status}) without saying why.")
    if kept.status == 200:
        return _of_success(kept, kind, message)
    return down(_status(kept, url, message))


def of_rules(kept: Kept, url: str) -> SourceFailure | None:
    """The same for the list of rules, which not every server with Prometheus' queries has."""
    if kept.status in (404, 405, 501):
        return invalid("the source has no list of alerting rules; `fresh` may name a series that shows that they are evaluated.")
    return of_response(kept, url)


def of_alertmanager(kept: Kept, url: str) -> SourceFailure | None:
    """The same for an Alertmanager."""
    if kept.status == 200 and isinstance(kept.document, list):
        return None
    host = clean(urlsplit(url).netloc)
    match kept.status:
        case 200:
            return down(f"{host} answers, but not as an Alertmanager; check `alertmanager` of the source.")
        case 401 | 403:
            return down(f"the Alertmanager at {host} refused the source's credentials ({kept.status}).")
        case 404:
            return down(f"there is no Alertmanager at {host} (404); check the path prefix in `alertmanager` of the source.")
        case status:
            return down(f"the Alertmanager at {host} failed ({status}).")


def _of_success(kept: Kept, kind: str, message: str) -> SourceFailure | None:
    if kept.field("status") == "success":
        return None
    if kept.field("status") == "error":
        return down(f"the source answered an error{f' ({clean(kind)})' if kind else ''}: {message or 'it did not say which'}.")
    if "html" in kept.content_type:
        return down("the source answered a web page instead of the Prometheus API; is a login page in between?")
    if kept.document is None:
        return down("the source answered something that is not JSON, or was cut off.")
    return down("the source answered JSON that is not the Prometheus API's.")


def _status(kept: Kept, url: str, message: str) -> str:
    said = f": {message}" if message else ""
    path = urlsplit(url).path or "/"
    match kept.status:
        case 401 | 403:
            return f"the source refused our credentials ({kept.status}); check `auth` and `headers` of the source."
        case 404:
            return f"the source has no Prometheus API under {path} (404); check the path prefix in `url`."
        case 429:
            return "the source asks us to slow down (429)."
        case status if 300 <= status < 400:
            host = clean(urlsplit(kept.location).netloc) or "another address"
            return f"the source redirects to {host} ({status}), which is not followed; put the final address into `url`."
        case status if status >= 500:
            return f"the source failed ({status}){said}."
        case status:
            return f"the source answered with status {status}{said}."


def clean(text: str) -> str:
    """A server's words on one line, bounded, without control characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _SERVER_TEXT_CHARS else f"{line[: _SERVER_TEXT_CHARS - 1]}…"


def scrubbed(failure: SourceFailure, secrets: Iterable[str]) -> SourceFailure:
    """The same without the secrets, in whatever form a server may have echoed them."""
    why = failure.why
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        encoded = base64.b64encode(secret.encode()).decode()
        for form in (secret, quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")):
            why = why.replace(form, "«secret»")
    return replace(failure, why=why)
