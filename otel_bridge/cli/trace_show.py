"""``otel-bridge trace show``: one trace, as a tree, a page, a graph, or in a format of other tools."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from otel_bridge.cli import durations, source
from otel_bridge.cli.errors import FOUND, UsageError
from otel_bridge.cli.output import Output
from otel_bridge.reports.text import inert

if TYPE_CHECKING:
    from otel_bridge.model.trace import Trace
    from otel_bridge.reports.outline import View
    from otel_bridge.stores import TraceStore

_SPEEDSCOPE, _FOLDED = "speedscope", "folded"
#: Ends of file names that say which of them is meant.
_FOLDED_FILES: Final = (".folded", ".txt")
_MOST_SERVICES = 20


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "show",
        help="show one trace",
        description="Shows the spans of one trace: as a tree with the critical path marked, or in one of the "
        "other forms.",
        allow_abbrev=False,
    )
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "id",
        metavar="ID",
        nargs="?",
        help="the trace: a UUID, 32 hexadecimal digits, or what either begins with; may be missing where "
        "STORE is a file with one trace",
    )
    source.add_arguments(parser)
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")
    form = parser.add_argument_group(
        "forms", "one of these instead of the tree"
    ).add_mutually_exclusive_group()
    form.add_argument("--html", action="store_true", help="a page for the browser, in one file")
    form.add_argument("--stats", action="store_true", help="tables: by service, operation and statement")
    form.add_argument("--json", action="store_true", help="JSON in the shape of OSProfiler's report")
    form.add_argument("--otlp", action="store_true", help="OTLP/JSON, which Jaeger's upload takes")
    form.add_argument("--dot", action="store_true", help="a graph for Graphviz")
    form.add_argument(
        "--flame",
        nargs="?",
        const="",
        metavar=f"{_SPEEDSCOPE}|{_FOLDED}",
        help="a flame graph: a file for speedscope.app, or folded stacks (default: folded if FILE ends in "
        f"{' or '.join(_FOLDED_FILES)}, else speedscope)",
    )
    tree = parser.add_argument_group("what the tree and --dot show")
    tree.add_argument("--depth", type=_depth, metavar="N", help="this many levels")
    tree.add_argument(
        "--min-duration",
        type=durations.parse,
        metavar="TIME",
        help="no spans that took less, such as 5ms, unless they failed; units are ns, us, ms, s, m, h",
    )
    tree.add_argument(
        "--service",
        action="append",
        default=[],
        metavar="NAME",
        help="spans of this service and what leads to them; may be given more than once",
    )
    tree.add_argument("--no-fold", action="store_true", help="each of alike siblings on a line of its own")


def _depth(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return int(text[:9])
    raise argparse.ArgumentTypeError(f"{text!r} is no number of levels: give 1 or more")


def run(args: argparse.Namespace) -> int:
    _take_apart(args)
    where = source.find(args)
    store = source.open_store(where)
    try:
        trace = source.fetch(store, source.resolve(store, args.id))
    except source.NotFound as error:
        raise source.NotFound(f"{error}\nThe store was named by {where.named_by}.") from error
    pieces = _pieces(trace, args, store)
    output = Output(args.out)
    if pieces is not None:
        output.write(pieces)
    else:
        output.write_lines(_lines(trace, args, output))
    return FOUND


def _take_apart(args: argparse.Namespace) -> None:
    """Give each option what belongs to it, and refuse what does not go together.

    ``--flame ID`` reads the id as the value of ``--flame``.
    """
    if args.flame and args.flame not in (_SPEEDSCOPE, _FOLDED):
        if args.id is not None:
            raise UsageError(f"--flame is {_SPEEDSCOPE} or {_FOLDED}, not {args.flame!r}")
        args.id, args.flame = args.flame, ""
    others = args.html or args.stats or args.json or args.otlp or args.flame is not None
    given = {
        "--depth": args.depth is not None,
        "--min-duration": args.min_duration is not None,
        "--service": bool(args.service),
        "--no-fold": args.no_fold,
    }
    useless = [option for option, is_given in given.items() if is_given]
    if others and useless:
        raise UsageError(f"{' and '.join(useless)}: only for the tree and --dot")


def _pieces(trace: Trace, args: argparse.Namespace, store: TraceStore) -> Iterable[str] | None:
    """The text of a form that is the same on a terminal and in a file; None: it is another one."""
    if args.html:
        from otel_bridge.reports import html

        return [html.render(trace, link=store.ui_link(trace.trace_id)).html]
    if args.json:
        from otel_bridge.reports import json_text, osprofiler_json

        return chain(json_text.pieces(osprofiler_json.report(trace)), ["\n"])
    if args.otlp:
        from otel_bridge.stores import otlp_json

        # In ASCII: it may go to a terminal, and what a span carries must not act there.
        return [json.dumps(otlp_json.encode(trace.spans), separators=(",", ":")), "\n"]
    if args.flame is not None and _flame(args) == _SPEEDSCOPE:
        from otel_bridge.reports import speedscope

        return [json.dumps(speedscope.document(trace), separators=(",", ":")), "\n"]
    return None


def _lines(trace: Trace, args: argparse.Namespace, output: Output) -> Iterable[str]:
    if args.flame is not None:
        from otel_bridge.reports import flame

        return flame.folded(trace)
    if args.stats:
        from otel_bridge.reports import tables

        return tables.render(trace, output.style)
    if args.dot:
        from otel_bridge.reports import dot

        return dot.render(trace, _view(trace, args))
    from otel_bridge.reports import terminal

    return terminal.render(trace, output.style, _view(trace, args))


def _flame(args: argparse.Namespace) -> str:
    named = (args.out or "").endswith(_FOLDED_FILES)
    return str(args.flame) or (_FOLDED if named else _SPEEDSCOPE)


def _view(trace: Trace, args: argparse.Namespace) -> View:
    from otel_bridge.reports.outline import View

    known = sorted({span.service for span in trace.spans})
    unknown = [service for service in args.service if service not in known]
    if unknown:
        listed = ", ".join(inert(service) for service in known[:_MOST_SERVICES])
        more = f" and {len(known) - _MOST_SERVICES} more" if len(known) > _MOST_SERVICES else ""
        raise UsageError(f"--service {unknown[0]}: the trace has none of that name, only {listed}{more}")
    return View(
        depth=args.depth,
        min_duration_ns=args.min_duration or 0,
        services=frozenset(args.service),
        fold=not args.no_fold,
    )
