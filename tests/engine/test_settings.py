import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.config import FromCommand, FromEnv, FromFile, Theme
from rolloutctl.engine.config.settings import Settings, Surroundings, effective, journal_path, read_settings
from rolloutctl.errors import ConfigInvalid

UNLEASH = '[providers.unleash]\ntype = "unleash"\nurl = "https://u.example.com"\nauth = { type = "token", token = { file = "token" } }\n'


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    for name in ("cwd", "config", "state"):
        (tmp_path / name).mkdir()
    return Surroundings(tmp_path / "cwd", {}, tmp_path / "config", tmp_path / "state")


def with_environ(here: Surroundings, **environ: str) -> Surroundings:
    return Surroundings(here.cwd, environ, here.config_home, here.state_home)


def origin(settings: Settings, key: str) -> str:
    return next(line.origin for line in effective(settings) if line.key == key)


def value(settings: Settings, key: str) -> str:
    return next(line.value for line in effective(settings) if line.key == key)


def test_no_file_at_all_is_fine(here: Surroundings) -> None:
    settings = read_settings(None, here)
    assert settings.files == ()
    assert journal_path(settings) == here.state_home / "journal.db"
    assert {line.origin for line in effective(settings)} == {"default"}


def test_later_ones_win_key_by_key(here: Surroundings) -> None:
    user, local, explicit = here.config_home / "config.toml", here.cwd / "rolloutctl.toml", here.cwd / "x.toml"
    user.write_text('[operator]\nname = "ana"\n[ui]\ntheme = "light"\ninterval = "1s"\n[journal]\nlease = "9s"\n')
    local.write_text('\n[ui]\ninterval = "2s"\n')
    explicit.write_text('\n\n[ui]\ntheme = "ansi-dark"\n')
    settings = read_settings(
        Path("x.toml"), with_environ(here, ROLLOUTCTL_JOURNAL__LEASE="8s", OTHER__KEY="x", ROLLOUTCTL_DEMO="y")
    )
    assert settings.files == (user, local, explicit)
    assert settings.config.ui.theme is Theme.ANSI_DARK
    assert origin(settings, "ui.theme") == f"{explicit}:4"
    assert origin(settings, "ui.interval") == f"{local}:3"
    assert origin(settings, "operator.name") == f"{user}:2"
    assert origin(settings, "journal.lease") == "environment variable ROLLOUTCTL_JOURNAL__LEASE"
    assert value(settings, "journal.lease") == "8s"
    assert origin(settings, "journal.mode") == "default"


def test_an_explicit_file_is_the_strongest_even_where_it_is_the_usual_one(here: Surroundings) -> None:
    user, local = here.config_home / "config.toml", here.cwd / "rolloutctl.toml"
    user.write_text('[ui]\ntheme = "light"\n')
    local.write_text('[ui]\ntheme = "dark"\n')
    settings = read_settings(user, here)
    assert settings.config.ui.theme is Theme.LIGHT
    assert settings.files == (local, user)


def test_auth_and_secrets_are_replaced_as_a_whole(here: Surroundings) -> None:
    (here.config_home / "config.toml").write_text(UNLEASH)
    (here.cwd / "rolloutctl.toml").write_text('[providers.unleash.auth]\ntype = "bearer"\ntoken = { env = "T" }\n')
    auth = read_settings(None, here).config.providers["unleash"].auth
    assert auth.type == "bearer"
    assert auth.token == FromEnv(env="T")
    (here.cwd / "rolloutctl.toml").unlink()
    settings = read_settings(None, with_environ(here, ROLLOUTCTL_PROVIDERS__UNLEASH__AUTH__TOKEN__ENV="T2"))
    auth = settings.config.providers["unleash"].auth
    assert auth.type == "token"
    assert auth.token == FromEnv(env="T2")
    assert value(settings, "providers.unleash.auth.token") == "«from env T2»"
    assert origin(settings, "providers.unleash.auth.token").endswith("AUTH__TOKEN__ENV")


