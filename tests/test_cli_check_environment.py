"""cli/check_environment.py: activation, osprofiler and the drivers, in this interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import otel_bridge
from otel_bridge.adopt import activate
from otel_bridge.cli import check_environment
from otel_bridge.cli.findings import Finding

pytest.importorskip("osprofiler")


def about(name: str, findings: object) -> Finding:
    [found] = [finding for finding in findings if finding.about == name]  # type: ignore[attr-defined]
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the file in one directory, and these directories' ``.pth`` files read."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "path")])
    monkeypatch.setattr(otel_bridge, "__file__", str(tmp_path / "packages" / "otel_bridge" / "__init__.py"))
    monkeypatch.setattr(activate, "is_active", lambda: True)

    def place(directory: str | None, *read: str) -> None:
        if directory is not None:
            (tmp_path / directory).mkdir(exist_ok=True)
            (tmp_path / directory / check_environment.PTH).touch()
        monkeypatch.setattr(
            check_environment, "_site_directories", lambda: [tmp_path / name for name in read]
        )

    return place


@pytest.mark.parametrize(
    ("directory", "at_start", "environ", "is_ok", "said"),
    [
        ("site", True, {}, True, "site/otel_bridge.pth"),
        ("site", True, {activate.SWITCH: ""}, True, "site/otel_bridge.pth"),
        (None, True, {}, True, "was imported, but not by otel_bridge.pth"),
        ("site", True, {activate.SWITCH: "0"}, False, "switched off here by OTEL_BRIDGE_ACTIVATE=0"),
        ("site", True, {activate.SWITCH: "Off"}, False, "OTEL_BRIDGE_ACTIVATE=Off"),
        ("site", False, {}, False, "was read, and yet it is not active"),
        (
            "path",
            False,
            {},
            False,
            "is in a directory whose .pth files are not read: import otel_bridge.adopt",
        ),
        (None, False, {}, False, "there is no otel_bridge.pth in this environment"),
    ],
)
def test_activation(
    directory: str | None,
    at_start: bool,
    environ: dict[str, str],
    is_ok: bool,
    said: str,
    place: Callable[..., None],
) -> None:
    place(directory, "site", "another")
    [found] = check_environment.activation(at_start, environ)
    assert (found.is_ok, found.about) == (is_ok, "activation")
    assert said in found.text


def test_imported_at_start_but_no_more_active(
    place: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place("site", "site")
    monkeypatch.setattr(activate, "is_active", lambda: False)
    [found] = check_environment.activation(True, {})
    assert not found.is_ok


def test_an_activation_that_cannot_be_imported(
    place: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place("site", "site")
    monkeypatch.setitem(sys.modules, "otel_bridge.adopt.activate", None)
    [found] = check_environment.activation(False, {})
    assert not found.is_ok
    assert "otel_bridge.adopt.activate cannot be imported: ModuleNotFoundError" in found.text


def test_the_osprofiler_that_is_installed_is_as_expected() -> None:
    found = about("osprofiler", check_environment._osprofiler())
    assert found.is_ok, found.text


@pytest.mark.parametrize(
    "replaced",
    [lambda key, base_id=None, parent_id=None: None, lambda: None, "no function", None],
)
def test_a_function_that_is_another_one(replaced: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import osprofiler.profiler

    if replaced is None:
        monkeypatch.delattr(osprofiler.profiler, "init")
    else:
        monkeypatch.setattr(osprofiler.profiler, "init", replaced)
    found = about("osprofiler", check_environment._osprofiler())
    assert not found.is_ok
    assert "is not as otel_bridge knows it: osprofiler.profiler.init;" in found.text


def test_further_parameters_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    import osprofiler.profiler

    monkeypatch.setattr(osprofiler.profiler, "stop", lambda info=None, further=None: None)
    assert about("osprofiler", check_environment._osprofiler()).is_ok


def test_a_module_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "osprofiler.requests", None)
    found = about("osprofiler", check_environment._osprofiler())
    assert not found.is_ok
    assert "osprofiler.requests (ModuleNotFoundError" in found.text


def test_without_osprofiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise check_environment.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(check_environment.metadata, "version", version)
    [found] = check_environment._osprofiler()
    assert not found.is_ok
    assert "pip install 'otel-bridge[osprofiler]'" in found.text


def test_the_drivers_are_known() -> None:
    import otel_bridge.adopt.driver  # noqa: F401 (as activation has it)

    found = about("drivers", check_environment._osprofiler())
    assert found.is_ok, found.text


def test_drivers_that_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from osprofiler import _utils

    monkeypatch.setattr(_utils, "itersubclasses", lambda cls: [])
    found = about("drivers", check_environment._osprofiler())
    assert not found.is_ok
    assert found.text == "osprofiler does not know otel, otel+https, otel+grpc, otel+grpcs"


def test_which_interpreter_it_is() -> None:
    found = about("otel_bridge", check_environment.findings())
    assert found.is_ok
    assert sys.executable in found.text
