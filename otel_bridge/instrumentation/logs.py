"""Log records say which span they were made in: ``trace_id`` and ``span_id``.

Every record has both from the moment it is made, in the thread that makes it; ``-`` where there is no span,
so that a format string with them never fails. They are set where all records come by, ``LogRecord.__init__``,
whatever record factory a service has or chooses later.

A service that passes ``trace_id`` or ``span_id`` in ``extra``, or whose own factory sets them, keeps its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any, Final

from opentelemetry import trace as api

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.imports import when_imported
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.spans import Span

TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
#: What a record says that no span was current for.
NONE: Final = "-"

_FIELDS: Final = (TRACE_ID, SPAN_ID)
#: What the standard library's ``Logger.makeRecord`` works with, as far as it is the one that we know.
_NAMES_OF_MAKE_RECORD: Final = ("_logRecordFactory", "__dict__", "KeyError")
_SPAN_KEY = ctx.SPAN_KEY
_get = ctx.get
_Wrapped = Callable[..., Any]


class LogsInstrumentor(ReplacingInstrumentor):
    """Sets ``trace_id`` (32 hex digits) and ``span_id`` (16) on every record of ``logging`` and oslo.log.

    oslo.log's JSON and Fluent formatters and its journal handler, which choose what they show of a record,
    show them as well. ``instrument()`` takes no options.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()  # the standard library

    def _replace(self, replacements: Replacements, **_options: Any) -> None:
        replacements.wrap(logging.LogRecord, "__init__", _with_ids)
        replacements.wrap(logging.Logger, "makeRecord", _with_extra)

        def formatters(module: ModuleType) -> None:
            replacements.wrap(module.JSONFormatter, "format", _as_json)
            replacements.wrap(module.FluentFormatter, "format", _as_dict)

        def handlers(module: ModuleType) -> None:
            handler = module.OSJournalHandler
            replacements.replace(handler, "custom_fields", (*handler.custom_fields, *_FIELDS))

        when_imported("oslo_log.formatters", formatters)
        when_imported("oslo_log.handlers", handlers)


def _ids(span: Any) -> tuple[str, str]:
    """What a record says where something is current that is no span of ours."""
    if isinstance(span, api.Span):
        found = span.get_span_context()
        if isinstance(span, Remote) and not span.parent_id:  # of a root: no span of its trace is open yet
            return f"{found.trace_id:032x}", NONE
        if found.is_valid:
            return f"{found.trace_id:032x}", f"{found.span_id:016x}"
    return NONE, NONE


def _with_ids(found: _Wrapped) -> _Wrapped:
    def __init__(
        record: Any,
        name: Any,
        level: Any,
        pathname: Any,
        lineno: Any,
        msg: Any,
        args: Any,
        exc_info: Any,
        func: Any = None,
        sinfo: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            found(record, name, level, pathname, lineno, msg, args, exc_info, func, sinfo, **kwargs)
        else:  # with a dictionary the call takes as long as all the rest
            found(record, name, level, pathname, lineno, msg, args, exc_info, func, sinfo)
        try:
            context = _get()
            if not context:
                record.trace_id = record.span_id = NONE
                return
            span: Any = context.get(_SPAN_KEY)
            if span.__class__ is Span:
                record.trace_id = span._trace.wire.hex()[4:]  # behind the tag and the length of the field
                record.span_id = span._span_id.to_bytes(8, "big").hex()
            else:
                record.trace_id, record.span_id = _ids(span)
        except Exception:  # a class of records with its own idea of these names, a span of another make
            return

    return __init__


def _with_extra(found: _Wrapped) -> _Wrapped:
    """``makeRecord`` refuses ``extra`` that a record has already: ours gives way to the service's own."""
    # All that it does without ``extra`` is to call the factory: done here, it is one call less a record.
    plain = getattr(getattr(found, "__code__", None), "co_names", None) == _NAMES_OF_MAKE_RECORD

    def makeRecord(
        logger: Any,
        name: Any,
        level: Any,
        fn: Any,
        lno: Any,
        msg: Any,
        args: Any,
        exc_info: Any,
        func: Any = None,
        extra: Any = None,
        sinfo: Any = None,
    ) -> Any:
        if extra is None and plain:
            return logging._logRecordFactory(  # type: ignore[attr-defined]
                name, level, fn, lno, msg, args, exc_info, func, sinfo
            )
        if extra is None or not (TRACE_ID in extra or SPAN_ID in extra):
            return found(logger, name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        others = {key: extra[key] for key in extra if key not in _FIELDS}
        record = found(logger, name, level, fn, lno, msg, args, exc_info, func, others, sinfo)
        record.__dict__.update({key: extra[key] for key in _FIELDS if key in extra})
        return record

    return makeRecord


# -- oslo.log ------------------------------------------------------------------------------------------


def _shown(record: Any) -> Mapping[str, str]:
    """The ids that a record has, for formats in which what is not there is left out."""
    return {
        name: value
        for name in _FIELDS
        if isinstance(value := getattr(record, name, None), str) and value != NONE
    }


def _as_json(found: _Wrapped) -> _Wrapped:
    """Adds them at the top level, as OpenTelemetry has it for logs in JSON."""

    def format(formatter: Any, record: Any) -> Any:
        text = found(formatter, record)
        ids = _shown(record)
        if ids and isinstance(text, str) and text.endswith("}"):
            return f"{text[:-1]}, {json.dumps(ids)[1:]}"
        return text

    return format


def _as_dict(found: _Wrapped) -> _Wrapped:
    def format(formatter: Any, record: Any) -> Any:
        message = found(formatter, record)
        if isinstance(message, dict):
            message.update(_shown(record))
        return message

    return format
