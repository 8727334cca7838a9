"""instrumentation/imports.py: libraries that are instrumented when they have been imported."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from otel_bridge.instrumentation.imports import when_imported


def fail(_module: Any) -> None:
    raise AttributeError("nothing of this name")


@pytest.fixture
def library(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_library.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_library", raising=False)
    return "some_library"


def test_at_once_where_it_has_been_imported() -> None:
    seen: list[ModuleType] = []
    when_imported("sys", seen.append)
    assert seen == [sys]


def test_when_it_is_imported_and_not_before(library: str) -> None:
    seen: list[ModuleType] = []
    when_imported(library, seen.append)
    assert seen == []
    assert library not in sys.modules
    assert seen == [import_module(library)]


def test_what_goes_wrong_does_not_fail_the_import(library: str, caplog: pytest.LogCaptureFixture) -> None:
    when_imported(library, fail)
    assert import_module(library).value == 1
    assert [record.getMessage() for record in caplog.records] == [
        "some_library cannot be instrumented: AttributeError"
    ]
