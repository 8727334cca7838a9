"""Which options and variables count, and where each of them stands."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_bridge import config, opts, profiler_opts
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config.endpoint import mask, parse_headers
from otel_bridge.config.sources import shorten

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

PROFILER: Final = "profiler"
OURS: Final = "otel_bridge"
#: As they come from a file: section -> option -> its values, in order.
Sections = Mapping[str, Mapping[str, Sequence[str]]]
#: What is looked at elsewhere, with more to say about it.
_ELSEWHERE: Final = {
    (PROFILER, "enabled"),
    (PROFILER, "hmac_keys"),
    (PROFILER, "connection_string"),
    (OURS, "hmac_keys_file"),
}
#: Variables that hold secrets: only that they are set is shown.
_SECRET_VARIABLES: Final = ("OTEL_BRIDGE_HMAC_KEYS",)
#: How alike a name has to be to be meant, from 0 to 1.
_ALIKE: Final = 0.75


class ConfigFile(NamedTuple):
    """A configuration file and what stands in it."""

    path: str
    sections: Sections

    def options(self, group: str) -> Mapping[str, Sequence[str]]:
        """Those of a section, whose name oslo.config compares in lower case."""
        found: dict[str, Sequence[str]] = {}
        for name, options in self.sections.items():
            if name.lower() == group:
                found.update(options)
        return found


class Recorded(Mapping[str, str]):
    """An environment that knows which variables it was asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        #: In the order in which they were asked for first.
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> str:
        self.asked[name] = None
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def used(self) -> list[str]:
        """Variables that were asked for and say something."""
        return [name for name in self.asked if self._environ.get(name, "").strip()]


def read_sections(paths: Iterable[str]) -> list[ConfigFile]:
    """What stands in files that oslo.config has read already."""
    from oslo_config import cfg

    found = []
    for path in paths:
        sections: dict[str, dict[str, Any]] = {}
        cfg.ConfigParser(path, sections).parse()
        found.append(ConfigFile(path, sections))
    return found


def about_files(files: Sequence[ConfigFile]) -> Iterator[Finding]:
    """Which files were read, what of them is ours, and what was meant to be."""
    for file in files:
        counts = {group: len(file.options(group)) for group in (PROFILER, OURS)}
        shown = ", ".join(f"[{group}] has {_number(count, 'option')}" for group, count in counts.items())
        yield ok("file", f"{file.path}: {shown}", path=file.path, options=counts)
        if file.options(PROFILER).get("hmac_keys"):
            yield from _open_to_others(file.path)
        beside = f"{file.path}.d"
        if os.path.isdir(beside) and not any(os.path.dirname(one.path) == beside for one in files):
            yield note(
                "file",
                f"{beside} is there as well, and services read what is in it: name it, too, with"
                " --config-dir",
            )
    if files and not any(file.options(PROFILER) for file in files):
        yield problem(
            f"[{PROFILER}]",
            f"there is no such section, or nothing in it{_meant(PROFILER, files)}: it needs enabled = true,"
            " hmac_keys and connection_string",
        )
    for file in files:
        yield from _misplaced(file)
        yield from _unknown(file)
        yield from _repeated(file)


def about_options(conf: ConfigOpts, files: Sequence[ConfigFile], wrong: Iterable[str]) -> Iterator[Finding]:
    """Each option that somebody set, with its value.

    Args:
        conf: has read the files.
        files: the same ones.
        wrong: options about which something else is said, as ``[group] name``.
    """
    wrong = set(wrong)
    for group, options in ((PROFILER, profiler_opts.group_and_options()[1]), (OURS, opts.OPTS)):
        for option in options:
            about = f"[{group}] {option.dest}"
            where = origin(conf, files, group, option)
            if where is None or about in wrong or (group, option.dest) in _ELSEWHERE:
                continue
            value = _value(conf, group, option.dest)
            if value is not None:
                text = _shown(option, value)
                yield ok(about, f"{text} ({where})", value=text, origin=where)


def about_variables(environ: Recorded, wrong: Iterable[str]) -> Iterator[Finding]:
    """Each variable that counts, and those that would if nothing stronger were there.

    Args:
        environ: what the settings were made of.
        wrong: variables about which something else is said.
    """
    used, wrong = environ.used(), set(wrong)
    for name in used:
        if name not in wrong:
            text = _variable(name, environ[name].strip())
            yield ok(name, f"{text} (environment of this shell)", value=text, origin="environment")
    known = Recorded({})
    config.from_environ(known)
    for name in known.asked:
        if name not in used and environ.get(name, "").strip():
            yield note(name, "it is set and does not count, since an option or another variable is stronger")


