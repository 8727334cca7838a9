"""What programs of the tests run in: variables, and virtual environments with what is installed here.

This package is only in an environment once it is installed there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_BOUND = 120.0  # seconds


def clean_environ(**more: str) -> dict[str, str]:
    """This process's variables and ``more``, without those from outside that configure a service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OS_"))}
    return kept | more


def run(*command: object, **environ: str) -> str:
    """What a program wrote to standard output; nothing may have been written to standard error."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=_BOUND,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
        cwd="/",
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def build(directory: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """Build into the directory.

    Returns:
        The wheel and the sdist.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(directory)],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=_BOUND,
    )
    assert done.returncode == 0, done.stderr
    [wheel], [sdist] = directory.glob("*.whl"), directory.glob("*.tar.gz")
    return wheel, sdist


def link_libraries(directory: Path) -> Path:
    """Make a directory of everything that is installed here, but for this package and pip."""
    directory.mkdir(parents=True)
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if "otel_bridge" not in entry.name and not entry.name.startswith(("pip", "__pycache__")):
                (directory / entry.name).symlink_to(entry)
    return directory


def copy_libraries(directory: Path, *names: str) -> Path:
    """Make a directory of these distributions and all that they need: for a user who may not look here."""
    pending, copied = list(names), set[str]()
    while pending:
        name = canonicalize_name(pending.pop())
        if name in copied:
            continue
        copied.add(name)
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                target = directory / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    return directory


class Environment:
    """A virtual environment that sees directories of libraries."""

    def __init__(self, directory: Path, *libraries: Path, python: Path = Path(sys.executable)) -> None:
        """
        Args:
            directory: where it is made.
            libraries: more places for modules; ``.pth`` files in them are not read.
            python: makes it.
        """
        run(python, "-m", "venv", "--without-pip", directory)
        self.directory = directory
        self.python = directory / "bin" / "python"
        self.packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")[:-1])
        (self.packages / "zz_libraries.pth").write_text("".join(f"{library}\n" for library in libraries))

    def run(self, *arguments: object, **environ: str) -> str:
        """As :func:`run`, with its Python."""
        return run(self.python, *arguments, **environ)


class Pip:
    """pip of this Python, at work on other environments."""

    def __init__(self, python: Path) -> None:
        """``python`` has pip."""
        self._python = python

    def __call__(self, environment: Environment, *arguments: object) -> str:
        options = ["--disable-pip-version-check", "--no-cache-dir", "--python", environment.python]
        settings = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_CONFIG_FILE": os.devnull}
        return run(self._python, "-m", "pip", *options, *arguments, **settings)
