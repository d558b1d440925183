import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rolloutctl.config import Config, OperatorRole
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


def keys(model: type[BaseModel], key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the models; the entries of a table by name stand under the example's name."""
    names = {"operators": "ana.ruiz", "sources": "prometheus", "providers": "unleash", "environments": "production"}
    for name, field in model.model_fields.items():
        here = (*key, name)
        yield here
        if not key and name in names:
            here = (*here, names[name])
        for inner in annotations_at(Config, {}, here):
            # Which of the kinds of auth and of secrets the example shows is its business.
            if isinstance(inner, type) and issubclass(inner, BaseModel) and name not in ("auth", "client_auth", "password"):
                yield from keys(inner, here)
        assert field.description


def test_the_example_shows_every_key() -> None:
    shown: Any = parse(EXAMPLE, "c.toml").places
    tls = {("sources", "prometheus", "tls", "cert"), ("sources", "prometheus", "tls", "key")}
    assert set(keys(Config)) - set(shown) == tls


def test_the_example_shows_defaults_as_they_are() -> None:
    text = re.sub(r"(?m)^(name|timezone|headers|auth|client_auth|password|tls|production|groups) .*$", "", EXAMPLE)
    text = text.replace('type            = "unleash"', 'type = "unleash"\nauth = { type = "none" }')
    minimal = (
        '[sources.prometheus]\ntype = "prometheus"\nurl = "http://127.0.0.1:9090"\n[environments.production]\n'
        '[operators."ana.ruiz"]\nrole = "approver"\n'
        '[providers.unleash]\ntype = "unleash"\nurl = "http://127.0.0.1:4242"\nauth = { type = "none" }\n'
    )
    assert read(text) == read(minimal)


def test_every_line_of_the_example_has_a_sentence() -> None:
    for number, line in enumerate(EXAMPLE.splitlines(), 1):
        assert not line or "#" in line, number


def test_other_keys_are_read() -> None:
    assert read('[ui.keys]\n"rollout.advance" = "B"\n"rollout.back" = "A"\n').ui.keys["rollout.advance"] == "B"


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
        ('[adapters.cache]\nurl = "x"\n', "adapters"),
        ('[channels.release]\ntype = "slack"\n', "channels"),
        ("[environments.staging]\nrehearsal = true\n", "environments.staging.rehearsal"),
        ("[environments.staging]\noverrides = { }\n", "environments.staging.overrides"),
        ('[operators.ana]\nrole = "viewer"\nssh_key = "x"\n', "operators.ana.ssh_key"),
        ('[sources.p]\ntype = "datadog"\nsite = "x"\n', "sources.p.type"),
        ('[sources.p]\ntype = "prometheus"\nurl = "http://x"\nalertmanager = "http://y"\n', "sources.p.alertmanager"),
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
