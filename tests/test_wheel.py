"""What is installed is whole: every data file, the type marker, the command, and nothing that is not ours."""

from importlib.metadata import distribution
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"


def packaged() -> set[str]:
    """Files of the checkout that a user needs, relative to `src`."""
    return {
        file.relative_to(SOURCE).as_posix()
        for file in (SOURCE / "rolloutctl").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture
def package(pytestconfig) -> Path:
    if not pytestconfig.getoption("--require-wheel"):
        pytest.skip("the checkout itself is tested here; `make test` tests the wheel")
    return Path(str(distribution("rolloutctl").locate_file("rolloutctl")))


def test_every_file_of_the_package_is_installed(package):
    assert not {name for name in packaged() if not (package.parent / name).is_file()}
    assert (package / "py.typed").is_file()


def test_a_wheel_holds_the_package_and_nothing_else(package):
    files = distribution("rolloutctl").files or []
    foreign = {file.parts[0] for file in files if not file.parts[0].startswith("rolloutctl")}
    assert foreign <= {"..", "bin"}
    inside = {file.as_posix() for file in files if file.parts[0] == "rolloutctl" and "__pycache__" not in file.parts}
    assert inside == packaged()


def test_the_command_is_declared():
    (command,) = distribution("rolloutctl").entry_points.select(group="console_scripts")
    assert (command.name, command.value) == ("rolloutctl", "rolloutctl.__main__:main")
