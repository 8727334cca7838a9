"""Whether the filter that opens traces stands in a service's paste pipelines."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from otel_bridge.cli.check_options import ConfigFile
from otel_bridge.cli.errors import UsageError
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config.files import read_text
from otel_bridge.config.sources import shorten

_ABOUT: Final = "paste filter"
#: Options by which services name their paste file.
_OPTIONS: Final = (
    ("wsgi", "api_paste_config"),
    ("DEFAULT", "api_paste_config"),
    ("paste_deploy", "api_paste_config"),
    ("paste_deploy", "config_file"),
)
_MAX_FILE: Final = 1024 * 1024
_KINDS: Final = ("filter", "app", "application", "pipeline", "composite", "composit", "filter-app")


class _Named(NamedTuple):
    """A paste file that a configuration names, or that lies where services look."""

    name: str
    #: None: there is no such file.
    path: str | None


def findings(given: Sequence[str], files: Sequence[ConfigFile]) -> Iterator[Finding]:
    """Look at the paste files that are given, else at the one that the configuration means.

    Args:
        given: paths.
        files: of the service.

    Raises:
        UsageError: one that was given cannot be read.
    """
    if given:
        for path in given:
            try:
                text = read_text(path, _MAX_FILE)
            except ValueError as error:
                raise UsageError(f"--paste-file: {error}") from error
            yield _of_file(path, text)
        return
    meant = _meant(files)
    if meant is None:
        return
    if meant.path is None:
        yield note(_ABOUT, f"{shorten(meant.name)} is not found: --paste-file names it")
        return
    try:
        text = read_text(meant.path, _MAX_FILE)
    except ValueError as error:
        yield note(_ABOUT, f"{error}, so it is not known whether the filter stands in it")
        return
    yield _of_file(meant.path, text)


def _meant(files: Sequence[ConfigFile]) -> _Named | None:
    directories = [os.path.dirname(os.path.abspath(file.path)) for file in reversed(files)]
    for file in reversed(files):
        for section, option in _OPTIONS:
            values = file.sections.get(section, {}).get(option)
            if values and values[-1].strip():
                name = values[-1].strip()
                return _Named(name, _find(name, directories))
    stems = [os.path.splitext(os.path.basename(file.path))[0] for file in files]
    for name in (*(f"{stem}-paste.ini" for stem in stems), "api-paste.ini"):
        path = _find(name, directories)
        if path is not None:
            return _Named(name, path)
    return None


def _find(name: str, directories: Sequence[str]) -> str | None:
    places = [name] if os.path.isabs(name) else [os.path.join(place, name) for place in directories]
    return next((place for place in places if os.path.isfile(place)), None)


def _of_file(path: str, text: str) -> Finding:
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return note(_ABOUT, f"{path} is no paste file ({type(error).__name__})")
    filters = _filters(parser)
    lines = list(_pipelines(parser))
    if not filters:
        return problem(
            _ABOUT,
            f"{path} has no filter of OSProfiler's, so no request opens a trace: add [filter:osprofiler] with"
            " paste.filter_factory = osprofiler.web:WsgiMiddleware.factory, and osprofiler to each pipeline",
            path=path,
        )
    name = sorted(filters)[0]
    with_it = [line for line, items in lines if filters & set(items)]
    without = [line for line, items in lines if not filters & set(items)]
    if not with_it:
        return problem(
            _ABOUT,
            f"{path} has the filter {name}, but no pipeline names it: add it, before authtoken",
            path=path,
            without=without,
        )
    text = f"{name} stands in {_list(with_it)} of {path}"
    if without:
        text += f", and not in {_list(without)}, where requests open no trace"
    return ok(_ABOUT, text, path=path, pipelines=with_it, without=without)


def _filters(parser: configparser.ConfigParser) -> frozenset[str]:
    """Names of the filters that open traces."""
    found = set()
    for section in parser.sections():
        kind, _, name = section.partition(":")
        options = parser[section]
        factory = options.get("paste.filter_factory") or options.get("use") or ""
        if kind in ("filter", "filter-app") and (
            name == "osprofiler"
            or ("WsgiMiddleware" in factory and ("profiler" in factory or "otel_bridge" in factory))
        ):
            found.add(name)
    return frozenset(found)


def _pipelines(parser: configparser.ConfigParser) -> Iterator[tuple[str, list[str]]]:
    """Each pipeline, as people name it, and what is in it.

    Many services choose one of the lines of a composite, by their auth_strategy or flavor.
    """
    known = {section.partition(":")[2].strip() for section in parser.sections()}
    for section in parser.sections():
        kind, _, name = section.partition(":")
        if kind not in _KINDS:
            continue
        for option, value in parser[section].items():
            items = value.split()
            if option == "filter-with" and kind != "pipeline":
                yield name, items
            elif kind == "pipeline" and option == "pipeline":
                yield name, [*items, *(parser[section].get("filter-with") or "").split()]
            elif kind.startswith("composit") and len(items) > 1 and known.issuperset(items):
                yield f"{name} {option}", items


def _list(names: Sequence[str]) -> str:
    shown = [shorten(name) for name in names[:6]]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(shown) + more
