"""Whether the interpreters of this environment know the drivers, and an osprofiler that can be adopted."""

from __future__ import annotations

import importlib
import inspect
import os
import platform
import site
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import otel_bridge
from otel_bridge.cli.findings import Finding, ok, problem
from otel_bridge.version import __version__

PTH: Final = "otel_bridge.pth"
_HOOK: Final = "otel_bridge.adopt.activate"
_ACTIVATION: Final = "activation"

#: Module of osprofiler -> what is replaced in it, or used, with its parameters. Further ones do not matter.
_EXPECTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "osprofiler.profiler": {
        "init": ("hmac_key", "base_id", "parent_id"),
        "get": (),
        "clean": (),
        "start": ("name", "info"),
        "stop": ("info",),
        "trace": ("name", "info", "hide_args", "hide_result", "allow_multiple_trace"),
        "Trace": ("name", "info"),
        "_Profiler": ("hmac_key", "base_id", "parent_id"),
    },
    "osprofiler.web": {
        "WsgiMiddleware": ("application", "hmac_keys", "enabled"),
        "enable": ("hmac_keys",),
        "disable": (),
        "get_trace_id_headers": (),
    },
    "osprofiler.notifier": {"create": ("connection_string",)},
    "osprofiler.sqlalchemy": {"add_tracing": ("sqlalchemy", "engine", "name", "hide_result")},
    "osprofiler.requests": {"send": ("self", "request"), "enable": ()},
}


def findings() -> Iterator[Finding]:
    """Look at this interpreter, whose environment is the service's."""
    at_start = _HOOK in sys.modules  # before what is imported below changes the answer
    yield ok(
        "otel_bridge",
        f"{__version__} in {Path(otel_bridge.__file__).parent}, Python {platform.python_version()} at"
        f" {sys.executable}",
    )
    yield from activation(at_start, os.environ)
    yield from _osprofiler()


def activation(at_start: bool, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether interpreters activate when they start.

    Args:
        at_start: this one did.
        environ: the environment.
    """
    files = _pth_files()
    read = [path for path in files if path.parent in _site_directories()]
    where = ", ".join(map(str, read))
    try:
        hook: Any = importlib.import_module(_HOOK)
    except Exception as error:
        yield problem(_ACTIVATION, f"{_HOOK} cannot be imported: {type(error).__name__}: {error}")
        return
    if hook.is_switched_off(environ):
        yield problem(_ACTIVATION, f"switched off here by {hook.SWITCH}={environ[hook.SWITCH]}")
    elif at_start and hook.is_active():
        yield ok(_ACTIVATION, f"by {where}" if read else f"{_HOOK} was imported, but not by {PTH}")
    elif sys.flags.no_site:
        yield problem(_ACTIVATION, f"{PTH} is not read under python -S: import {_HOOK} in the service")
    elif read:
        yield problem(_ACTIVATION, f"{where} was read, and yet it is not active; has it been changed?")
    elif files:
        yield problem(
            _ACTIVATION,
            f"{files[0]} is in a directory whose .pth files are not read: import {_HOOK} in the service",
        )
    else:
        yield problem(_ACTIVATION, f"there is no {PTH} in this environment: install otel-bridge again")


def _pth_files() -> list[Path]:
    here = Path(otel_bridge.__file__).parents[1]
    places = [*_site_directories(), here, *(Path(entry) for entry in sys.path if entry)]
    return [path for path in dict.fromkeys(place / PTH for place in places) if path.is_file()]


def _site_directories() -> list[Path]:
    """Where ``.pth`` files are read."""
    places = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    return [Path(place) for place in places]


def _osprofiler() -> Iterator[Finding]:
    try:
        version = metadata.version("osprofiler")
    except metadata.PackageNotFoundError:
        yield problem("osprofiler", "it is not installed here: pip install 'otel-bridge[osprofiler]'")
        return
    wrong = _differences()
    if wrong:
        yield problem(
            "osprofiler",
            f"{version} is not as otel_bridge knows it: {', '.join(wrong)}; is there a newer otel-bridge?",
        )
    else:
        yield ok("osprofiler", version)
    yield from _drivers()


def _differences() -> list[str]:
    """What of osprofiler is missing, or takes other parameters."""
    wrong = []
    for module, functions in _EXPECTED.items():
        try:
            found: Any = importlib.import_module(module)
        except Exception as error:
            wrong.append(f"{module} ({type(error).__name__}: {error})")
            continue
        for name, expected in functions.items():
            try:
                parameters = tuple(inspect.signature(getattr(found, name)).parameters)
            except (AttributeError, TypeError, ValueError):
                parameters = None
            if parameters is None or parameters[: len(expected)] != expected:
                wrong.append(f"{module}.{name}")
    return wrong


def _drivers() -> Iterator[Finding]:
    from otel_bridge.config.connection import SCHEMES

    try:
        from osprofiler import _utils
        from osprofiler.drivers import base

        known = {driver.get_name() for driver in _utils.itersubclasses(base.Driver)}
    except Exception as error:
        yield problem("drivers", f"osprofiler's cannot be listed: {type(error).__name__}: {error}")
        return
    missing = [scheme for scheme in SCHEMES if scheme not in known]
    if missing:
        yield problem("drivers", f"osprofiler does not know {', '.join(missing)}")
    else:
        yield ok("drivers", f"osprofiler knows {', '.join(SCHEMES)}")
