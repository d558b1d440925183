"""What this machine tells without any network: who works here, in which zone, and which variables hold tokens.

Invariant: the value of a token is looked at to tell its kind, and goes no further.
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

_LOCALTIME = Path("/etc/localtime")
_TOKEN = re.compile(r"TOKEN|PAT$|KEY|SECRET")
_ADMIN = re.compile(r"(user:|\*:\*\.)\S+")
_CLIENT = re.compile(r"[^:\s*]+:[^.:\s]+\.\S+")
"""Unleash: personal access tokens begin with `user:`, admin tokens with `*:*.`, client tokens with project and environment."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Names of environment variables; empty: none found."""

    admin: str = ""
    client: str = ""
    prometheus: str = ""


def operator() -> str:
    """The name git signs with, else the login name."""
    try:
        done = subprocess.run(
            ["git", "config", "--get", "user.name"],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        name = done.stdout.strip()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        name = ""
    if name and name.isprintable():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def timezone(environ: Mapping[str, str], localtime: Path = _LOCALTIME) -> str:
    """The name of this machine's zone; empty: it has none that is known."""
    candidates = [environ.get("TZ", "").removeprefix(":")]
    try:
        candidates.append(str(localtime.resolve()).partition("/zoneinfo/")[2])
    except (OSError, RuntimeError):
        candidates.append("")
    return next((name for name in candidates if is_zone(name)), "")


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)


def tokens(environ: Mapping[str, str]) -> Tokens:
    """By name, and for Unleash by what kind of token the value is."""
    unleash = {name: value for name, value in environ.items() if "UNLEASH" in name and _TOKEN.search(name) and value}
    admin = [name for name, value in unleash.items() if _ADMIN.fullmatch(value)]
    client = [name for name, value in unleash.items() if _CLIENT.fullmatch(value)]
    other = [name for name in unleash if name not in admin + client and "CLIENT" not in name and "FRONTEND" not in name]
    metrics = sorted(name for name, value in environ.items() if "PROM" in name and "TOKEN" in name and value)
    return Tokens(
        admin=min(admin or other, default=""),
        client=min(client, default=""),
        prometheus=metrics[0] if metrics else "",
    )
