"""What changes while a service runs: the file of keys, and the policy for unsigned requests.

There is no thread for it. :mod:`otel_bridge.gate` has it looked, at most once a second, when something comes
in that is looked at anyway. What is of no use when it is read again is told once, and what was in force
stays in force; a request that has begun goes on with what it began with.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Collection, Iterable
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from otel_bridge import gate
from otel_bridge.config.gate import parse_keys_file
from otel_bridge.config.policy import read_policy
from otel_bridge.config.sources import Sources
from otel_bridge.log import LOG
from otel_bridge.settings import KeysFile

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

#: Options that are read again.
POLICY_OPTIONS: Final = ("sampling_ratio", "sampling_rules", "trust_traceparent")
#: A file that was written so shortly ago, in nanoseconds, may be written again without looking any different.
_UNSETTLED_NS: Final = 2_000_000_000

_State = tuple[int, int, int] | None


class _Files:
    """Whether files have changed since it was last asked; the first answer is yes."""

    def __init__(self) -> None:
        self._states: dict[str, _State] | None = None

    def changed(self, paths: Iterable[str]) -> bool:
        before = self._states
        found = self._states = {path: _state(path) for path in paths}
        if before is None or found != before:
            return True
        latest = max((state[0] for state in found.values() if state is not None), default=0)
        return abs(time_ns() - latest) < _UNSETTLED_NS


def _state(path: str) -> _State:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    # What is no file is not there: to read from a pipe could take for ever.
    return (found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else None


class _Complaint:
    """Tells each trouble once, and not again before it has gone or become another one."""

    def __init__(self) -> None:
        self._told = ""

    def tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            LOG.warning("%s", text)

    def none(self) -> None:
        self._told = ""


class KeysReloader:
    """Keeps the gate's keys as they stand in a file."""

    def __init__(self, file: KeysFile) -> None:
        self._file = file
        self._files = _Files()
        self._complaint = _Complaint()
        self._keys = file.keys

    def look(self) -> None:
        """Read the file again if it has changed."""
        file = self._file
        if not self._files.changed((file.path,)):
            return
        try:
            keys = parse_keys_file(file.path, file.algorithm)
        except ValueError as error:
            self._complaint.tell(f"{file.option}: {error}; the keys so far stay in force")
            return
        if not keys:
            self._complaint.tell(f"{file.option}: there is no key in it; the keys so far stay in force")
            return
        self._complaint.none()
        if keys.keys != self._keys.keys:
            self._keys = keys
            gate.use_file(keys)
            LOG.info("%s: the keys have changed, there are %d of them now", file.option, len(keys))


class PolicyReloader:
    """Keeps the gate's policy as it stands in a service's configuration files."""

    def __init__(self, conf: ConfigOpts, names: Collection[str]) -> None:
        """
        Args:
            conf: the service's; only where its files are is taken from it, and nothing is changed in it.
            names: of the service (:func:`otel_bridge.config.policy.service_names`).
        """
        self._conf = conf
        self._names = names
        self._files, self._dirs = _places(conf)
        self._state = _Files()
        self._state.changed(self._paths())
        self._complaint = _Complaint()
        self._stopped = False

    @property
    def has_files(self) -> bool:
        """There are files, and no program has set one of the options, which would be stronger."""
        return bool(self._files or self._dirs) and not _is_overridden(self._conf)

    def stop(self) -> None:
        """Change nothing any more. oslo.config has no way of taking a mutate hook back."""
        self._stopped = True

    def look(self) -> None:
        """Read the files again if one of them has changed, or there is another one."""
        if not self._state.changed(self._paths()):
            return
        try:
            private = _read(self._files, self._dirs)
        except Exception as error:  # whatever a parser says, it may quote a secret that stands there
            self._complaint.tell(
                f"[otel_bridge] the changed configuration cannot be read ({type(error).__name__}): the policy"
                " for unsigned requests stays as it was"
            )
            return
        self.apply(private)

    def apply(self, conf: ConfigOpts) -> None:
        """Go by the options as they are in ``conf``, unless something is wrong with them."""
        sources = Sources({}, conf)
        policy = read_policy(sources, self._names)
        if sources.problems:
            told = "; ".join(map(str, sources.problems))
            self._complaint.tell(f"{told}; the policy for unsigned requests stays as it was")
            return
        self._complaint.none()
        if policy != next(iter(gate.unsigned), type(policy)()):
            gate.decide(policy)
            LOG.info("the policy for unsigned requests has changed: sampling_ratio %s", policy.ratio or 0)

    def mutated(self, conf: ConfigOpts, _fresh: Any) -> None:
        """A mutate hook of oslo.config. Never raises."""
        if self._stopped or conf is not self._conf:
            return
        try:
            self.apply(conf)
        except Exception as error:  # the service is in the middle of its own reload
            LOG.warning("the policy for unsigned requests stays as it was: %s", type(error).__name__)

    def _paths(self) -> list[str]:
        return self._files + [path for where in self._dirs for path in _in_dir(where)]


def _in_dir(where: str) -> list[str]:
    return sorted(glob.glob(os.path.join(glob.escape(where), "*.conf")))


def _places(conf: ConfigOpts) -> tuple[list[str], list[str]]:
    """The configuration files and directories of a service, wherever it may change to later."""
    found = []
    for name in ("config_file", "config_dir"):
        try:
            value: Any = conf[name]
        except Exception:  # it has not been called, and has no files
            value = None
        values = [value] if isinstance(value, str) else value or ()
        found.append([os.path.abspath(each) for each in values if isinstance(each, str)])
    return found[0], found[1]


def _is_overridden(conf: ConfigOpts) -> bool:
    from oslo_config import cfg

    for name in POLICY_OPTIONS:
        location = conf.get_location(name, "otel_bridge")
        if location is not None and location.location in (
            cfg.Locations.set_override,
            cfg.Locations.set_default,
            cfg.Locations.command_line,
        ):
            return True
    return False


def _read(files: list[str], dirs: list[str]) -> ConfigOpts:
    """A ConfigOpts with our options and nothing else, so that nothing of the service is touched."""
    from oslo_config import cfg

    from otel_bridge.gate_opts import POLICY_OPTS

    conf = cfg.ConfigOpts()
    conf.register_opts(POLICY_OPTS, group="otel_bridge")
    conf([], project="otel_bridge", default_config_files=files, default_config_dirs=dirs)
    return conf
