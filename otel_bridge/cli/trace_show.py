"""``otel-bridge trace show``: one trace, as a tree, as OSProfiler's JSON, or as a page."""

from __future__ import annotations

import argparse
from itertools import chain
from typing import TYPE_CHECKING, Any

from otel_bridge.cli import source
from otel_bridge.cli.errors import FOUND, NOT_FOUND, CommandError, UsageError
from otel_bridge.cli.output import Output, complain
from otel_bridge.wire import ids

if TYPE_CHECKING:
    from otel_bridge.model.trace import Trace

_WHY_MISSING = (
    "It may be missing because",
    "  - the service did not accept the signature: the key must be one of its [profiler] hmac_keys",
    "  - tracing is disabled there: it needs [profiler] enabled = true and a restart",
    "  - its spans are not exported yet: ask again in a few seconds",
    "  - its spans go elsewhere: compare [otel_bridge] endpoint of the service with the store read here",
)


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "show",
        help="show one trace",
        description="Shows the spans of one trace as a tree.",
        allow_abbrev=False,
    )
    parser.add_argument("id", metavar="ID", help="the trace: a UUID or 32 hexadecimal digits")
    source.add_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON in the shape of OSProfiler's report")
    form.add_argument("--html", action="store_true", help="a page for the browser, in one file")
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")


def run(args: argparse.Namespace) -> int:
    from otel_bridge.stores import StoreError, TraceNotFound

    try:
        trace_id = ids.parse_trace_id(args.id)
    except ValueError as error:
        raise UsageError(str(error)) from error
    where = source.find(args)
    store = source.open_store(where)
    try:
        trace = store.get(trace_id)
    except TraceNotFound as error:
        complain(f"{error} (store named by {where.named_by})", *_WHY_MISSING)
        return NOT_FOUND
    except StoreError as error:
        raise CommandError(str(error)) from error
    if not trace.spans:
        complain(f"trace {args.id} has no spans in {store.url} (named by {where.named_by})", *_WHY_MISSING)
        return NOT_FOUND
    _write(trace, args, Output(args.out))
    return FOUND


def _write(trace: Trace, args: argparse.Namespace, output: Output) -> None:
    if args.html:
        from otel_bridge.reports import html

        output.write([html.render(trace)])
    elif args.json:
        from otel_bridge.reports import json_text, osprofiler_json

        output.write(chain(json_text.pieces(osprofiler_json.report(trace)), ["\n"]))
    else:
        from otel_bridge.reports import terminal

        output.write_lines(terminal.render(trace, output.style))
