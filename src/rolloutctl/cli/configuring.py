"""`config show | path | validate`.

`show --json`: {"values": [{key value origin}]}; `path --json`: {"files": [path], "journal": path};
`validate --json`: {"ok": true, "files": [path]}.
"""

from __future__ import annotations

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import put, put_json
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.settings import Surroundings, effective, journal_shown
from rolloutctl.errors import ExitCode


def show(globals_: Globals, *, as_json: bool) -> ExitCode:
    lines = effective(settings_of(globals_))
    if as_json:
        put_json({"values": [{"key": line.key, "value": line.value, "origin": line.origin} for line in lines]})
        return ExitCode.OK
    width = max((len(line.key) for line in lines), default=0)
    room = min(48, max((len(line.value) for line in lines), default=0))
    for line in lines:
        put(f"{line.key:<{width}}  {line.value:<{room}}  {line.origin}")
    return ExitCode.OK


def path(globals_: Globals, *, as_json: bool) -> ExitCode:
    settings, here = settings_of(globals_), Surroundings.here()
    if as_json:
        put_json({"files": [str(file) for file in settings.files], "journal": journal_shown(settings)})
        return ExitCode.OK
    usual = (here.config_home / "config.toml", here.cwd / "rolloutctl.toml")
    for file in dict.fromkeys((*usual, *settings.files)):
        put(f"{file}  {'read' if file in settings.files else 'not there'}")
    put(f"{journal_shown(settings)}  journal")
    return ExitCode.OK


def validate(globals_: Globals, *, as_json: bool) -> ExitCode:
    """Raises ConfigInvalid with everything that is wrong."""
    settings = settings_of(globals_)
    files = [str(file) for file in settings.files]
    if as_json:
        put_json({"ok": True, "files": files})
    else:
        put(f"{', '.join(files) or 'no config file: the defaults'}: can be used")
    return ExitCode.OK