def test_paths_are_relative_to_their_file(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    (here.config_home / "config.toml").write_text(
        UNLEASH + 'tls = { ca = "certs/ca.pem", key = "~/me.key" }\n[journal]\nurl = "sqlite:///j.db"\n'
    )
    settings = read_settings(None, here)
    unleash = settings.config.providers["unleash"]
    assert unleash.tls is not None
    assert unleash.tls.ca == str(here.config_home / "certs/ca.pem")
    assert unleash.tls.key == "/home/ana/me.key"
    assert unleash.auth.token == FromFile(file=str(here.config_home / "token"))
    assert journal_path(settings) == here.config_home / "j.db"
    local = with_environ(here, ROLLOUTCTL_JOURNAL__URL="sqlite:///k.db")
    assert journal_path(read_settings(None, local)) == here.cwd / "k.db"


def test_secrets_of_channels_are_relative_too_and_a_channel_may_have_any_name(here: Surroundings) -> None:
    text = """
[channels.a]
type = "slack"
url = { file = "slack.url" }
[channels.b]
type = "pagerduty"
routing_key = { command = ["./key", "x"] }
[channels.url]
type = "webhook"
url = "https://x.example.com/in"
tls = { ca = "ca.pem" }
"""
    (here.config_home / "config.toml").write_text(text)
    settings = read_settings(
        None, with_environ(here, ROLLOUTCTL_CHANNELS__C__TYPE="slack", ROLLOUTCTL_CHANNELS__C__URL__ENV="HOOK")
    )
    a, b, c, odd = (settings.config.channels[name] for name in ("a", "b", "c", "url"))
    assert a.type == c.type == "slack"
    assert (a.url, c.url) == (FromFile(file=str(here.config_home / "slack.url")), FromEnv(env="HOOK"))
    assert b.type == "pagerduty"
    assert b.routing_key == FromCommand(command=(str(here.config_home / "key"), "x"))
    assert odd.tls is not None
    assert odd.tls.ca == str(here.config_home / "ca.pem")


@pytest.mark.parametrize(("url", "path"), [("sqlite:////var/x.db", "/var/x.db"), ("sqlite:///~/x.db", "/home/ana/x.db")])
def test_journal_paths(here: Surroundings, monkeypatch: pytest.MonkeyPatch, url: str, path: str) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    (here.cwd / "rolloutctl.toml").write_text(f'[journal]\nurl = "{url}"\n')
    assert journal_path(read_settings(None, here)) == Path(path)


def test_variables_are_typed_by_the_models_and_find_names(here: Surroundings) -> None:
    (here.cwd / "rolloutctl.toml").write_text(
        '[operators."ana.ruiz"]\nrole = "viewer"\n[sources.my-prom]\ntype = "prometheus"\nurl = "http://x"\n'
    )
    config = read_settings(
        None,
        with_environ(
            here,
            ROLLOUTCTL_OPERATORS__ANA_RUIZ__ROLE="approver",
            ROLLOUTCTL_OPERATORS__ANA_RUIZ__GROUPS='["a", "b"]',
            ROLLOUTCTL_SOURCES__MY_PROM__MAX_SERIES="7",
            ROLLOUTCTL_ENVIRONMENTS__PRODUCTION__PRODUCTION="true",
            ROLLOUTCTL_JOURNAL__MODE="0640",
            ROLLOUTCTL_OPERATOR__NAME="007",
        ),
    ).config
    assert config.operators["ana.ruiz"].role == "approver"
    assert config.operators["ana.ruiz"].groups == ("a", "b")
    assert config.sources["my-prom"].max_series == 7
    assert config.environments["production"].production is True
    assert config.journal.mode == "0640"
    assert config.operator.name == "007"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"ROLLOUTCTL_UI__THEM": "dark"},
            'environment variable ROLLOUTCTL_UI__THEM ui.them: unknown key "them". Did you mean "theme"?',
        ),
        ({"ROLLOUTCTL_UI__INTERVAL": "5"}, 'environment variable ROLLOUTCTL_UI__INTERVAL ui.interval: "5" is not a duration'),
        ({"ROLLOUTCTL_ENVIRONMENTS__P__PRODUCTION": "yes"}, 'must be true or false without quotes, not "yes"'),
        ({"ROLLOUTCTL_SOURCES__P__URL": "http://x"}, "environment variable ROLLOUTCTL_SOURCES__P__URL sources.p.type: "),
        ({"ROLLOUTCTL_UI__THEME": "\udcff"}, "the value is not UTF-8 text"),
    ],
)
def test_a_wrong_variable_is_named(here: Surroundings, environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_settings(None, with_environ(here, **environ))
    assert said in str(caught.value)


def test_a_wrong_value_is_blamed_on_the_file_it_stands_in(here: Surroundings) -> None:
    user, local = here.config_home / "config.toml", here.cwd / "rolloutctl.toml"
    user.write_text('[ui]\ntheme = "pink"\n')
    local.write_text("[ui]\ninterval = 3\n[journl]\n")
    with pytest.raises(ConfigInvalid) as caught:
        read_settings(None, here)
    places = {str(problem).split(" ")[0] for problem in caught.value.problems}
    assert places == {f"{user}:2", f"{local}:2", f"{local}:3"}


def test_files_that_cannot_be_read(here: Surroundings) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read: no such file"):
        read_settings(Path("gone.toml"), here)
    with pytest.raises(ConfigInvalid, match="cannot be read: is a directory"):
        read_settings(here.cwd, here)
    with pytest.raises(ConfigInvalid, match="cannot be read: it has no usable name"):
        read_settings(Path("a\0b"), here)
    local = here.cwd / "rolloutctl.toml"
    local.write_bytes(b"\xff")
    with pytest.raises(ConfigInvalid, match="not UTF-8"):
        read_settings(None, here)
    local.write_text("[")
    with pytest.raises(ConfigInvalid, match=r"rolloutctl\.toml:1: this is not TOML"):
        read_settings(None, here)
    local.write_text("format = 2\n")
    with pytest.raises(ConfigInvalid, match=r"rolloutctl\.toml:1 format: .*format 1"):
        read_settings(None, here)


def test_secrets_are_shown_as_where_they_are_read_from(here: Surroundings) -> None:
    text = UNLEASH + 'client_auth = { type = "basic", username = "u", password = { command = ["pass", "--unlock=x"] } }\n'
    (here.cwd / "rolloutctl.toml").write_text(text)
    settings = read_settings(None, here)
    assert value(settings, "providers.unleash.auth.token") == f"«from file {here.cwd / 'token'}»"
    assert value(settings, "providers.unleash.client_auth.password") == "«from command pass»"
    assert value(settings, "providers.unleash.timeout") == "8s"


@given(
    st.dictionaries(st.text("ABUIJOURNAL_PROVIDERS", min_size=1, max_size=20).map("ROLLOUTCTL_".__add__), st.text(max_size=20))
)
def test_any_environment_is_settings_or_a_sentence(environ: dict[str, str]) -> None:
    nowhere = Path("/nonexistent")
    try:
        read_settings(None, Surroundings(nowhere, environ, nowhere, nowhere))
    except ConfigInvalid as error:
        problems = error.problems
    else:
        return
    assert problems


def test_this_machine_s_surroundings_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    here = Surroundings.here()
    assert here.config_home == tmp_path / "c" / "rolloutctl"
    assert here.state_home == tmp_path / "s" / "rolloutctl"
    assert here.environ == dict(os.environ)
    assert not here.config_home.exists()
