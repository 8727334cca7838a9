"""What the driver answers to ``osprofiler trace show``, ``osprofiler trace list`` and Horizon.

The shapes are those of osprofiler's own drivers (:mod:`otel_bridge.reports.osprofiler_json`); the traces come
from a store. Which one: ``OTEL_BRIDGE_STORE``, else ``[otel_bridge] store`` of the service's configuration,
else ``?store=`` of the connection string, where it is percent-encoded::

    otel://collector:4318?store=jaeger%2Bhttp://jaeger:16686

Who calls makes a driver with nothing but a connection string, so mostly it is the first or the last of these.
``OTEL_BRIDGE_STORE_*`` and ``[otel_bridge] store_*`` say how the store is reached.
What cannot be answered is an ``osprofiler.exc.CommandError``: osprofiler's commands print its message as one
line, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from osprofiler import exc

from otel_bridge.adopt import embedding
from otel_bridge.model.trace import Trace, TraceSummary
from otel_bridge.reports import osprofiler_json
from otel_bridge.wire import ids

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

    from otel_bridge.stores import TraceStore

VARIABLE: Final = "OTEL_BRIDGE_STORE"
#: Lists are as long as that: the newest traces. osprofiler's own have no bound.
LIST_LIMIT: Final = 1000

_DEFAULT_FIELDS: Final = frozenset(("base_id", "timestamp"))


class _Source(NamedTuple):
    url: str
    #: Who says so.
    named_by: str
    #: The configuration that says so; None: it is somebody else.
    conf: ConfigOpts | None = None


def get_report(connection_string: str, base_id: str, conf: Any = None) -> dict[str, Any]:
    """The report of one trace, as ``osprofiler.drivers.base.Driver.get_report`` gives it.

    For a trace that the store does not have ``children`` is empty: that is how osprofiler's command knows
    that it is not found. What would end a script in a page is broken up (:mod:`otel_bridge.adopt.embedding`).

    Args:
        connection_string: the driver's.
        base_id: OSProfiler's id of the trace; any text, mostly a UUID in any spelling.
        conf: the service's ``ConfigOpts``, where there is one.

    Raises:
        osprofiler.exc.CommandError: there is no store to read from, or it does not answer.
    """
    from otel_bridge.stores import StoreError, TraceNotFound

    base_id = str(base_id)
    trace_id = ids.trace_id(base_id)
    source = _source(connection_string, conf)
    trace = Trace.from_spans(trace_id, ())
    if trace_id:  # the nil UUID names no trace
        try:
            trace = _open(source).get(trace_id)
        except TraceNotFound:
            pass
        except StoreError as error:
            raise exc.CommandError(f"{source.named_by}: {error}") from error
    report = osprofiler_json.report(trace, None if ids.is_uuid(base_id) else base_id)
    embedding.make_inert(report)
    return report


def list_traces(
    connection_string: str, fields: Iterable[str] | None = None, conf: Any = None
) -> list[dict[str, Any]]:
    """The newest :data:`LIST_LIMIT` traces, the oldest of them first.

    Args:
        connection_string: the driver's.
        fields: what is wanted of each: ``base_id`` and ``timestamp`` (``%Y-%m-%dT%H:%M:%S.%f``, UTC), the
            default; ``info``, or a part of it, whose ``["request"]["path"]`` Horizon shows: the path in the
            name of the root span, or that name where it has none. Other fields are not known.
        conf: as of :func:`get_report`.

    Raises:
        osprofiler.exc.CommandError: as by :func:`get_report`.
    """
    wanted = {field.partition(".")[0] for field in fields or _DEFAULT_FIELDS}
    return [
        {name: value for name, value in _row(summary).items() if name in wanted}
        for summary in _summaries(connection_string, conf, errors_only=False)
    ]


def list_error_traces(connection_string: str, conf: Any = None) -> list[dict[str, Any]]:
    """``base_id`` and ``timestamp`` of the newest traces that have a failed span, the oldest of them first.

    Raises:
        osprofiler.exc.CommandError: as by :func:`get_report`.
    """
    return [
        {name: value for name, value in _row(summary).items() if name in _DEFAULT_FIELDS}
        for summary in _summaries(connection_string, conf, errors_only=True)
    ]


def _summaries(connection_string: str, conf: Any, *, errors_only: bool) -> list[TraceSummary]:
    from otel_bridge.stores import StoreError, TraceQuery

    source = _source(connection_string, conf)
    try:
        found = _open(source).list(TraceQuery(limit=LIST_LIMIT, errors_only=errors_only))
    except StoreError as error:
        raise exc.CommandError(f"{source.named_by}: {error}") from error
    return sorted(found, key=lambda summary: (summary.start_ns, summary.trace_id))


def _row(summary: TraceSummary) -> dict[str, Any]:
    method, _, path = summary.root_name.partition(" ")
    if not path.startswith("/"):
        method, path = "", summary.root_name
    return {
        "base_id": ids.base_id(summary.trace_id),
        "timestamp": osprofiler_json.timestamp(summary.start_ns),
        "info": {"request": {"method": method, "path": path, "query": "", "scheme": ""}},
    }


def _open(source: _Source) -> TraceStore:
    """The store, reached as the environment says, and the configuration if that names it.

    Raises:
        osprofiler.exc.CommandError: what they say cannot be used.
    """
    from otel_bridge import config
    from otel_bridge.stores import open_store

    try:
        options = config.store_options(os.environ, source.conf)
    except config.ConfigError as error:
        raise exc.CommandError(str(error)) from None
    return open_store(source.url, options)


def _source(connection_string: str, conf: Any, environ: Mapping[str, str] = os.environ) -> _Source:
    """Which store to read.

    Raises:
        osprofiler.exc.CommandError: none is named; the message says how to.
    """
    url = environ.get(VARIABLE, "").strip()
    if url:
        return _Source(url, VARIABLE)
    known = _with_our_options(conf)
    if known is not None:
        url = _configured(known)
        if url:
            return _Source(url, "[otel_bridge] store", known)
    from otel_bridge.config import connection

    try:
        said = connection.parse(connection_string).store
    except ValueError as error:
        raise exc.CommandError(f"the connection string cannot be read: {error}") from None
    if said:
        return _Source(said, "?store= of the connection string", known)
    from otel_bridge.stores.opening import FORMS

    raise exc.CommandError(
        f"no store to read traces from: set {VARIABLE} ({FORMS}), or append it percent-encoded to the "
        "connection string: otel://HOST:4318?store=jaeger%2Bhttp://HOST:16686"
    )


def _with_our_options(conf: Any) -> ConfigOpts | None:
    """The service's configuration, if that is what we were given, with ``[otel_bridge]`` in it."""
    if conf is None:
        return None
    from oslo_config import cfg

    from otel_bridge import opts

    if not isinstance(conf, cfg.ConfigOpts):
        return None
    try:
        opts.register_opts(conf)
    except (cfg.Error, ValueError):  # somebody else's options: it says nothing to us
        return None
    return conf


def _configured(conf: ConfigOpts) -> str:
    """``[otel_bridge] store`` of the configuration, empty where there is none."""
    from oslo_config import cfg

    try:
        return (conf.otel_bridge.store or "").strip()
    except (cfg.Error, ValueError):  # a configuration that cannot be read names no store
        return ""
