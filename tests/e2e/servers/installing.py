"""The servers, installed once and kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from environments import Pip

from e2e import required

_HERE = Path(__file__).parent
#: Where Debian has Apache's modules.
MODULES = Path("/usr/lib/apache2/modules")
_ADVICE = "apt-get install --no-install-recommends libapache2-mod-wsgi-py3"
_INSTALL_TIMEOUT = 600.0  # seconds; uWSGI is compiled in about half a minute


class Installed:
    """Packages in a virtual environment of their own that is kept between runs."""

    def __init__(self, name: str = "servers", requirements: Path = _HERE / "requirements.txt") -> None:
        """
        Args:
            name: of the environment; by default that of gunicorn and uWSGI.
            requirements: what pip installs there.
        """
        digest = hashlib.sha256(requirements.read_bytes() + f"{sys.version} {sys.base_prefix}".encode())
        self._directory = _cache() / f"{name}-{digest.hexdigest()[:16]}"
        if not self._directory.exists():
            self._install(requirements)
        self.uwsgi = self._directory / "bin" / "uwsgi"
        self.pip = Pip(self._directory / "bin" / "python")

    @property
    def packages(self) -> Path:
        """Where they can be imported from."""
        [packages] = self._directory.glob("lib/python*/site-packages")
        return packages

    def _install(self, requirements: Path) -> None:
        # Renamed when it is whole. Scripts in it would then name another directory, and are not used.
        unfinished = self._directory.with_name(f"{self._directory.name}.{os.getpid()}")
        try:
            for command in (
                [sys.executable, "-m", "venv", str(unfinished)],
                [str(unfinished / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(requirements)],
            ):
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False
                )
                if done.returncode:
                    what = self._directory.name.partition("-")[0]
                    required.missing(f"{what} could not be installed: {done.stderr[-2000:].strip()}")
            unfinished.rename(self._directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    directory = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "otel_bridge"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def python_of_mod_wsgi() -> Path:
    """The Python that Apache's module runs; the test is skipped where our libraries do not fit it."""
    required.program("apache2", _ADVICE)
    if not (MODULES / "mod_wsgi.so").exists():
        required.missing(f"mod_wsgi is not installed: {_ADVICE}")
    version = (MODULES / "mod_wsgi.so").resolve().name.rpartition("-")[2]
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip(f"mod_wsgi is for Python {version}, and the libraries here are for another one")
    return Path(f"/usr/bin/python{version}")
