"""What these tests need of the machine, and what happens where it is missing."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

#: Debian keeps servers where only root's PATH looks.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/go/bin"])


def program(name: str, advice: str) -> str:
    """The path of an installed program."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing(f"{name} is not installed: {advice}")
    return found


def is_required() -> bool:
    """Whether these tests have to run: in CI, and with ``make e2e``."""
    return bool(os.environ.get("CI")) or os.environ.get("OTEL_BRIDGE_E2E_REQUIRE") == "1"


def missing(reason: str) -> NoReturn:
    """Fail where these tests have to run; skip elsewhere."""
    if is_required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
