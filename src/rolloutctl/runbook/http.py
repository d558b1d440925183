"""What an `http` step sends and expects: requests, expectations, retries, read-backs, undo.

A request holds no address and no credentials: both are the adapter's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rolloutctl.constraints import Misfit, Misfits
from rolloutctl.model.fields import Duration
from rolloutctl.runbook.fields import Count, Json, JsonPath, Model, Said, Switch, Templated
from rolloutctl.shown import shown

_OF_THE_ADAPTER = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_OF_THE_RUNNER = frozenset({"idempotency-key", "host", "content-length", "content-type", "transfer-encoding", "connection"})


def _path(text: str) -> str:
    if not text.startswith("/") or text.startswith("//"):
        raise ValueError(f'{shown(text)} is not a path; begin it with one "/": the address before it is the adapter\'s')
    if any(char in text for char in "?#\\") or any(char.isspace() or not char.isprintable() for char in text):
        raise ValueError(f"{shown(text)} is not a path; put what comes behind a question mark into `query`, and encode spaces")
    if any(part in {".", ".."} for part in text.split("/")):
        raise ValueError(f'{shown(text)} is not a path; leave out "." and ".."')
    return text


Path = Annotated[Templated, Field(max_length=1000), AfterValidator(_path)]


class Effect(StrEnum):
    """What sending a request once more does."""

    READ = "read"
    """Nothing: it only reads."""
    IDEMPOTENT = "idempotent"
    """Nothing more than sending it once."""
    KEYED = "keyed"
    """Nothing more, because the server honours the idempotency key."""
    ONCE = "once"
    """It happens again: it is never sent twice."""


class _Request(Model):
    path: Path
    """Path below the adapter's address; may hold placeholders."""
    query: Annotated[dict[str, Templated], Field(max_length=50)] = Field(default_factory=dict)
    """Parameters behind the question mark."""
    headers: Annotated[dict[str, Templated], Field(max_length=50)] = Field(default_factory=dict)
    """Headers; those for authentication are the adapter's."""
    follow_redirects: Switch = False
    """Follow a redirect; never with credentials to another host."""

    @model_validator(mode="after")
    def _no_foreign_headers(self) -> Self:
        misfits: list[Misfit] = []
        for name in self.headers:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                misfits.append(Misfit(("headers", name), f"{shown(name)} is not the name of a header"))
            elif name.lower() in _OF_THE_ADAPTER:
                remedy = "A runbook holds no secret: give the adapter an `auth` in config.toml."
                misfits.append(Misfit(("headers", name), f'the header "{name}" is the adapter\'s', remedy))
            elif name.lower() in _OF_THE_RUNNER:
                misfits.append(Misfit(("headers", name), f'the header "{name}" is set by the program itself', "Leave it out."))
        if misfits:
            raise Misfits(misfits)
        return self


class Request(_Request):
    """What is sent."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    """Method of HTTP."""
    json_body: Json | None = Field(default=None, alias="json")
    """Body; its strings may hold placeholders."""


class ReadRequest(_Request):
    """What is sent to read only."""

    method: Literal["GET", "HEAD"] = "GET"
    """Method of HTTP."""


class JsonExpect(Model):
    """What one place of the answer's JSON must be."""

    path: JsonPath
    """Where: `generation`, `items[0].name`."""
    equals: Json | None = None
    """It must be this; its strings may hold placeholders."""
    one_of: Annotated[tuple[Json, ...], Field(max_length=50)] = ()
    """It must be one of these."""
    exists: Switch | None = None
    """It must be there (true), or must not (false)."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if [self.equals is not None, bool(self.one_of), self.exists is not None].count(True) != 1:
            raise ValueError("say what must be there with one of `equals`, `one_of` or `exists`")
        return self


class Expect(Model):
    """What the answer must be for the step to count as done."""

    status: Annotated[tuple[Annotated[Count, Field(ge=100, le=599)], ...], Field(max_length=50)] = ()
    """Any of these; left out: 200 to 299."""
    json_values: Annotated[tuple[JsonExpect, ...], Field(max_length=50)] = Field(default=(), alias="json")
    """All of these."""
    text: Annotated[tuple[Said, ...], Field(max_length=50)] = ()
    """The body must hold all of these."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.status or self.json_values or self.text):
            raise ValueError("it expects nothing; say a `status`, `json` or `text` that tells success from failure")
        return self

    def accepts_status(self, status: int) -> bool:
        return status in self.status if self.status else 200 <= status <= 299


class RetryOn(StrEnum):
    """What is tried again. After bytes were sent, only what may be sent twice is."""

    CONNECT = "connect"
    """Nothing was sent."""
    TIMEOUT = "timeout"
    """No answer in time."""
    RESET = "reset"
    """The connection broke."""
    TOO_MANY = "429"
    """The server asks to come back later."""
    SERVER_ERROR = "5xx"
    """The server failed."""


class Retry(Model):
    """When a request is sent again."""

    attempts: Annotated[Count, Field(ge=1, le=20)] = 4
    """How often in all."""
    backoff: Duration = Field(default="500ms", validate_default=True)
    """Wait before the second; doubled each time."""
    max_backoff: Duration = Field(default="4s", validate_default=True)
    """Never wait longer, unless the server says how long."""
    on: tuple[RetryOn, ...] = (RetryOn.CONNECT, RetryOn.TIMEOUT, RetryOn.RESET, RetryOn.TOO_MANY, RetryOn.SERVER_ERROR)
    """After what."""


class Readback(Model):
    """How to see whether the step has happened."""

    request: ReadRequest
    """What is read."""
    expect: Expect
    """What it gives when the step has happened."""


class Undo(Model):
    """How the step is undone: after a rehearsal, or by `rolloutctl undo`; never by itself in live."""

    request: Request
    """What is sent."""
    expect: Expect | None = None
    """What the answer must be; left out: any from 200 to 299."""
    readback: Readback | None = None
    """How the undo is proved; left out: the step's read-back gives what it gave before the step."""
