import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rolloutctl.config import Config, FromFile, OperatorRole, SlackChannel, WebhookChannel
from rolloutctl.docstrings import docstrings
from rolloutctl.errors import ConfigInvalid, InvalidInput
from rolloutctl.not_yet import CONFIG
from rolloutctl.strict_toml import parse, validate
from rolloutctl.toml_models import annotations_at

EXAMPLE = (Path(__file__).parents[1] / "config.example.toml").read_text(encoding="utf-8")
UNLEASH = '[providers.unleash]\ntype = "unleash"\nurl = "https://u.example.com"\n'
TOKEN = UNLEASH + 'auth = { type = "token", token = %s }\n'


def read(text: str) -> Config:
    return validate(Config, parse(text, "c.toml"), ConfigInvalid, CONFIG)


def one(text: str) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    (problem,) = caught.value.problems
    return str(problem)


def test_nothing_at_all_is_a_config() -> None:
    assert read("") == Config()


def test_the_example_is_read() -> None:
    config = read(EXAMPLE)
    assert config.role_of("ana.ruiz") is OperatorRole.APPROVER
    assert config.role_of("somebody") is OperatorRole.VIEWER
    assert Config().role_of("somebody") is OperatorRole.APPROVER


ONE_OF_SEVERAL = ("auth", "client_auth", "password", "url", "routing_key")


