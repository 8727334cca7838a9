"""The oslo.config options of ``[profiler]``, OSProfiler's own wherever it can be imported.

oslo.config refuses a second registration of an option that is not equal to the first one, help text
included; so it has to be OSProfiler's own objects. Where there are none, those below stand in for them.
"""

from __future__ import annotations

from typing import Any

from oslo_config import cfg


class _StandIn:
    """Makes an option equal to OSProfiler's of the same name.

    oslo.config compares the registered option with the newcomer by ``!=``, and Python asks the operand of
    the more derived class first: ours, on either side. So OSProfiler may still be imported, and its options
    registered, after these.
    """

    def __eq__(self, other: object) -> bool:
        mine: Any = self
        return isinstance(other, cfg.Opt) and (mine.dest, mine.type, mine.default) == (
            other.dest,
            other.type,
            other.default,
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__


class _BoolStandIn(_StandIn, cfg.BoolOpt):  # type: ignore[misc, unused-ignore]
    pass


class _StrStandIn(_StandIn, cfg.StrOpt):  # type: ignore[misc, unused-ignore]
    pass


_TITLE = "Tracing of requests that are signed with an HMAC key"

_PROFILER_OPTS: list[cfg.Opt] = [
    _BoolStandIn(
        "enabled",
        default=False,
        deprecated_name="profiler_enabled",
        help="""
Trace the requests that are signed with one of hmac_keys. All others
are served as ever, untraced.
""",
    ),
    # Never mutable: oslo.config logs the old and the new value of a mutable option in clear.
    _StrStandIn(
        "hmac_keys",
        default="SECRET_KEY",
        secret=True,
        help="""
Keys that a signed request may have used, separated by commas.
Whoever knows one can have requests traced, so replace the default,
which everybody knows. Services that are to appear in one trace need
a key in common. To rotate, add the new key everywhere, then remove
the old one.
""",
    ),
    _StrStandIn(
        "connection_string",
        default="messaging://",
        help="""
Where osprofiler sends its trace points. Not used by a service
without osprofiler: see [otel_bridge] endpoint.
""",
    ),
    _BoolStandIn(
        "trace_sqlalchemy",
        default=False,
        help="""
Record each SQL statement as a span of its own. Without osprofiler,
statements are recorded unless this is set to false here;
[otel_bridge] instrument decides where it is set.
""",
    ),
]


def group_and_options() -> tuple[cfg.OptGroup, list[cfg.Opt], bool]:
    """The group and options of ``[profiler]``, and whether they are OSProfiler's own.

    The group is a new one: two ConfigOpts that are given the same object share overrides and defaults.
    """
    try:
        from osprofiler import opts

        theirs = opts._profiler_opt_group
        return cfg.OptGroup("profiler", title=theirs.title, help=theirs.help), list(opts._PROFILER_OPTS), True
    except Exception:  # not installed, broken, or only just being imported
        return cfg.OptGroup("profiler", title=_TITLE), _PROFILER_OPTS, False
