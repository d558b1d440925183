"""However the screen ends, the terminal is as it was, the exit code says how, and no traceback and no secret is shown or kept.

Crashes are made by replacing functions before the program runs; the program itself has no way to be told to crash.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from faults.terminals import AtTerminal, at_terminal, left_on

SECRET = "kestrel/7:ZEBRA+quartz=="
CONFIG = """
[journal]
url = "sqlite:///journal.db"
[sources.metrics]
type = "prometheus"
url = "http://127.0.0.1:9"
auth = { type = "bearer", token = { file = "token.txt" } }
[providers.flags]
type = "unleash"
url = "http://127.0.0.1:9"
auth = { type = "token", token = { env = "FLAG_PASSPHRASE" } }
[ui]
interval = "300ms"
"""
TELL = f"""
secret = {SECRET!r}
import base64, urllib.parse
told = [secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe=""),
        base64.b64encode(("user:" + secret).encode()).decode(), "Authorization: " + secret, "http://a:hunter22@h/?token=hunter22"]
def fail(*_, **__):
    raise LookupError("it held " + " ".join(told))
async def fail_later(*_, **__):
    fail()
"""
READY = b"\x1b[?1049h"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rolloutctl.toml").write_text(CONFIG)
    (tmp_path / "token.txt").write_text(SECRET)
    (tmp_path / "token.txt").chmod(0o600)
    return tmp_path


def started(seen: AtTerminal) -> None:
    seen.read(READY)
    seen.idle(1.5)
    assert left_on(seen.seen) >= {b"1049", b"25"}


def without_secrets(seen: AtTerminal) -> str:
    """The crash file, which is private, holds the trace, and no secret; nor does the terminal."""
    (file,) = seen.state.glob("crash-*.log")
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    inside = base64.b64encode(b"user:" + SECRET.encode()).decode()[8:-4]
    forms = [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), inside, "hunter22"]
    for form in forms:
        assert form not in text
        assert form.encode() not in seen.seen
    assert b"Traceback" not in seen.seen
    assert str(file).encode() in seen.said.replace(b" ", b"").replace(b"\r", b"") or str(file).encode() in seen.said
    return text


def test_quitting(folder: Path):
    with at_terminal("", [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.type(b"q")
        assert seen.wait() == 0
        seen.assert_as_found()
    assert not list(seen.state.glob("crash-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal(folder: Path, number: signal.Signals):
    with at_terminal("", [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.process.send_signal(number)
        assert seen.wait() == 128 + number
        seen.assert_as_found()
        assert b"Traceback" not in seen.seen


@pytest.mark.parametrize("how", ["key", "signal"])
def test_suspended_and_continued(folder: Path, how: str):
    with at_terminal("", [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        if how == "key":
            seen.type(b"\x1a")
        else:
            seen.process.send_signal(signal.SIGTSTP)
        seen.stopped()
        seen.assert_as_found()
        drawn = len(seen.seen)
        seen.process.send_signal(signal.SIGCONT)
        seen.idle(2.0)
        assert READY in seen.seen[drawn:], "the screen is back"
        assert left_on(seen.seen) >= {b"1049", b"25"}
        seen.type(b"q")
        assert seen.wait() == 0
        seen.assert_as_found()


CRASHES = {
    "a key": "from rolloutctl.tui.app import RolloutApp\nRolloutApp.action_help = fail\n",
    "drawing": "import rolloutctl.tui.screens.help as page\npage.help_page = fail\npage.HelpScreen.on_mount = fail\n",
    "reading the keyboard": (
        "from textual.drivers.linux_driver import LinuxDriver\nbefore = LinuxDriver.process_message\n"
        "def process(self, message):\n"
        "    return fail() if getattr(message, 'character', '') == '?' else before(self, message)\n"
        "LinuxDriver.process_message = process\n"
    ),
}


@pytest.mark.parametrize("where", list(CRASHES))
def test_a_crash_of_the_screen(folder: Path, where: str):
    with at_terminal(TELL + CRASHES[where], [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.type(b"?")
        assert seen.wait() == 1
        seen.assert_as_found()
        assert b"the screen has failed" in seen.said
        without_secrets(seen)


@pytest.mark.parametrize("how", ["stop_application_mode", "close"])
def test_a_crash_of_what_should_restore_the_terminal(folder: Path, how: str):
    script = f"from textual.drivers.linux_driver import LinuxDriver\nLinuxDriver.{how} = fail\n"
    with at_terminal(TELL + script, [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.type(b"q")
        assert seen.wait() == 1
        seen.assert_as_found()
        assert b"LookupError" in seen.said
        without_secrets(seen)


def test_a_crash_while_the_screen_is_made(folder: Path):
    with at_terminal(TELL + "from rolloutctl.tui import app\napp.RolloutApp.on_mount = fail\n", [], folder) as seen:
        assert seen.wait() == 1
        seen.assert_as_found()
        assert b"LookupError" in seen.said
        assert b"Traceback" not in seen.seen
        without_secrets_named_by_nobody(seen)


def without_secrets_named_by_nobody(seen: AtTerminal) -> None:
    """Before anything was read the token of the file is known to nobody, so it could not have come into the trace."""
    (file,) = seen.state.glob("crash-*.log")
    assert "hunter22" not in file.read_text()
    assert b"hunter22" not in seen.seen


@pytest.mark.parametrize(
    "where",
    [
        "from rolloutctl.engine.engine import Engine\nEngine._follow = fail_later\n",
        "from rolloutctl.engine.looking.polling import Poller\nPoller.metrics = fail_later\nPoller.flags = fail_later\n",
    ],
)
def test_what_fails_in_the_engine_ends_neither_engine_nor_screen(folder: Path, where: str):
    read = "from rolloutctl.engine.config.secrets import read_secret\nfrom rolloutctl.config import FromEnv\nread_secret(FromEnv(env='S'))\n"
    with at_terminal(TELL + read + where, [], folder, S=SECRET, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.read(b"unexpectedly")
        assert seen.process.poll() is None
        seen.type(b"q")
        assert seen.wait() == 0
        seen.assert_as_found()
        assert b"unexpected error" in seen.said
        without_secrets(seen)


def test_a_loop_of_threads_that_fail_prints_nothing_into_the_screen(folder: Path):
    script = TELL + (
        "import threading\nfrom rolloutctl.tui.app import RolloutApp\n"
        "def start(self, *_):\n    thread = threading.Thread(target=fail)\n    thread.start()\n    thread.join()\n"
        "RolloutApp.action_help = start\n"
        "from rolloutctl.engine.config.secrets import read_secret\nfrom rolloutctl.config import FromEnv\nread_secret(FromEnv(env='S'))\n"
    )
    with at_terminal(script, [], folder, S=SECRET, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.type(b"?")
        seen.idle(1.0)
        seen.type(b"q")
        assert seen.wait() == 0
        seen.assert_as_found()
        assert b"There was an unexpected error meanwhile" in seen.said
        assert "in fail" in without_secrets(seen)


def test_where_no_log_can_be_written_the_sentence_says_where_it_happened(folder: Path):
    (folder / "state").write_text("no folder")
    with at_terminal(TELL + CRASHES["a key"], [], folder, FLAG_PASSPHRASE=SECRET) as seen:
        started(seen)
        seen.type(b"?")
        assert seen.wait() == 1
        seen.assert_as_found()
        assert b"could not be written (" in seen.said
        assert b"in fail" in seen.said
        assert SECRET.encode() not in seen.seen


def test_no_config_teaches_and_enter_begins_nothing(tmp_path: Path):
    with at_terminal("", [], tmp_path) as seen:
        seen.read(b"Enter leaves: ")
        seen.type(b"\r")
        assert seen.wait() == 0
        seen.assert_as_found()
        for words in (b"rolloutctl init", b"rolloutctl demo", b"Prometheus", b"Unleash"):
            assert words in seen.seen
        assert READY not in seen.seen
    assert not list(tmp_path.iterdir())


def test_no_config_and_init_typed(tmp_path: Path):
    with at_terminal("", [], tmp_path) as seen:
        seen.read(b"Enter leaves: ")
        seen.type(b"init\r")
        seen.read(b"[Y/n]: ")
        seen.process.send_signal(signal.SIGINT)
        assert seen.wait() == 130
        seen.assert_as_found()
        assert b"Traceback" not in seen.seen
    assert not list(tmp_path.iterdir())


def test_no_config_and_demo_typed(tmp_path: Path):
    with at_terminal("", [], tmp_path) as seen:
        seen.read(b"Enter leaves: ")
        seen.type(b"demo\r")
        seen.read(READY, 60)
        seen.idle(1.0)
        seen.process.send_signal(signal.SIGHUP)
        assert seen.wait() == 128 + signal.SIGHUP
        seen.assert_as_found()


def test_a_signal_while_the_demo_starts_leaves_nothing_behind(tmp_path: Path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with at_terminal("", ["demo"], tmp_path, TMPDIR=str(temporary)) as seen:
        seen.read(b"starting the demo")
        seen.idle(0.3)
        seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == 128 + signal.SIGTERM
        seen.assert_as_found()
        assert b"Traceback" not in seen.seen
    end = time.monotonic() + 10
    while list(temporary.iterdir()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not list(temporary.iterdir())


def test_a_crash_of_the_demo(tmp_path: Path):
    (tmp_path / "tmp").mkdir()
    script = TELL + "import rolloutctl.demo.command as demo\ndemo._seal = fail\n"
    with at_terminal(script, ["demo", "--embedded-metrics"], tmp_path, TMPDIR=str(tmp_path / "tmp")) as seen:
        assert seen.wait(60) == 1
        seen.assert_as_found()
        assert b"something went wrong that should not (LookupError)" in seen.said
        assert b"Traceback" not in seen.seen
        without_secrets_named_by_nobody(seen)
    assert not list((tmp_path / "tmp").iterdir())


def command(script: str, arguments: list[str], folder: Path, **variables: str) -> subprocess.Popen[bytes]:
    run = f"import sys\nsys.argv = ['rolloutctl', *{arguments!r}]\n{script}\nfrom rolloutctl.__main__ import main\nmain()"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUTCTL_")}
    state = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    return subprocess.Popen(
        [sys.executable, "-c", run],
        cwd=folder,
        env=kept | state | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_drive(folder: Path, number: signal.Signals):
    process = command("", ["drive"], folder, FLAG_PASSPHRASE=SECRET)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, error = process.communicate(timeout=40)
    assert process.returncode == 128 + number
    assert b"Traceback" not in error


def test_what_fails_in_an_engine_that_drives_is_said_and_driving_goes_on(folder: Path):
    script = (
        TELL
        + "from rolloutctl.engine.looking.polling import Poller\nPoller.flags = fail_later\nfrom rolloutctl.engine.engine import Engine\nEngine._follow = fail_later\n"
    )
    process = command(script, ["drive"], folder, FLAG_PASSPHRASE=SECRET)
    time.sleep(5)
    assert process.poll() is None
    process.terminate()
    out, error = process.communicate(timeout=40)
    assert process.returncode == 128 + signal.SIGTERM
    assert b"failed unexpectedly (LookupError)" in error
    assert re.search(rb"unexpected errors? meanwhile; the details are in ", error)
    assert b"Traceback" not in out + error
    assert SECRET.encode() not in out + error


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("import rolloutctl.cli.out as out\nout.put = fail\n", ["--help"]),
        ("import rolloutctl.cli.app as app\napp.get_command = fail\n", ["config", "show"]),
        ("import rolloutctl.cli.configuring as c\nc.effective = fail\n", ["config", "show"]),
        (
            "import rolloutctl.engine.once.sealing as s\nimport rolloutctl.cli.checking as c\nc.gather = fail_later\n",
            ["check", "p.toml"],
        ),
    ],
)
def test_a_crash_of_a_command(folder: Path, script: str, arguments: list[str]):
    plan = Path(__file__).parents[2] / "plans" / "canary.toml"
    (folder / "p.toml").write_text(plan.read_text())
    process = command(TELL + script, arguments, folder)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"something went wrong that should not (LookupError). The details are in " in error
    assert error.count(b"\n") == 1
    assert b"Traceback" not in out + error
    assert b"hunter22" not in out + error


def test_an_interrupt_while_starting_is_130_and_silent(folder: Path):
    script = "import rolloutctl.cli.app as app\ndef stop(*_): raise KeyboardInterrupt\napp.get_command = stop\n"
    process = command(script, ["config", "show"], folder)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (130, b"", b"")


@pytest.mark.parametrize(
    "line", ["status --help", "--help", "config show", "journal show --help", "completion bash", "schema plan"]
)
def test_a_reader_that_leaves(folder: Path, line: str):
    program = Path(sys.executable).parent / "rolloutctl"
    env = os.environ | {"XDG_STATE_HOME": str(folder / "s"), "XDG_CONFIG_HOME": str(folder / "c")}
    pipe = f"{{ sleep 0.3; {program} {line}; echo code $? >&2; }} | true"
    done = subprocess.run(["bash", "-c", pipe], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "code 141\n"


@pytest.mark.parametrize("line", ["status", "--help", "config show", "status --help"])
def test_no_output_at_all_and_a_full_disk(folder: Path, line: str):
    program = Path(sys.executable).parent / "rolloutctl"
    env = os.environ | {"XDG_STATE_HOME": str(folder / "s"), "XDG_CONFIG_HOME": str(folder / "c")}
    closed = subprocess.run(
        ["bash", "-c", f"{program} {line} >&-"], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert closed.returncode == 0, closed.stderr
    assert "Traceback" not in closed.stderr
    assert "should not" not in closed.stderr
    if line == "status":
        return  # it says that there is nothing yet on stderr: nothing is written to stdout
    full = subprocess.run(
        ["bash", "-c", f"{program} {line} >/dev/full"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert full.returncode == 1
    assert full.stderr == "rolloutctl: no space left on device.\n"
