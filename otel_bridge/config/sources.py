"""Where a setting comes from: an oslo.config option that somebody set, else the environment.

Every question that cannot be answered ends as a :class:`~otel_bridge.settings.Problem` and as "not set",
which is what OpenTelemetry's environment variable specification asks for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_bridge.settings import Problem

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

_MAX_INT = 2**31 - 1
_MAX_SHOWN = 200
_INTEGER = re.compile(r"\+?[0-9]{1,10}", re.ASCII)


class Text(NamedTuple):
    """A value that was found."""

    value: str
    #: The option or variable that it stands in, as the operator writes it.
    origin: str
    #: It is an oslo.config option.
    option: bool


class Sources:
    """Reads options and variables, and keeps what was wrong with them in :attr:`problems`."""

    def __init__(self, environ: Mapping[str, str], conf: ConfigOpts | None = None) -> None:
        """
        Args:
            environ: the environment.
            conf: has the options of :mod:`otel_bridge.opts`; None: there is only the environment.
        """
        self.problems: list[Problem] = []
        self._environ = environ
        self._conf = conf

    def report(self, origin: str, message: str, *, fatal: bool = False) -> None:
        self.problems.append(Problem(origin, message, fatal))

    def option(
        self, name: str, *, group: str = "otel_bridge", fatal: bool = False, secret: bool = False
    ) -> Any:
        """The value of an option that was set, validated by its type; None when nobody set it.

        Args:
            fatal: a value that cannot be read is a fatal problem.
            secret: nothing of the value may be shown.
        """
        if self._conf is None:
            return None
        from oslo_config import cfg

        try:
            location = self._conf.get_location(name, group)
            if location is not None and location.location is cfg.Locations.opt_default:
                return None
            value = self._conf[group][name]
        except Exception as error:  # whatever oslo.config and its drivers raise: the service has to start
            if secret:
                detail = "its value cannot be read (a $ has to be written $$)"
            else:
                # oslo.config wraps what its types say into text that starts with the location's repr
                cause = error.__context__ if isinstance(error.__context__, ValueError) else error
                detail = shorten(" ".join(str(cause).split()))
            effect = "tracing is off until it is corrected" if fatal else "it is ignored"
            self.report(f"[{group}] {name}", f"{detail}; {effect}", fatal=fatal)
            return None
        return value

    @property
    def has_options(self) -> bool:
        """There is an oslo.config to read from."""
        return self._conf is not None

    def variable(self, name: str, *, raw: bool = False) -> str | None:
        """A variable without the blanks around it; None when it is not set, or empty.

        Args:
            raw: what is not UTF-8 may stay, as surrogate escapes: a path or a key.
        """
        value = self._environ.get(name, "").strip()
        if not value:
            return None
        if not raw:
            try:
                value.encode()
            except UnicodeError:
                self.report(name, "its value is not UTF-8, so it is ignored")
                return None
        return value

    def text(
        self,
        option: str | None,
        *variables: str,
        fatal: bool = False,
        secret: bool = False,
        raw: bool = False,
    ) -> Text | None:
        """The option if it was set, else the first of the variables that is."""
        if option is not None:
            value = self.option(option, fatal=fatal, secret=secret)
            if value is not None and value.strip():
                return Text(value.strip(), f"[otel_bridge] {option}", True)
        for name in variables:
            found = self.variable(name, raw=raw)
            if found is not None:
                return Text(found, name, False)
        return None

    def choice(
        self, option: str | None, *variables: str, known: Sequence[str] = (), fatal: bool = False
    ) -> Text | None:
        """One of a few words, in lower case; None when nothing was set that is one of them.

        Args:
            known: what the variables may say. oslo.config knows what the option may.
            fatal: an unknown word in the option is a fatal problem.
        """
        value = None if option is None else self.option(option, fatal=fatal)
        if value is not None:
            return Text(value.lower(), f"[otel_bridge] {option}", True)
        for name in variables:
            found = self.variable(name)
            if found is None:
                continue
            if found.lower() in known:
                return Text(found.lower(), name, False)
            self.report(name, f"{show(found)} is none of {', '.join(known)}, so it is ignored")
        return None

    def integer(self, option: str, *variables: str, default: int, minimum: int) -> int:
        """A whole number from ``minimum`` to 2**31 - 1."""
        value = self.option(option)
        if value is not None:
            return int(value)
        for name in variables:
            found = self._number(name, minimum)
            if found is not None:
                return found
        return default

    def seconds(self, option: str, *variables: str, default: float) -> float:
        """A time in seconds; variables state it in milliseconds (specification: Duration, Timeout)."""
        value = self.option(option)
        if value is not None and math.isfinite(value):
            return float(value)
        if value is not None:
            self.report(f"[otel_bridge] {option}", "it is no number of seconds, so it is ignored")
        for name in variables:
            found = self._number(name, 0)
            if found is not None:
                return found / 1000
        return default

    def flag(self, option: str | None, *variables: str, default: bool = False) -> bool:
        """True or false. A variable that is neither counts as false (specification: Boolean)."""
        value = None if option is None else self.option(option)
        if value is not None:
            return bool(value)
        for name in variables:
            found = self.variable(name)
            if found is None:
                continue
            if found.lower() not in ("true", "false"):
                self.report(name, f"{show(found)} is neither true nor false; it counts as false")
            return found.lower() == "true"
        return default

    def _number(self, name: str, minimum: int) -> int | None:
        found = self.variable(name)
        if found is None:
            return None
        if _INTEGER.fullmatch(found) and minimum <= int(found) <= _MAX_INT:
            return int(found)
        self.report(
            name, f"{show(found)} is not a whole number from {minimum} to {_MAX_INT}, so it is ignored"
        )
        return None


def shorten(text: str) -> str:
    """At most 200 characters of a text that could be anything."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def show(value: str) -> str:
    """A value for a message: quoted, on one line, of bounded length."""
    return ascii(shorten(value))