def keys(model: type[BaseModel], key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the models; the entries of a table by name stand under the example's name."""
    names = {
        "operators": "ana.ruiz",
        "sources": "prometheus",
        "providers": "unleash",
        "adapters": "cache",
        "channels": "*",
        "environments": "production",
    }
    for name in model.model_fields:
        here = (*key, name)
        yield here
        if not key and name in names:
            here = (*here, names[name])
        for inner in annotations_at(Config, {}, here):
            # Which of the kinds of auth and of secrets the example shows is its business.
            if isinstance(inner, type) and issubclass(inner, BaseModel) and name not in ONE_OF_SEVERAL:
                # Of channels every kind is shown, under its own name.
                kind = get_args(inner.model_fields["type"].annotation)[0] if here[-1] == "*" else here[-1]
                yield from keys(inner, (*here[:-1], kind))
        assert docstrings(model)[name]


def test_the_example_shows_every_key() -> None:
    shown: Any = parse(EXAMPLE, "c.toml").places
    lacking = {key[-2:] for key in set(keys(Config)) - set(shown)}
    assert lacking == {("tls", "cert"), ("tls", "key")}
    assert {("providers", "unleash", "tls", "cert"), ("providers", "unleash", "tls", "key")} <= set(shown)


def test_the_example_shows_defaults_as_they_are() -> None:
    optional = (
        "name|timezone|witness|alertmanager|headers|auth|client_auth|username|password|port|dashboard|panel|tls|production|groups"
        "|signing_key|ssh_key|records"
    )
    text = re.sub(rf"(?m)^({optional}) .*$", "", EXAMPLE)
    for lacking in ('type            = "unleash"', 'type      = "grafana"'):
        assert lacking in text
        text = text.replace(lacking, f'{lacking}\nauth = {{ type = "none" }}')
    minimal = (
        '[sources.prometheus]\ntype = "prometheus"\nurl = "http://127.0.0.1:9090"\n[environments.production]\n'
        '[operators."ana.ruiz"]\nrole = "approver"\n'
        '[providers.unleash]\ntype = "unleash"\nurl = "http://127.0.0.1:4242"\nauth = { type = "none" }\n'
        '[adapters.cache]\nurl = "https://cache.example.com"\n'
        + "".join(
            f'[channels.{kind}]\ntype = "{kind}"\nurl = {{ env = "CHANNEL_URL" }}\n' for kind in ("webhook", "slack", "teams")
        )
        + '[channels.pagerduty]\ntype = "pagerduty"\nrouting_key = { env = "PAGERDUTY_KEY" }\n'
        '[channels.email]\ntype = "email"\nhost = "mail.example.com"\nsender = "rollout@example.com"\nto = ["release@example.com"]\n'
        '[channels.grafana]\ntype = "grafana"\nurl = "https://grafana.example.com"\nauth = { type = "none" }\n'
    )
    assert read(text) == read(minimal)


def test_every_line_of_the_example_has_a_sentence() -> None:
    for number, line in enumerate(EXAMPLE.splitlines(), 1):
        assert not line or "#" in line, number


def test_other_keys_are_read() -> None:
    assert read('[ui.keys]\n"rollout.advance" = "B"\n"rollout.back" = "A"\n').ui.keys["rollout.advance"] == "B"


SLACK = '[channels.c]\ntype = "slack"\nurl = %s\n'
MAIL = '[channels.c]\ntype = "email"\nhost = "mail.example.com"\nsender = "rollout@example.com"\n'
SECRET_WORDS = 'write { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] }'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOKEN % '"s3cret"', f"providers.unleash.auth.token: a secret must not stand in the file; {SECRET_WORDS}."),
        (TOKEN % "{ keyring = 's3cret' }", "the keyring is not supported by this version"),
        (TOKEN % "{ env = 's3cret', file = 'x' }", f"a secret comes from exactly one place; {SECRET_WORDS}"),
        (TOKEN % "{ env = '' }", "env must be the name of an environment variable in quotes"),
        (TOKEN % "{ file = 3 }", "file must be a path in quotes"),
        (TOKEN % "{ command = 's3cret' }", "command must be a list of a program and its arguments"),
        (TOKEN % "{ command = [] }", "command must be a list of a program and its arguments"),
        (UNLEASH + "auth = 's3cret'\n", "providers.unleash.auth: must be a table, not that."),
        (UNLEASH + 'auth = { type = "bearer" }\n', 'providers.unleash.auth.token: "token" is missing.'),
        (UNLEASH + 'auth = { token = { env = "X" } }\n', '"type" is missing. Add type = "none", "token", "bearer" or "basic".'),
        (UNLEASH + 'auth = { type = "tokn" }\n', 'Did you mean "token"?'),
        (UNLEASH, 'c.toml:1 providers.unleash.auth: "auth" is missing.'),
        ((TOKEN % "{ env = 'X' }").replace("//u", "//me:s3cret@u"), "providers.unleash.url: this is not a URL"),
        ((TOKEN % "{ env = 'X' }").replace("https:", "ftp:"), "providers.unleash.url: this is not a URL"),
        ((TOKEN % "{ env = 'X' }") + "timout = '8s'\n", 'Did you mean "timeout"? "providers.unleash" may have: type, url,'),
        ('[journal]\nmode = "600"\n', 'c.toml:2 journal.mode: "600" is not a file mode; write it in quotes with a leading zero'),
        ("[journal]\nmode = 0o600\n", "journal.mode: must be text in quotes, not 384."),
        ('[journal]\nurl = "journal.db"\n', 'journal.url: "journal.db" is not the URL of a journal'),
        ('[ui]\ntheme = "drak"\n', 'Did you mean "dark"?'),
        ('[ui]\ninterval = "0s"\n', "c.toml:2 ui.interval: servers are not polled more often than every 200ms; write a longer"),
        ('[ui.keys]\n"rollut.hold" = "B"\n', 'c.toml:2 ui.keys."rollut.hold": there is no binding "rollut.hold". Did you mean'),
        (
            '[ui.keys]\n"rollout.hold" = "B"\n',
            '"B" is the key of rollout.back already. Give rollout.hold or rollout.back another',
        ),
        ('[ui.keys]\n"rollout.hold" = 3\n', 'ui.keys."rollout.hold": must be text in quotes, not 3.'),
        ("[operatr]\n", 'unknown key "operatr". Did you mean "operator"?'),
        ("format = 2\n", "format: 2 is not a format"),
        ("[environments.production]\nproduction = 1\n", "must be true or false without quotes, not 1."),
        ('[sources.p]\ntype = "prometheus"\nurl = "http://x"\nmax_series = 0\n', "must be at least 1, not 0."),
        ('[adapters.a]\nurl = "https://me:s3cret@x"\n', "adapters.a.url: this is not a URL"),
        (
            '[adapters.a]\nurl = "https://x"\nmax_body = 3\n',
            'max_body: 3 is not a size; write it in quotes with a unit, for example "16KiB"',
        ),
        ('[adapters.a]\nurl = "https://x"\nmax_body = "65MiB"\n', '"65MiB" is not a size between 1B and 64MiB.'),
        ('[adapters.a]\nurl = "https://x"\nconnections = 0\n', "must be at least 1, not 0."),
        ("[adapters.a]\n", 'adapters.a.url: "url" is missing. Add it: base URL'),
        ('[channels.c]\nurl = "x"\n', 'Add type = "webhook", "slack", "teams", "pagerduty", "email" or "grafana".'),
        ('[channels.c]\ntype = "slak"\n', 'Did you mean "slack"?'),
        (SLACK % '"https://hooks.example.com/s3cret"', f"channels.c.url: a secret must not stand in the file; {SECRET_WORDS}."),
        (SLACK % '{ keyring = "s3cret" }', "the keyring is not supported by this version"),
        (
            '[channels.c]\ntype = "pagerduty"\nrouting_key = "s3cret"\n',
            "channels.c.routing_key: a secret must not stand in the file",
        ),
        ((SLACK % '"https://x/?key=s3cret"').replace("slack", "webhook"), "this is not a URL that may stand in the file"),
        ((SLACK % '"https://me:s3cret@x/"').replace("slack", "webhook"), "this is not a URL that may stand in the file"),
        (MAIL + "to = []\n", "channels.c.to: needs at least one entry."),
        (MAIL + 'to = ["ops"]\n', '"ops" is not an e-mail address, such as ops@example.com.'),
        (MAIL + 'to = ["a@x\\r\\nBcc: b@x"]\n', "is not an e-mail address"),
        (MAIL + 'to = ["a@x"]\nusername = "a"\n', 'channels.c.password: "password" is missing. Give both'),
        (MAIL + 'to = ["a@x"]\npassword = { env = "P" }\n', 'channels.c.username: "username" is missing. Give both'),
        (
            MAIL + 'to = ["a@x"]\nusername = "a"\npassword = { env = "P" }\nsecurity = "none"\n',
            "channels.c.security: a password is not sent over a connection that anybody can read.",
        ),
        (
            '[channels.c]\ntype = "grafana"\nurl = "https://x"\nauth = { type = "none" }\npanel = 2\n',
            "channels.c.panel: a panel belongs to a dashboard, which is not named.",
        ),
        ("[environments.e]\nproduction = true\nrehearsal = true\n", "environments.e.rehearsal: an environment with real users"),
    ],
)
def test_one_mistake_one_sentence(text: str, said: str) -> None:
    problem = one(text)
    assert said in problem
    assert "s3cret" not in problem
    assert "Input should" not in problem


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[sources.p]\ntype = "datadog"\nsite = "x"\n', "sources.p.type"),
        ('[providers.ld]\ntype = "launchdarkly"\nenvironment = "x"\n', "providers.ld.type"),
        ((TOKEN % '{ env = "X" }') + 'budget = "60/min"\n', "providers.unleash.budget"),
        (UNLEASH + 'auth = { type = "header", name = "X-Key", token = { env = "X" } }\n', "providers.unleash.auth.type"),
    ],
)
def test_what_this_version_has_not_is_refused_in_its_own_words(text: str, key: str) -> None:
    problem = one(text)
    assert re.match(rf"c\.toml:\d+ {re.escape(key)}: .* not supported by this version\. [A-Z]", problem)


