"""`rolloutctl channel test`: what is sent, what is said, which code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.__main__ import screen
from rolloutctl.cli.app import run
from rolloutctl.cli.completing import offered
from servers.receiver import Receiver, answer, hang_up, nobody
from servers.smtp import MailServer


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver(usually=answer(200, "ok")) as running:
        yield running


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Receiver) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOOK", f"{server.url}/services/T1/B1/w3bhook-secret")
    monkeypatch.setenv("LOST", f"{nobody()}/services/T1/B1/w3bhook-secret")
    monkeypatch.chdir(tmp_path)
    text = """
[operator]
name = "ana"
[channels.release]
type = "slack"
url = { env = "HOOK" }
[channels.lost]
type = "slack"
url = { env = "LOST" }
[channels.file]
type = "slack"
url = { file = "hook.url" }
"""
    (tmp_path / "rolloutctl.toml").write_text(text)
    return tmp_path / "rolloutctl.toml"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["channel", "test", *arguments], screen)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "w3bhook-secret" not in captured.out + captured.err
    return code, captured.out, captured.err


def test_a_message_is_taken(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    code, out, err = said(capsys, "release")
    assert (code, err) == (0, "")
    assert out.startswith("release: taken (")
    (got,) = server.received
    assert got.target == "/services/T1/B1/w3bhook-secret"
    assert got.json["text"].startswith('This is a test of notifications\nana tries the channel "release".')


def test_a_message_is_refused(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    server.usually = answer(404, "no_service")
    code, out, err = said(capsys, "release")
    assert (code, out) == (1, "")
    assert "release: refused, nobody was told" in err
    assert "Slack: HTTP 404: no_service" in err


def test_a_message_that_may_have_arrived(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    server.usually = hang_up
    code, _, err = said(capsys, "release")
    assert code == 4
    assert "people may have been told; look there" in err


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "lost")
    assert code == 7
    assert "lost: not sent, nobody was told after 3 attempts" in err


def test_json(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    server.usually = answer(403, "action_prohibited")
    code, out, err = said(capsys, "release", "--json")
    assert (code, err) == (1, "")
    document = json.loads(out)
    assert document.pop("elapsed_s") >= 0
    assert document == {
        "channel": "release",
        "ending": "refused",
        "why": "Slack: HTTP 403: action_prohibited",
        "attempts": 1,
    }


def test_a_channel_that_is_not_there(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    code, _, err = said(capsys, "relase")
    assert code == 2
    assert 'there is no channel "relase" in the config. Did you mean "release"?' in err
    assert server.received == ()


def test_its_name_is_completed() -> None:
    assert [word for word, _ in offered(["channel", "test", ""]).words] == ["file", "lost", "release"]
    assert [word for word, _ in offered(["channel", "test", "release", "--matter", "s"]).words] == ["seen"]


def test_read_only_sends_nothing(capsys: pytest.CaptureFixture[str], server: Receiver) -> None:
    code, _, err = said(capsys, "release", "--read-only")
    assert code == 6
    assert "--read-only" in err
    assert server.received == ()


def test_a_secret_that_is_not_there(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    code, _, err = said(capsys, "file")
    assert code == 7
    assert str(config.with_name("hook.url")) in err, "relative to the config"


def test_e_mail(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    with MailServer() as server:
        config.write_text(
            f"""
[channels.mail]
type = "email"
host = "127.0.0.1"
port = {server.port}
security = "none"
sender = "rollout@example.com"
to = ["ops@example.com"]
"""
        )
        assert said(capsys, "mail")[0] == 0
    assert server.mails[0].message["Subject"].strip() == "[rolloutctl] This is a test of notifications"
