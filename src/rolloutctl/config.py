"""config.toml as frozen models; every field is documented by the string under it.

Per person or per team, never per rollout. Reading files and environment is `engine/config/settings.py`'s business; this module
is pure. Secrets are never values here: only where to read them from.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from rolloutctl.constraints import Format, Matching, Misfit, Misfits
from rolloutctl.keymap import faults
from rolloutctl.model.fields import Duration, Instant, Size
from rolloutctl.model.signed import fingerprint, public_key
from rolloutctl.units import show_duration


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)


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
    alertmanager: Url | None = None
    """Base URL of an Alertmanager: alerts that fire there count beside those of the source; asked with the source's `auth`,
    `headers` and `tls`."""


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


class Adapter(Model):
    """Any HTTP endpoint that runbook steps and criteria use. Its credentials live here, never in a runbook."""

    url: Url
    """Base URL; the paths of requests are added to it."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request, such as a tenant's id; no secrets here."""
    auth: SourceAuth | None = None
    """header | bearer | token | basic | none."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer; a request may ask for less."""
    connect_timeout: Duration = Field(default="2s", validate_default=True)
    """For the connection."""
    max_body: Size = Field(default="1MiB", validate_default=True)
    """Longer answers are not read; a request may ask for less."""
    connections: Annotated[int, Strict(), Field(ge=1, le=100)] = 10
    """At most so many requests at the same time; others wait for one of them to end."""


_PLAIN_URL: TypeAdapter[str] = TypeAdapter(Url)


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return _no_inline(value)
    try:
        return _PLAIN_URL.validate_python(value)
    except ValidationError:
        raise ValueError(
            f"this is not a URL that may stand in the file: no credentials and no query; write {_HOW} for one that is a secret"
        ) from None


Address = Annotated[
    Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")] | FromEnv | FromFile | FromCommand,
    BeforeValidator(_address),
]
"""A URL, or where to read one that is a secret itself."""


class WebhookChannel(Model):
    """Any server that takes a JSON document; what is in it is told in the how-to page on notifications."""

    type: Literal["webhook"]
    """Kind of channel: a POST of our own document."""
    url: Address
    """Where to; `{ env = "NAME" }` and the like for a URL that is a secret itself."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every message; no secrets here."""
    auth: SourceAuth | None = None
    """header | bearer | token | basic | none."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer."""


class SlackChannel(Model):
    """A Slack channel, by its incoming webhook."""

    type: Literal["slack"]
    """Kind of channel: Slack."""
    url: Secret
    """Where the webhook's URL is read from; who knows it may post."""
    tls: Tls | None = None
    """Own CA, for a proxy that looks into TLS."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer."""


class TeamsChannel(Model):
    """A Microsoft Teams channel or chat, by a workflow that begins when a webhook request is received."""

    type: Literal["teams"]
    """Kind of channel: Microsoft Teams."""
    url: Secret
    """Where the workflow's URL is read from; who knows it may post."""
    tls: Tls | None = None
    """Own CA, for a proxy that looks into TLS."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer."""


class PagerDutyChannel(Model):
    """A PagerDuty service, by Events API v2: pages are opened, acknowledged and resolved."""

    type: Literal["pagerduty"]
    """Kind of channel: PagerDuty."""
    routing_key: Secret
    """Where the integration key of the service is read from."""
    url: Url = "https://events.pagerduty.com"
    """Of the Events API; https://events.eu.pagerduty.com for accounts in the EU."""
    tls: Tls | None = None
    """Own CA, for a proxy that looks into TLS."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer."""


class MailSecurity(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


MailAddress = Annotated[
    str,
    Matching(
        r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}", "an e-mail address, such as ops@example.com"
    ),
]