def origin(conf: ConfigOpts, files: Sequence[ConfigFile], group: str, option: Any) -> str | None:
    """Where an option's value stands: a file's path or ``environment, NAME``; None: nowhere."""
    from oslo_config.sources._environment import EnvironmentConfigurationSource

    variable = EnvironmentConfigurationSource.get_name(group, option.dest)
    if variable in os.environ:
        return f"environment, {variable}"
    names = [option.dest, *(old.name for old in option.deprecated_opts if old.name)]
    for file in reversed(files):
        if any(name in file.options(group) for name in names):
            return file.path
    return None


def option_named(group: str, name: str) -> Any:
    """The option itself."""
    options = opts.OPTS if group == OURS else profiler_opts.group_and_options()[1]
    return next(option for option in options if option.dest == name)


def set_in(conf: ConfigOpts, files: Sequence[ConfigFile], group: str, name: str) -> str:
    """:func:`origin` in brackets, as it follows a value."""
    return f" ({origin(conf, files, group, option_named(group, name)) or 'default'})"


def _value(conf: ConfigOpts, group: str, name: str) -> Any:
    try:
        return conf[group][name]
    except Exception:  # of oslo.config, and told by whoever has asked for the option
        return None


def _open_to_others(path: str) -> Iterator[Finding]:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if mode & stat.S_IROTH:
        yield note(
            "file",
            f"{path} holds HMAC keys, and everybody on this machine can read it"
            f" ({stat.filemode(mode)}): chmod o-r",
        )


def _misplaced(file: ConfigFile) -> Iterator[Finding]:
    """Options of one of our sections in the other, and those of [profiler] that name us elsewhere."""
    names = {PROFILER: _names(PROFILER), OURS: _names(OURS)}
    for here, there in ((PROFILER, OURS), (OURS, PROFILER)):
        for name in file.options(here):
            if name not in names[here] and name in names[there]:
                yield problem(f"[{here}] {name}", f"it belongs into [{there}] and counts only there")
    for section, options in file.sections.items():
        if section.lower() in (PROFILER, OURS):
            continue
        if "hmac_keys" in options or any(
            value.strip().lower().startswith("otel") for value in options.get("connection_string", ())
        ):
            yield note(
                f"[{shorten(section)}]",
                f"hmac_keys or connection_string stands in it ({file.path}); they count in [{PROFILER}] only",
            )


def _unknown(file: ConfigFile) -> Iterator[Finding]:
    known = {PROFILER: _names(PROFILER), OURS: _names(OURS)}
    for group, other in ((OURS, PROFILER), (PROFILER, OURS)):
        for name in file.options(group):
            if name in known[group] or name in known[other]:
                continue
            alike = difflib.get_close_matches(_plain(name), known[group], 1, _ALIKE)
            meant = f": {alike[0]} is meant?" if alike else ""
            about = f"[{group}] {shorten(name)}"
            if group == OURS:
                yield problem(about, f"there is no such option, so it has no effect{meant} ({file.path})")
            elif alike:  # services have options of their own in this section
                yield note(about, f"it is no option of OSProfiler's{meant} ({file.path})")


def _repeated(file: ConfigFile) -> Iterator[Finding]:
    for group in (PROFILER, OURS):
        for name, values in file.options(group).items():
            if len(values) > 1:
                yield note(
                    f"[{group}] {shorten(name)}",
                    f"it is set {len(values)} times in {file.path}, and the last one counts",
                )


def _meant(group: str, files: Sequence[ConfigFile]) -> str:
    """What may have been meant as that section."""
    alike = [
        section
        for file in files
        for section in file.sections
        if difflib.SequenceMatcher(None, _plain(section), group).ratio() >= _ALIKE
    ]
    return f" (there is a [{shorten(alike[0])}])" if alike else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _names(group: str) -> set[str]:
    options = opts.OPTS if group == OURS else profiler_opts.group_and_options()[1]
    names = {option.dest for option in options}
    return names | {old.name for option in options for old in option.deprecated_opts if old.name}


def _shown(option: Any, value: Any) -> str:
    if option.dest.endswith("headers"):
        return _header_names(str(value))
    if option.secret:
        return "set"
    if option.dest in _ADDRESSES:
        return _ADDRESSES[option.dest](str(value))
    if isinstance(value, list):
        return shorten(", ".join(map(str, value))) or "empty"
    return str(value).lower() if isinstance(value, bool) else shorten(str(value))


def _variable(name: str, value: str) -> str:
    if name in _SECRET_VARIABLES:
        return "set"
    if name.endswith("_HEADERS"):
        return _header_names(value)
    if name.endswith("_ENDPOINT") or name == "OTEL_BRIDGE_STORE":
        return mask(value)
    return shorten(value)


def _header_names(text: str) -> str:
    """Which headers are sent, without their values."""
    names = ", ".join(parse_headers(text)[0])
    return f"{names} (values not shown)" if names else "none"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


_ADDRESSES: Final[Mapping[str, Callable[[str], str]]] = {"endpoint": mask, "store": mask}
