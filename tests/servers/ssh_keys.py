"""Key pairs for tests, made when they run and gone with their folder."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KeyPair:
    file: Path
    public: str
    """Type and key, without the comment."""


def key_pair(folder: Path, name: str, *, kind: str = "ed25519", passphrase: str = "") -> KeyPair:
    file = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", str(file)],
        check=True,
        timeout=30,
        capture_output=True,
    )
    kind_and_key = file.with_name(f"{name}.pub").read_text().split(" ")[:2]
    return KeyPair(file, " ".join(kind_and_key))
