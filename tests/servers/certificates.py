"""A certificate for 127.0.0.1 that only those trust who are told to."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    cert: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def strict_server(self) -> ssl.SSLContext:
        """Wants to know its clients: those with this very certificate."""
        context = self.server()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.cert)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Skips the test where there is no `openssl`."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("There is no `openssl` on PATH.")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made
