"""The Python environment of the services: OpenStack's locked packages, and this checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .daemons import carry_out
from .places import CHECKOUT, Places

_LOCK = Path(__file__).with_name("requirements.lock")
_INSTALL_TIMEOUT = 900.0  # seconds; half a minute where the network is good


def prepare(places: Places) -> None:
    """Make the environment where it is not there or has changed; have the checkout installed in it.

    The checkout is installed editable, so that the services run what is in it when they are started.
    """
    places.log.mkdir(parents=True, exist_ok=True)
    packages = _digest([_LOCK], sys.version, sys.base_prefix)
    if _stamp(places, "packages") != packages:
        shutil.rmtree(places.venv, ignore_errors=True)
        installer = places.root / "uv"
        carry_out([sys.executable, "-m", "venv", "--clear", installer], timeout=_INSTALL_TIMEOUT)
        carry_out(
            [installer / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "uv"],
            timeout=_INSTALL_TIMEOUT,
        )
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        carry_out(
            [installer / "bin" / "uv", "venv", "--quiet", "--python", base, places.venv],
            timeout=_INSTALL_TIMEOUT,
        )
        _install(places, "--requirements", _LOCK)
        _set_stamp(places, "packages", packages)
    hooks = sorted([*CHECKOUT.glob("*.pth"), *CHECKOUT.glob("*.start")])
    package = _digest([CHECKOUT / "pyproject.toml", *hooks], str(CHECKOUT))
    if _stamp(places, "checkout") != package:
        _install(places, "--editable", f"{CHECKOUT}[osprofiler]")
        _set_stamp(places, "checkout", package)


def _install(places: Places, *what: str | os.PathLike[str]) -> None:
    uv = places.root / "uv" / "bin" / "uv"
    carry_out([uv, "pip", "install", "--quiet", "--python", places.python, *what], timeout=_INSTALL_TIMEOUT)


def _digest(files: Sequence[Path], *more: str) -> str:
    content = b"\0".join([*(file.read_bytes() for file in files), *(text.encode() for text in more)])
    return hashlib.sha256(content).hexdigest()


def _stamp(places: Places, name: str) -> str | None:
    try:
        return (places.venv / f".{name}").read_text()
    except OSError:
        return None


def _set_stamp(places: Places, name: str, digest: str) -> None:
    (places.venv / f".{name}").write_text(digest)