class EmailChannel(Model):
    """E-mail, by SMTP."""

    type: Literal["email"]
    """Kind of channel: e-mail."""
    host: Annotated[str, Matching(r"[A-Za-z0-9.:_-]{1,253}", "the name or address of a mail server")]
    """Mail server."""
    port: Annotated[int, Strict(), Field(ge=1, le=65535)] | None = None
    """Default: 587 with starttls, 465 with tls, 25 with none."""
    security: MailSecurity = MailSecurity.STARTTLS
    """starttls | tls | none; a server that has no STARTTLS is not written to in the clear."""
    username: str | None = None
    """Of the mail account; it is no secret."""
    password: Secret | None = None
    """Where its password is read from."""
    sender: MailAddress
    """From whom."""
    to: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=50)]
    """To whom."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For the whole conversation with the server."""

    @model_validator(mode="after")
    def _fits(self) -> EmailChannel:
        found = []
        if (self.username is None) != (self.password is None):
            lacking = "password" if self.password is None else "username"
            found.append(Misfit((lacking,), f'"{lacking}" is missing', "Give both username and password, or neither."))
        if self.security is MailSecurity.NONE and self.password is not None:
            words = "a password is not sent over a connection that anybody can read"
            found.append(Misfit(("security",), words, 'Write "starttls" or "tls", or leave username and password out.'))
        if found:
            raise Misfits(found)
        return self


class GrafanaChannel(Model):
    """Annotations in Grafana, on one dashboard or on every one that shows annotations with these tags."""

    type: Literal["grafana"]
    """Kind of channel: Grafana annotations."""
    url: Url
    """Base URL; `/api/annotations` is added."""
    auth: SourceAuth
    """bearer, with a service account's token that may write annotations; or basic | header | token | none."""
    tags: tuple[Nonempty, ...] = ("rolloutctl",)
    """By which dashboards find the annotations."""
    dashboard: Nonempty | None = None
    """UID of the only dashboard that shows them."""
    panel: Annotated[int, Strict(), Field(ge=1)] | None = None
    """Number of the only panel that shows them."""
    tls: Tls | None = None
    """Own CA, client certificate."""
    timeout: Duration = Field(default="10s", validate_default=True)
    """For a whole answer."""

    @model_validator(mode="after")
    def _fits(self) -> GrafanaChannel:
        if self.panel is not None and self.dashboard is None:
            raise Misfits([Misfit(("panel",), "a panel belongs to a dashboard, which is not named", "Add the dashboard's UID.")])
        return self


Channel = Annotated[
    WebhookChannel | SlackChannel | TeamsChannel | PagerDutyChannel | EmailChannel | GrafanaChannel, Field(discriminator="type")
]


