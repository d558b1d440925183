"""Signatures by the real ssh-keygen: key file, agent, passphrase, and everything that is no good signature."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.errors import Failed, InvalidInput, Refused
from rolloutctl.model.signed import fingerprint, public_key
from rolloutctl.signing.openssh import OpenSsh, tools
from servers.ssh_keys import KeyPair, key_pair

TEXT = '{"by":"ana","phase":"fünf"}'


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return key_pair(tmp_path, "ana")


def with_file(pair: KeyPair) -> OpenSsh:
    return OpenSsh(pair.file, tools())


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield str(socket)
    finally:
        process.terminate()
        process.wait(10)


def test_what_is_signed_verifies_and_nothing_else(pair: KeyPair, tmp_path: Path) -> None:
    ssh, other = with_file(pair), key_pair(tmp_path, "ben")
    signature = ssh.sign(TEXT, pair.public)
    assert ssh.verify(TEXT, signature, pair.public) == ""
    assert "not good" in ssh.verify(TEXT.replace("ana", "ben"), signature, pair.public)
    assert "not good" in ssh.verify(TEXT, signature, other.public)
    assert "not good" in ssh.verify(TEXT, "", pair.public)
    assert "not good" in ssh.verify(TEXT, signature.replace("A", "B", 3), pair.public)


def test_a_signature_for_another_purpose_is_none_for_us(pair: KeyPair) -> None:
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", str(pair.file), "-n", "file"], input=TEXT, text=True, capture_output=True, check=True
    )
    assert "not good" in with_file(pair).verify(TEXT, done.stdout, pair.public)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_fingerprint_is_that_of_ssh(tmp_path: Path, kind: str) -> None:
    pair = key_pair(tmp_path, "k", kind=kind)
    done = subprocess.run(["ssh-keygen", "-l", "-f", str(pair.file)], text=True, capture_output=True, check=True)
    assert fingerprint(public_key(f"{pair.public} a comment")) == done.stdout.split()[1]


@pytest.mark.parametrize(
    "text", ["", "x", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "ssh-dss AAAA"]
)
def test_what_is_no_public_key_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="SSH public key"):
        public_key(text)


def test_options_cannot_be_smuggled_in_with_a_key(pair: KeyPair) -> None:
    for text in (f"cert-authority {pair.public}", f"{pair.public}\nben {pair.public}", f'namespaces="file" {pair.public}'):
        with pytest.raises(ValueError, match="SSH public key"):
            public_key(text)


def test_a_key_file_that_is_not_the_one_of_the_config(pair: KeyPair, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not the key that the config names for you"):
        with_file(pair).sign(TEXT, key_pair(tmp_path, "ben").public)


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no key at"):
        OpenSsh(tmp_path / "gone", tools()).sign(TEXT, "ssh-ed25519 AAAA")


def test_the_agent_signs(pair: KeyPair, agent: str) -> None:
    environ = {**tools(), "SSH_AUTH_SOCK": agent}
    with pytest.raises(Refused, match="could not be signed"):
        OpenSsh(None, environ).sign(TEXT, pair.public)
    subprocess.run(["ssh-add", "-q", str(pair.file)], env={**os.environ, "SSH_AUTH_SOCK": agent}, check=True, capture_output=True)
    ssh = OpenSsh(None, environ)
    assert ssh.verify(TEXT, ssh.sign(TEXT, pair.public), pair.public) == ""


def test_neither_agent_nor_file(pair: KeyPair) -> None:
    environ = {name: value for name, value in tools().items() if name != "SSH_AUTH_SOCK"}
    with pytest.raises(Refused, match="neither an agent nor a key file"):
        OpenSsh(None, environ).sign(TEXT, pair.public)


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(tmp_path: Path) -> None:
    pair = key_pair(tmp_path, "locked", passphrase="correct horse")
    with pytest.raises(Refused, match="could not be signed") as refused:
        with_file(pair).sign(TEXT, pair.public)
    assert "ssh-add" in refused.value.remedy


def test_at_a_terminal_the_passphrase_is_asked_for(tmp_path: Path) -> None:
    pair = key_pair(tmp_path, "locked", passphrase="correct horse")
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another process
        code = 2
        try:
            ssh = OpenSsh(pair.file, tools(), asks=True)
            code = 1 if ssh.verify(TEXT, ssh.sign(TEXT, pair.public), pair.public) else 0
        finally:
            os._exit(code)
    ended = False
    try:
        seen = b""
        while b"assphrase" not in seen:
            seen += os.read(terminal, 1000)
        os.write(terminal, b"correct horse\n")
        _drain(terminal)
        _, status = os.waitpid(child, 0)
        ended = True
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        os.close(terminal)
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:
        return


def test_a_program_that_is_not_there_and_one_that_does_not_end(
    pair: KeyPair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Failed, match="cannot be run"):
        OpenSsh(pair.file, tools(), program="no-such-ssh-keygen").verify(TEXT, "", pair.public)
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 600\n")
    hangs.chmod(0o755)
    monkeypatch.setattr("rolloutctl.signing.openssh._WITHIN_S", 0.2)
    with pytest.raises(Failed, match="did not end within"):
        OpenSsh(pair.file, tools(), program=str(hangs)).verify(TEXT, "", pair.public)
