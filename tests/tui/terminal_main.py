"""The program that `test_terminal.py` runs in a real terminal: the screen on a made-up engine, or one that crashes."""

from __future__ import annotations

import sys
from pathlib import Path

from rolloutctl.config import Theme
from rolloutctl.tui import run
from rolloutctl.tui.screens.fleet import FleetScreen

sys.path.insert(0, str(Path(__file__).parent.parent))
from tui import worlds


def _break(_: object) -> None:
    secret = "hunter2"
    raise RuntimeError(f"drawing failed {len(secret)}")


if __name__ == "__main__":
    mode, state = sys.argv[1], Path(sys.argv[2])
    handle = worlds.FakeHandle(worlds.five())
    if mode == "crash":
        FleetScreen.action_filter = _break  # type: ignore[method-assign,assignment]
    code = run.run_app(handle, theme=Theme.DARK, timezone="UTC", state_dir=state, now=lambda: worlds.NOW)
    (state / "stopped").write_text(" ".join(handle.stopped))
    sys.exit(code)
