"""What is written down of a crash, where, and what is not in it."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from rolloutctl.config import FromEnv
from rolloutctl.engine.config.secrets import read_secret
from rolloutctl.engine.unexpected import crash, listening

CANARY = "kestrel/7:ZEBRA+quartz=="


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(crash, "_files", {})
    crash.left_behind()


@pytest.fixture
def _listening() -> Iterator[None]:
    """With the interpreter's own hooks in place before, as in a program of its own; what was there before comes back."""
    before = threading.excepthook, sys.unraisablehook, list(logging.getLogger().handlers)
    threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__
    logging.captureWarnings(capture=False)
    listening.listen()
    yield
    logging.captureWarnings(capture=False)
    threading.excepthook, sys.unraisablehook, logging.getLogger().handlers[:] = before


def raised(message: str) -> Exception:
    try:
        raise LookupError(message)
    except LookupError as error:
        return error


def log(tmp_path: Path) -> str:
    (file,) = (tmp_path / "state" / "rolloutctl").glob("crash-*.log")
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text()


def test_the_sentence_names_the_file_and_the_file_holds_the_trace(tmp_path):
    said = crash.told(raised("seven"))
    text = log(tmp_path)
    assert said == f"The details are in {next((tmp_path / 'state' / 'rolloutctl').iterdir())}."
    assert "LookupError: seven" in text
    assert "in raised" in text
    assert (tmp_path / "state" / "rolloutctl").stat().st_mode & 0o777 == 0o700


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [secret, quote(secret, safe=""), quote(secret), base64.b64encode(raw).decode(), raw.hex()]


def test_no_secret_that_was_read_is_in_it_in_any_form(tmp_path):
    read_secret(FromEnv(env="X"), {"X": CANARY})
    inside = base64.b64encode(f"user:{CANARY}".encode()).decode()
    crash.told(raised(" ".join([*forms(CANARY), inside])))
    text = log(tmp_path)
    for form in [*forms(CANARY), inside[8:-4]]:
        assert form not in text


def test_no_variable_that_is_named_like_a_secret_is_in_it(tmp_path, monkeypatch):
    for name in ("MY_TOKEN", "DB_PASSWORD", "STRIPE_API_KEY", "SLACK_WEBHOOK", "BASIC_AUTH"):
        monkeypatch.setenv(name, f"{name}-{CANARY}")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Anaconda Ruiz")
    crash.told(raised("Anaconda Ruiz " + " ".join(os.environ[name] for name in os.environ if CANARY in os.environ[name])))
    text = log(tmp_path)
    assert CANARY not in text
    assert "Anaconda Ruiz" in text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef123456",
        "{'Authorization': 'abcdef123456', 'Accept': 'x'}",
        "Headers([('authorization', 'user:abcdef123456')])",
        "[(b'Authorization', b'abcdef123456')]",
        "http://ana:abcdef123456@prom.example.com/api",
        "GET https://x.example.com/?match=up&access_token=abcdef123456&b=1",
        "sent Basic abcdef123456==",
        "Cookie: session=abcdef123456; other=abcdef123456",
    ],
)
def test_no_credentials_of_headers_and_urls_are_in_it(text):
    assert "abcdef123456" in text
    assert "abcdef123456" not in crash.scrubbed(text, {})


def test_what_is_no_secret_stays():
    text = 'File "/x/engine.py", line 3, in tokens\n  http://127.0.0.1:9090/api/v1/query?query=up\nKeyError: 5 basic rules'
    assert crash.scrubbed(text, {}) == text


def test_when_secrets_cannot_be_told_only_places_are_written(monkeypatch):
    monkeypatch.setitem(sys.modules, "rolloutctl.engine.config.secrets", None)
    text = crash.scrubbed(f'Traceback:\n  File "/x/a.py", line 3, in f\n    raise X\nX: {CANARY}', {})
    assert text == '  File "/x/a.py", line 3, in f'


@pytest.mark.parametrize("place", ["a file is in the way", "no home"])
def test_where_nothing_can_be_written_the_sentence_says_where_it_happened(place, tmp_path, monkeypatch):
    if place == "no home":
        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        monkeypatch.chdir(tmp_path)
    else:
        (tmp_path / "state").write_text("")
    said = crash.told(raised("seven"))
    assert said.startswith("The details could not be written (")
    assert "it happened in test_crash.py:" in said
    assert "in raised" in said
    assert "\n" not in said
    assert not (tmp_path / "~").exists()


def test_a_file_that_is_there_already_as_a_link_is_not_followed(tmp_path, monkeypatch):
    folder = tmp_path / "state" / "rolloutctl"
    folder.mkdir(parents=True)
    monkeypatch.setattr(crash, "_new_file", lambda _: folder / "crash-x.log")
    (folder / "crash-x.log").symlink_to(tmp_path / "precious")
    (tmp_path / "precious").write_text("")
    assert "could not be written" in crash.told(raised("x"))
    assert (tmp_path / "precious").read_text() == ""


def test_only_the_newest_twenty_are_kept(tmp_path):
    folder = tmp_path / "state" / "rolloutctl"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"crash-2000010{number // 10}T00000{number % 10}Z-1.log").write_text("")
    (folder / "journal.db").write_text("")
    crash.told(raised("x"))
    assert len(list(folder.glob("crash-*.log"))) == 20
    assert (folder / "journal.db").exists()


@pytest.mark.usefixtures("_listening")
def test_threads_loggers_warnings_and_finalisers_write_into_the_file_and_print_nothing(tmp_path, capfd):
    def fail() -> None:
        raise LookupError("in a thread")

    class Bad:
        def __del__(self) -> None:
            raise LookupError("in a finaliser")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Bad()
    logging.getLogger("asyncio").error("a task %s", "was lost", exc_info=raised("in a task"))
    logging.getLogger("x").info("unimportant")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("a library complains", stacklevel=1)
    text = log(tmp_path)
    for wanted in ("in a thread", "in a finaliser", "a task was lost", "in a task", "a library complains"):
        assert wanted in text
    assert "unimportant" not in text
    assert capfd.readouterr() == ("", "")
    said = crash.left_behind()
    assert said.startswith("There were 4 unexpected errors meanwhile; the details are in ")
    assert crash.left_behind() == ""


@pytest.mark.usefixtures("_listening")
def test_a_hook_of_somebody_else_stays(monkeypatch):
    heard: list[object] = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    listening.listen()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert len(heard) == 1
    assert crash.left_behind() == ""


@pytest.mark.usefixtures("_listening")
def test_listening_twice_writes_once(tmp_path):
    listening.listen()
    logging.getLogger("x").warning("only once")
    assert log(tmp_path).count("only once") == 1
    crash.left_behind()


def test_the_file_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(crash, "_LARGEST", 5_000)
    for _ in range(100):
        crash.note("x" * 1_000, "somewhere")
    assert len(log(tmp_path)) < 7_000
    assert "100 unexpected errors" in crash.left_behind()


def test_what_fails_while_python_shuts_down_is_not_printed(tmp_path):
    program = (
        "import sys\n"
        "from rolloutctl.engine.unexpected.listening import listen\n"
        "listen()\n"
        "class Bad:\n"
        "    def __del__(self):\n"
        "        raise LookupError('too late')\n"
        "kept = Bad()\n"  # goes when the modules go
    )
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
