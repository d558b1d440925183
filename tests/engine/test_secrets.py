import base64
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.config import FromCommand, FromEnv, FromFile
from rolloutctl.engine.config import secrets
from rolloutctl.engine.config.secrets import Scrubber, read_secret
from rolloutctl.errors import ExitCode, InvalidInput

SECRET = 'pa+ss/"wörd" &%20'


def python(code: str) -> FromCommand:
    return FromCommand(command=(sys.executable, "-c", code))


def refused(secret: FromEnv | FromFile | FromCommand, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_secret(secret, environ or {})
    assert caught.value.exit_code is ExitCode.INVALID
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


def file(path: Path, content: bytes, mode: int = 0o600) -> FromFile:
    path.write_bytes(content)
    path.chmod(mode)
    return FromFile(file=str(path))


def test_from_each_place(tmp_path: Path) -> None:
    assert read_secret(FromEnv(env="T"), {"T": f" {SECRET}\n"}) == SECRET
    assert read_secret(file(tmp_path / "t", f"{SECRET}\r\n".encode())) == SECRET
    assert read_secret(file(tmp_path / "g", b"token", 0o640)) == "token"
    assert read_secret(python("print('to' + 'ken')")) == "token"


def test_the_environment_is_the_process_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUTCTL_TEST_TOKEN", "abc")
    assert read_secret(FromEnv(env="ROLLOUTCTL_TEST_TOKEN")) == "abc"


def test_trouble_with_a_variable() -> None:
    assert "GONE, which holds a secret, is not set. Set it" in refused(FromEnv(env="GONE"))
    assert "is empty" in refused(FromEnv(env="T"), {"T": " \n"})
    assert "line breaks" in refused(FromEnv(env="T"), {"T": "s3cret\ns3cret"})


def test_trouble_with_a_file(tmp_path: Path) -> None:
    assert "no such file" in refused(FromFile(file=str(tmp_path / "gone")))
    assert "is not a regular file" in refused(FromFile(file=str(tmp_path)))
    assert "chmod 600" in refused(file(tmp_path / "open", b"s3cret", 0o644))
    assert "longer than 64 KiB" in refused(file(tmp_path / "big", b"s3cret" * 20_000))
    assert "not text" in refused(file(tmp_path / "binary", b"s3cret\xff"))
    assert "is empty" in refused(file(tmp_path / "empty", b"\n"))
    assert "no usable name" in refused(FromFile(file="a\0b"))


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    start = time.monotonic()
    assert "is not a regular file" in refused(FromFile(file=str(tmp_path / "pipe")))
    assert time.monotonic() - start < 5


def test_trouble_with_a_command(tmp_path: Path) -> None:
    assert "did not start: no such file" in refused(FromCommand(command=(str(tmp_path / "gone"),)))
    assert "did not start: permission denied" in refused(FromCommand(command=(file(tmp_path / "plain", b"").file,)))
    assert "failed with exit code 3" in refused(python("import sys; print('s3cret'); sys.stderr.write('s3cret'); sys.exit(3)"))
    assert "not text" in refused(python("import sys; sys.stdout.buffer.write(b's3cret\\xff')"))
    assert "is empty" in refused(python("pass"))
    assert "did not start: it has no usable name" in refused(FromCommand(command=("a\0b",)))


def test_no_shell_is_involved(tmp_path: Path) -> None:
    assert read_secret(FromCommand(command=("echo", f"$HOME; touch {tmp_path}/x"))) == f"$HOME; touch {tmp_path}/x"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "code",
    [
        "import time; print('s3cret', flush=True); time.sleep(60)",
        "import os, time; os.fork() and os._exit(0); time.sleep(60)",
        "import os, time; os.close(1); time.sleep(60)",
    ],
)
def test_a_command_that_hangs_is_ended(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_TIMEOUT_S", 0.5)
    start = time.monotonic()
    assert "did not end within 0.5 s" in refused(python(code))
    assert time.monotonic() - start < 10


def test_a_command_that_never_stops_printing_is_ended() -> None:
    start = time.monotonic()
    assert "longer than 64 KiB" in refused(FromCommand(command=("yes", "s3cret")))
    assert time.monotonic() - start < 5


def test_errors_of_a_command_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    read_secret(python("import sys; sys.stderr.write('s3cret'); print('token')"))
    assert capfd.readouterr() == ("", "")


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        base64.b64encode(raw).decode().rstrip("="),
        raw.hex(),
        f"Authorization: Bearer {secret}",
    ]


@given(st.text(st.characters(codec="utf-8"), min_size=4, max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    scrub = Scrubber([secret])
    for form in forms(secret):
        if form.strip('"') in "«secret»":
            continue
        # What is around it may by itself spell a part of it again; the whole never survives.
        assert form not in scrub(form)
        assert secret not in scrub(before + form + after).replace("«secret»", "\0")


@pytest.mark.parametrize("user", ["a", "ab", "abc", "somebody"])
def test_a_secret_inside_basic_auth_is_found(user: str) -> None:
    password = "correct-horse-battery"
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    rest = Scrubber([password])(header)
    assert "«secret»" in rest
    assert len(rest.replace("«secret»", "")) <= len(base64.b64encode(f"{user}:".encode())) + 4


def test_a_longer_secret_goes_before_a_part_of_it() -> None:
    assert Scrubber(["hunter", "hunter2000"])("x hunter2000 y hunter z") == "x «secret» y «secret» z"


def test_scrubbed_json_is_json() -> None:
    text = json.dumps({"why": f"server said {SECRET}", "n": 1})
    assert json.loads(Scrubber([SECRET])(text)) == {"why": "server said «secret»", "n": 1}


def test_nothing_to_hide() -> None:
    assert Scrubber([])("text") == "text"
    assert Scrubber(["", "abc"])("abc") == "abc"
    assert "s3cret" not in repr(Scrubber(["s3cret"]))
