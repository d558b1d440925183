"""config.toml as frozen models; every field is documented by the string under it.

Per person or per team, never per rollout. Reading files and environment is `engine/config/settings.py`'s business; this module
is pure. Secrets are never values here: only where to read them from.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from rolloutctl.constraints import Format, Matching, Misfit, Misfits
from rolloutctl.keymap import faults
from rolloutctl.model.fields import Duration
from rolloutctl.units import show_duration


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True)


Nonempty = Annotated[str, Field(min_length=1)]
Switch = Annotated[bool, Strict()]
"""true or false, and nothing that could be taken for one."""


class FromEnv(Model):
    env: Nonempty
    """Name of the environment variable."""


class FromFile(Model):
    file: Nonempty
    """Path; surrounding white space is dropped."""


class FromCommand(Model):
    command: Annotated[tuple[Nonempty, ...], Field(min_length=1)]
    """Program and arguments; its standard output is the secret."""


_HOW = '{ env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] }'
_READ_FROM: dict[str, tuple[type[Model], str]] = {
    "env": (FromEnv, "env must be the name of an environment variable in quotes"),
    "file": (FromFile, "file must be a path in quotes"),
    "command": (FromCommand, 'command must be a list of a program and its arguments, such as ["pass", "show", "unleash"]'),
}


def _no_inline(value: Any) -> Any:
    if isinstance(value, Model):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"a secret must not stand in the file; write {_HOW}")
    if set(value) == {"keyring"}:
        raise ValueError(f"reading a secret from the keyring is not supported by this version; write {_HOW}")
    if len(value) != 1 or not set(value) <= set(_READ_FROM):
        raise ValueError(f"a secret comes from exactly one place; write {_HOW}")
    kind, wanted = _READ_FROM[next(iter(value))]
    try:
        return kind.model_validate(value)
    except ValidationError:
        raise ValueError(wanted) from None


Secret = Annotated[FromEnv | FromFile | FromCommand, BeforeValidator(_no_inline)]
"""Where to read a secret: it never stands in the file itself."""


class NoAuth(Model):
    """Nothing is sent."""

    type: Literal["none"]
    """Kind of auth: no credentials."""


class TokenAuth(Model):
    type: Literal["token"]
    """`Authorization: TOKEN`, as Unleash wants it."""
    token: Secret
    """Where the token is read from."""


class BearerAuth(Model):
    type: Literal["bearer"]
    """`Authorization: Bearer TOKEN`."""
    token: Secret
    """Where the token is read from."""


class BasicAuth(Model):
    type: Literal["basic"]
    """User name and password."""
    username: str
    """User name; it is no secret."""
    password: Secret
    """Where the password is read from."""


class HeaderAuth(Model):
    type: Literal["header"]
    """`NAME: TOKEN`, a header of its own name."""
    name: Annotated[str, Matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "the name of a header, such as X-Api-Key")]
    """Name of the header; it is no secret."""
    token: Secret
    """Where the token is read from."""


Auth = Annotated[NoAuth | TokenAuth | BearerAuth | BasicAuth, Field(discriminator="type")]
SourceAuth = Annotated[NoAuth | TokenAuth | BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="type")]


class Tls(Model):
    """Own certificate authority, and a client certificate for mutual TLS."""

    ca: str | None = None
    """File with certificates to trust instead of the system's."""
    cert: str | None = None
    """Client certificate file."""
    key: str | None = None
    """Client key file."""


Url = Annotated[
    str,
    Matching(
        r"https?://[^\s/?#@]+(/[^\s?#@]*)?",
        "a URL; it begins with http:// or https:// and holds no credentials and no query",
        secret=True,
    ),
]
"""http or https, without credentials in it."""


class PrometheusSource(Model):
    """A Prometheus, or anything that serves its HTTP API."""

    type: Literal["prometheus"]
    """Kind of source."""
    url: Url
    """Base URL, with the path prefix where there is one."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every query, such as a tenant's id; no secrets here."""
    auth: SourceAuth | None = None
    """basic | bearer | header | token | none."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For one query's answer."""
    connect_timeout: Duration = Field(default="2s", validate_default=True)
    """For the connection."""
    max_series: Annotated[int, Strict(), Field(ge=1)] = 2000
    """Above it a counter is asked in aggregated form ("approximate counts"); a query that cannot be is refused (INVALID)."""


