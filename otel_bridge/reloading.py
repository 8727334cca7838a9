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
from otel_bridge.config.files import read_text
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

_State = tuple[int, int, int, int] | None


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

    def forget(self) -> None:
        """They could not be read. That may be over without a change of theirs, so the next answer is yes."""
        self._states = None


def _state(path: str) -> _State:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    # What is no file is not there: to read from a pipe could take for ever.
    if not stat.S_ISREG(found.st_mode):
        return None
    # The last one changes with owner and mode, too.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


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
            self._files.forget()
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
    def files_decide(self) -> bool:
        """There are files, and the policy is what they say.

        Not so where a program or the command line has set one of the options, which is stronger; and where
        ``[DEFAULT] config_source`` names further sources: to ask these may take long, and we have no thread.
        """
        return (
            bool(self._files or self._dirs)
            and not _is_overridden(self._conf)
            and not _has_other_sources(self._conf)
        )

    def stop(self) -> None:
        """Change nothing any more. oslo.config has no way of taking a mutate hook back."""
        self._stopped = True

    def look(self) -> None:
        """Read the files again if one of them has changed, or there is another one."""
        paths = self._paths()
        if not self._state.changed(paths):
            return
        try:
            for path in paths:
                read_text(path, 0)
        except ValueError as error:
            self._state.forget()
            self._complain(str(error))
            return
        try:
            private = _read(paths)
        except (Exception, SystemExit) as error:  # whatever a parser says, it may quote a secret
            if isinstance(error, OSError):
                self._state.forget()
            self._complain(type(error).__name__)
            return
        self.apply(private)

    def _complain(self, reason: str) -> None:
        self._complaint.tell(
            "[otel_bridge] the changed configuration cannot be read, so that the policy for unsigned requests"
            f" stays as it was: {reason}"
        )

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

    stronger = (cfg.Locations.set_override, cfg.Locations.set_default, cfg.Locations.command_line)
    return any(_location(conf, name) in stronger for name in POLICY_OPTIONS)


def _location(conf: ConfigOpts, name: str) -> Any:
    """Where an option of ours has its value from; None: from nowhere, or it has none that can be read."""
    try:
        found = conf.get_location(name, "otel_bridge")
    except Exception:  # it renders the value, in which a $ may stand; that has been reported
        return None
    return None if found is None else found.location


def _has_other_sources(conf: ConfigOpts) -> bool:
    try:
        return bool(conf["config_source"])
    except Exception:  # there may be some
        return True


def _read(paths: list[str]) -> ConfigOpts:
    """A ConfigOpts with our options and nothing else, so that nothing of the service is touched."""
    from oslo_config import cfg

    from otel_bridge.gate_opts import POLICY_OPTS

    conf = cfg.ConfigOpts()
    conf.register_opts(POLICY_OPTS, group="otel_bridge")
    conf.set_override("config_source", [])  # what a changed file may have added is not asked
    conf([], project="otel_bridge", default_config_files=paths, default_config_dirs=[])
    return conf
