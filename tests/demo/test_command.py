"""`rolloutctl demo --no-screen`: says how to reach it, and leaves nothing behind however it is ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutctl.demo.command import _apart


@pytest.mark.parametrize(("ended_by", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_nothing_is_left_behind(ended_by: signal.Signals, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rolloutctl", "demo", "--no-screen", "--embedded-metrics", "--speed=20", "--scenario=good"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as demo:
        assert demo.stdout is not None
        said: list[str] = []
        for line in demo.stdout:
            said.append(line)
            if "Ctrl+C" in line:
                break
        assert sum(line.startswith("export ROLLOUTCTL_DEMO_") for line in said) == 2
        assert list(tmp_path.glob("rolloutctl-demo-*"))
        demo.send_signal(ended_by)
        assert demo.wait(30) == code
    assert list(tmp_path.glob("rolloutctl-demo-*")) == []


def test_the_demo_knows_nothing_of_the_user_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLLOUTCTL_UI__THEME", "light")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "users"))
    around = _apart(tmp_path / "demo")
    assert around.variables() == {}
    assert around.environ["XDG_STATE_HOME"] == str(tmp_path / "users")
    assert {around.cwd, around.state_home} == {tmp_path / "demo"}
    assert not around.config_home.exists()