WORDS = (
    "format journal url mode operator operators role sources type auth token env providers headers environments write ui theme "
    "interval tls max_series keys channels file command"
)
NAMES = st.sampled_from(WORDS.split())
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["unleash", "prometheus", "token", "bearer", "http://x", "15s", "sqlite:///x", "\x1b"])
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=10)
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_random_documents(data: dict[str, Any]) -> None:
    text = tomli_w.dumps(data)
    assert tomllib.loads(text) is not None
    try:
        read(text)
    except ConfigInvalid as error:
        found = error.problems
    else:
        return
    assert found
    assert all(isinstance(p, InvalidInput) and str(p).startswith("c.toml") and "\x1b" not in str(p) for p in found)


def test_what_channels_and_adapters_say_is_read() -> None:
    config = read(
        SLACK % '{ file = "slack.url" }'
        + '[channels.h]\ntype = "webhook"\nurl = "https://x.example.com/in"\n'
        + '[adapters.a]\nurl = "https://x.example.com"\nmax_body = "16KiB"\n'
        + "[environments.staging]\nrehearsal = true\n"
    )
    assert config.channels["c"] == SlackChannel(type="slack", url=FromFile(file="slack.url"))
    assert config.channels["h"] == WebhookChannel(type="webhook", url="https://x.example.com/in")
    assert config.adapters["a"].max_body == 16_384
    assert config.environments["staging"].rehearsal
