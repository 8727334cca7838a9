"""The oslo.config options of ``[profiler]`` and ``[otel_bridge]``.

An ``[otel_bridge]`` option for which OpenTelemetry has an environment variable has no default of its own:
None means that nobody set it, so that the variable, and then the default, can speak
(:mod:`otel_bridge.config`). The sample file shows the value that is in force then.
"""

from __future__ import annotations

from oslo_config import cfg

from otel_bridge import profiler_opts
from otel_bridge.export_opts import EXPORT_OPTS, QUEUE_OPTS
from otel_bridge.gate_opts import GATE_OPTS
from otel_bridge.option_text import flow
from otel_bridge.outgoing_opts import OUTGOING_OPTS
from otel_bridge.settings import INSTRUMENTATIONS
from otel_bridge.span_opts import CAPTURE_OPTS, LIMIT_OPTS, RESOURCE_OPTS
from otel_bridge.store_opts import STORE_OPTS

__all__ = ["INSTRUMENTATIONS", "OPTS", "list_opts", "register_opts"]


def _group() -> cfg.OptGroup:
    # A new one each time: two ConfigOpts that are given the same object share overrides and defaults.
    return cfg.OptGroup(
        "otel_bridge",
        title="OpenTelemetry tracing of signed requests",
        help=flow("""
Export of the requests that are traced (see [profiler] enabled and hmac_keys) as OpenTelemetry spans.

An option that is not set here is taken from the OpenTelemetry environment variable that its description
names, and from the default after that. Changes take effect when the service is restarted, unless the
description of the option says otherwise.
"""),
    )


_OTHER_OPTS = [
    cfg.ListOpt(
        "instrument",
        sample_default=",".join(INSTRUMENTATIONS),
        help=flow(f"""
Libraries whose calls become spans, out of: {", ".join(INSTRUMENTATIONS)}. Those that are not installed are
passed over; a name that is none of these keeps the service from being traced. All by default, but not
sqlalchemy where [profiler] trace_sqlalchemy has been set to false; none where [profiler] connection_string
is an otel:// one, since OSProfiler's own trace points are the spans then.
"""),
    ),
    cfg.BoolOpt(
        "set_global",
        default=False,
        help=flow("""
Make our tracer provider and propagator the global ones of OpenTelemetry, so that its own instrumentations,
and code that asks OpenTelemetry for a tracer, record the requests that are traced, too. Only where no other
provider has been set. The otel_bridge distro of opentelemetry-instrument does it in any case.
"""),
    ),
]

#: The options of ``[otel_bridge]``.
OPTS: list[cfg.Opt] = [
    *EXPORT_OPTS,
    *QUEUE_OPTS,
    *LIMIT_OPTS,
    *RESOURCE_OPTS,
    *CAPTURE_OPTS,
    *GATE_OPTS,
    *OUTGOING_OPTS,
    *_OTHER_OPTS,
    *STORE_OPTS,
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Registers ``[profiler]`` and ``[otel_bridge]``, on ``cfg.CONF`` or on a ConfigOpts of one's own.

    May be called any number of times, before or after ``osprofiler.opts.set_defaults``, and before or after
    the configuration files have been read.
    """
    conf.register_opts(OPTS, group=_group())
    group, options, _ = profiler_opts.group_and_options()
    for option in options:
        try:
            conf.register_opt(option, group=group)
        except cfg.DuplicateOptError:
            pass  # the service has an option of that name and its own idea of it: that one stays


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """What ``oslo-config-generator --namespace otel_bridge`` prints.

    ``[profiler]`` is left to ``--namespace osprofiler`` where OSProfiler is installed.
    """
    group, options, theirs = profiler_opts.group_and_options()
    return [(_group(), OPTS)] if theirs else [(group, options), (_group(), OPTS)]