class UnleashProvider(Model):
    """An Unleash server, 5 or newer."""

    type: Literal["unleash"]
    """Kind of provider."""
    url: Url
    """Base URL; `/api/admin` is added."""
    auth: Auth
    """The admin API's token; a personal access token attributes changes to its user."""
    client_auth: Auth | None = None
    """A client token of the environment: then a change is verified by what SDKs are served."""
    project: str = "default"
    """Unleash project of the flags."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    settle_time: Duration = Field(default="15s", validate_default=True)
    """From the read-back until clients follow: the SDKs' poll interval."""
    connect_timeout: Duration = Field(default="2s", validate_default=True)
    """For the connection."""
    timeout: Duration = Field(default="8s", validate_default=True)
    """For an answer; turning a flag off always uses 5 s."""


Provider = UnleashProvider
Source = PrometheusSource


class OperatorRole(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


class Operator(Model):
    """A person who may act; once any is listed, others are viewers."""

    role: OperatorRole
    """viewer | operator | approver."""
    groups: tuple[str, ...] = ()
    """Groups that may own gates."""


class Me(Model):
    """Who uses this config."""

    name: str | None = None
    """Default: the operating system's user."""
    timezone: str | None = None
    """How times are shown, always with the zone; default: the system's."""


class Write(StrEnum):
    NOBODY = "nobody"
    OPERATOR = "operator"
    APPROVER = "approver"


class Environment(Model):
    """One environment of the flag provider."""

    production: Switch = False
    """Real users are here."""
    write: Write = Write.OPERATOR
    """Who may change anything here: nobody | operator | approver. A rollback needs no more than operator."""


class JournalConfig(Model):
    """Where the journal is."""

    url: Annotated[
        str,
        Matching(
            r"(sqlite:///[^\x00-\x1f]+|postgres(ql)?://[^\x00-\x20]+)?",
            'the URL of a journal; write "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"',
        ),
    ] = ""
    """`sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`; default: rolloutctl/journal.db under the XDG state folder."""
    password: Secret | None = None
    """Of the role in PostgreSQL; default: what PostgreSQL's own password file or PGPASSWORD says."""
    mode: Annotated[str, Matching(r"0[0-7]{3}", 'a file mode; write it in quotes with a leading zero, such as "0600"')] = "0600"
    """File mode of a new database."""
    lease: Duration = Field(default="30s", validate_default=True)
    """A driver that is silent for longer has lost its rollouts."""


class Theme(StrEnum):
    DARK = "dark"
    LIGHT = "light"
    DEUTERANOPIA = "deuteranopia"
    ANSI_DARK = "ansi-dark"
    ANSI_LIGHT = "ansi-light"


def _bindable(keys: dict[str, str]) -> dict[str, str]:
    if found := faults(keys):
        raise Misfits(Misfit((fault.binding,), fault.sentence, fault.remedy) for fault in found)
    return keys


SHORTEST_POLL = timedelta(milliseconds=200)
"""Polling faster than this would only load the servers."""


def _not_faster(interval: timedelta) -> timedelta:
    if interval < SHORTEST_POLL:
        raise ValueError(f"servers are not polled more often than every {show_duration(SHORTEST_POLL)}; write a longer interval")
    return interval


class Ui(Model):
    """The screen."""

    theme: Theme = Theme.DARK
    """Colours."""
    interval: Annotated[Duration, AfterValidator(_not_faster)] = Field(default="15s", validate_default=True)
    """How often sources and providers are polled."""
    keys: Annotated[dict[str, str], AfterValidator(_bindable)] = Field(default_factory=dict)
    """Other keys, by the binding's id, such as `"rollout.advance" = "f5"`; `?` on the screen lists ids and keys."""


class Config(Model):
    """Per person or per team, never per rollout."""

    format: Format = 1
    """Version of this file format."""
    journal: JournalConfig = Field(default_factory=JournalConfig)
    """Where the journal is."""
    operator: Me = Field(default_factory=Me)
    """Who uses this config."""
    operators: dict[str, Operator] = Field(default_factory=dict)
    """People who may act, by name."""
    sources: dict[str, Source] = Field(default_factory=dict)
    """Metrics sources by name."""
    providers: dict[str, Provider] = Field(default_factory=dict)
    """Flag providers by name."""
    environments: dict[str, Environment] = Field(default_factory=dict)
    """Environments by name."""
    ui: Ui = Field(default_factory=Ui)
    """The screen."""

    def role_of(self, person: str) -> OperatorRole:
        """What a person may do: everyone is an approver until operators are listed, then others are viewers."""
        if not self.operators:
            return OperatorRole.APPROVER
        listed = self.operators.get(person)
        return listed.role if listed else OperatorRole.VIEWER