class OperatorRole(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


SshKey = Annotated[str, AfterValidator(public_key)]


class RevokedKey(Model):
    """A key that signs nothing any more; what it signed before stays verifiable."""

    ssh_key: SshKey
    """The public key, as it stood in `ssh_key`."""
    valid_until: Instant
    """From then on a signature of it counts for nothing."""


class Operator(Model):
    """A person who may act; once any is listed, others are viewers."""

    role: OperatorRole
    """viewer | operator | approver."""
    groups: tuple[str, ...] = ()
    """Groups that may own gates."""
    ssh_key: SshKey | None = None
    """SSH public key, the line of a `.pub` file: then approvals and sign-offs are signed, and count only so."""
    revoked_keys: tuple[RevokedKey, ...] = ()
    """Keys of before, `{ ssh_key = "…", valid_until = "2026-01-31T12:00:00Z" }`: keep them, so that old signatures verify."""

    def key(self, named: str) -> tuple[str, datetime | None] | None:
        """(public key, until when it was valid) by its fingerprint; None: it is none of theirs."""
        if self.ssh_key is not None and fingerprint(self.ssh_key) == named:
            return self.ssh_key, None
        return next(((each.ssh_key, each.valid_until) for each in self.revoked_keys if fingerprint(each.ssh_key) == named), None)


class Me(Model):
    """Who uses this config."""

    name: str | None = None
    """Default: the operating system's user."""
    timezone: str | None = None
    """How times are shown, always with the zone; default: the system's."""
    signing_key: str | None = None
    """File of the SSH private key that signs, where `[operators.NAME]` has an `ssh_key`; default: the SSH agent's."""


class Write(StrEnum):
    NOBODY = "nobody"
    OPERATOR = "operator"
    APPROVER = "approver"


_OVERRIDABLE = ("sources", "providers", "adapters", "channels")


def _overrides(value: dict[str, Any]) -> dict[str, Any]:
    for table, entries in value.items():
        if table not in _OVERRIDABLE:
            raise ValueError(f'"{table}" cannot be overridden; what can is {", ".join(_OVERRIDABLE)}')
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise ValueError(f'write {table}.NAME.KEY = "…"')
    return value


Overrides = Annotated[dict[str, Any], AfterValidator(_overrides)]
"""Tables, names in them and keys of these."""


class Environment(Model):
    """One environment of the flag provider."""

    production: Switch = False
    """Real users are here."""
    rehearsal: Switch = False
    """Runbooks may be rehearsed here, with real effects: no user is harmed by them."""
    write: Write = Write.OPERATOR
    """Who may change anything here: nobody | operator | approver. A rollback needs no more than operator."""
    require_signature: Switch = False
    """Approvals and sign-offs count here only when they are signed."""
    overrides: Overrides = Field(default_factory=dict)
    """What is otherwise here, such as `{ adapters.cache.url = "https://cache.staging.example.com" }`: keys of sources, providers,
    adapters and channels. For runs of runbooks; a rollout is not started where its source or provider is overridden."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Environment:
        if self.production and self.rehearsal:
            words = "an environment with real users is no place for a rehearsal"
            raise Misfits([Misfit(("rehearsal",), words, "Leave out production or rehearsal.")])
        return self


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
    witness: str | None = None
    """File outside the database that number and hash of the newest event are added to; `journal verify` compares with it."""


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


class Rehearsals(Model):
    """Rehearsals of runbooks."""

    records: str | None = None
    """Folder for their records, a TOML and a Markdown file each; default: rolloutctl/rehearsals under the XDG state folder."""


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
    adapters: dict[str, Adapter] = Field(default_factory=dict)
    """HTTP endpoints of runbooks and criteria by name."""
    channels: dict[str, Channel] = Field(default_factory=dict)
    """Where people are notified, by name."""
    environments: dict[str, Environment] = Field(default_factory=dict)
    """Environments by name."""
    rehearsals: Rehearsals = Field(default_factory=Rehearsals)
    """Rehearsals of runbooks."""
    ui: Ui = Field(default_factory=Ui)
    """The screen."""

    @model_validator(mode="after")
    def _can_be_overridden(self) -> Config:
        found = []
        for name, environment in self.environments.items():
            if not environment.overrides:
                continue
            try:
                self.in_environment(name)
            except ValidationError as error:
                for each in error.errors():
                    where = ".".join(str(part) for part in each["loc"])
                    found.append(Misfit(("environments", name, "overrides"), f"with it, {where} is wrong: {each['msg']}"))
        if found:
            raise Misfits(found)
        return self

    def in_environment(self, name: str) -> Config:
        """As it is in an environment, its overrides applied; without overrides of its own."""
        environment = self.environments.get(name)
        if environment is None or not environment.overrides:
            return self
        data = self.model_dump(mode="json", exclude_unset=True)
        for other in data.get("environments", {}).values():
            other.pop("overrides", None)
        for table, entries in environment.overrides.items():
            for entry, keys in entries.items():
                data.setdefault(table, {}).setdefault(entry, {}).update(keys)
        return Config.model_validate(data)

    def role_of(self, person: str) -> OperatorRole:
        """What a person may do: everyone is an approver until operators are listed, then others are viewers."""
        if not self.operators:
            return OperatorRole.APPROVER
        listed = self.operators.get(person)
        return listed.role if listed else OperatorRole.VIEWER
