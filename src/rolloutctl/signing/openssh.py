"""`ssh-keygen -Y sign` and `-Y verify`: OpenSSH holds the keys, asks for passphrases and does the arithmetic.

Invariants: no private key is read here; every call ends within its time; without a terminal nobody is asked for anything.
Contract: ssh-keygen(1), "-Y sign", "-Y verify", "ALLOWED SIGNERS"; PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.errors import Failed, InvalidInput, Refused
from rolloutctl.model.signed import NAMESPACE

_PROGRAM = "ssh-keygen"
_WITHIN_S = 20.0
"""A key that has to be touched is touched in that time."""
_ASKING_WITHIN_S = 45.0
"""Somebody types a passphrase."""
_LEAVES_WITHIN_S = 2.0
_SIGNER = "signer"
"""Whom the file of allowed signers names: whose key it is was settled by the config."""


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """Behind `Signer`. `key_file` is that of the private key; None: the agent has it."""

    key_file: Path | None
    environ: Mapping[str, str]
    asks: bool = False
    """A passphrase is asked for at the terminal; else nobody is, as the screen owns it or there is none."""
    program: str = _PROGRAM

    def sign(self, statement: str, key: str) -> str:
        """Blocks for up to 45 s where a passphrase may be asked for, else 20 s. Raises InvalidInput, Refused or Failed."""
        if self.key_file is not None:
            if not self.key_file.is_file():
                raise InvalidInput(f"there is no key at {self.key_file}.", remedy="Look at [operator] signing_key in the config.")
            return self._signature(self.key_file, statement, key)
        if not self.environ.get("SSH_AUTH_SOCK"):
            raise Refused(
                "this decision is signed with your SSH key, and there is neither an agent nor a key file.",
                remedy="Start an agent and `ssh-add` the key, or name its file: [operator] signing_key in the config.",
            )
        with _folder() as folder:
            public = folder / "key.pub"
            public.write_text(f"{key}\n")
            return self._signature(public, statement, key)

    def verify(self, statement: str, signature: str, key: str) -> str:
        """Blocks for up to 20 s. Raises Failed where ssh-keygen is missing or does not end."""
        with _folder() as folder:
            allowed, armoured = folder / "allowed_signers", folder / "signature"
            allowed.write_text(f'{_SIGNER} namespaces="{NAMESPACE}" {key}\n')
            armoured.write_text(signature)
            arguments = ("-Y", "verify", "-f", str(allowed), "-I", _SIGNER, "-n", NAMESPACE, "-s", str(armoured))
            done = self._run(arguments, statement, _WITHIN_S, quiet=True)
        return "" if done.code == 0 else "its signature is not good: the statement was changed, or another key made it."

    def _signature(self, file: Path, statement: str, key: str) -> str:
        within = _ASKING_WITHIN_S if self.asks else _WITHIN_S
        done = self._run(("-q", "-Y", "sign", "-f", str(file), "-n", NAMESPACE), statement, within, quiet=not self.asks)
        if done.code != 0:
            raise Refused(f"it could not be signed: {_reason(done.errors)}.", remedy=self._remedy())
        if self.verify(statement, done.output, key):
            raise Refused(
                f"{file} is not the key that the config names for you.",
                remedy="Mend [operator] signing_key, or ssh_key in your table of [operators].",
            )
        return done.output

    def _remedy(self) -> str:
        if self.key_file is None:
            return "`ssh-add -l` lists what the agent holds; `ssh-add` the key of your ssh_key in the config."
        if not self.asks:
            return "A key with a passphrase is not asked for here: `ssh-add` it to an agent, or decide from a shell."
        return "Look at the key with `ssh-keygen -y -f`, and try again."

    def _run(self, arguments: Sequence[str], text: str, within_s: float, *, quiet: bool) -> _Done:
        # ssh-keygen asks at /dev/tty, or by a program that it takes from the environment; a session of its own has no terminal.
        environ = {**self.environ, "LC_ALL": "C", **({"SSH_ASKPASS_REQUIRE": "never"} if quiet else {})}
        try:
            process = subprocess.Popen(  # noqa: S603 - the program of the system, with arguments of ours
                [self.program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environ,
                start_new_session=quiet,
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError as error:
            raise Failed(
                f"ssh-keygen cannot be run: {os.strerror(error.errno) if error.errno else 'it did not start'}.",
                remedy="Install the OpenSSH client: decisions are signed and checked with it.",
            ) from None
        try:
            output, errors = process.communicate(text, within_s)
        except subprocess.TimeoutExpired:
            why = f"ssh-keygen did not end within {within_s:.0f} s."
            raise Failed(why, remedy="A key may want a touch; try again.") from None
        finally:
            _end(process)
        return _Done(process.returncode, output, errors)


@contextmanager
def _folder() -> Iterator[Path]:
    """For what ssh-keygen wants in files: public keys and signatures, nothing secret."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - only who signs or verifies needs it

    try:
        with TemporaryDirectory(prefix="rolloutctl-") as folder:
            yield Path(folder)
    except OSError as error:
        raise Failed(f"a signature needs a temporary file: {error.strerror}.", remedy="Make room, or set TMPDIR.") from None


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    output: str
    errors: str


def _end(process: subprocess.Popen[str]) -> None:
    """Terminated first: while it asks for a passphrase it puts the terminal back as it was."""
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_LEAVES_WITHIN_S)
    if process.poll() is None:
        process.kill()
        process.communicate()


def _reason(errors: str) -> str:
    """The last line of what ssh-keygen said."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return "".join(char for char in lines[-1] if char.isprintable()).rstrip(".") if lines else "ssh-keygen said nothing"


def tools(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """What ssh-keygen is given of the environment."""
    wanted = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_SK_PROVIDER", "DISPLAY", "TERM")
    return {name: environ[name] for name in wanted if name in environ}
