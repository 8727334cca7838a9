"""``otel-bridge trace list``: the newest traces of a store."""

from __future__ import annotations

import argparse
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from otel_bridge.cli import durations, moments, source
from otel_bridge.cli.errors import FOUND, NOT_FOUND, CommandError, UsageError
from otel_bridge.cli.output import Output, complain

if TYPE_CHECKING:
    from otel_bridge.stores import TraceQuery
    from otel_bridge.stores.protocol import Summaries

DEFAULT_LIMIT: Final = 20


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "list",
        help="list traces, the newest first",
        description="Lists the traces of a store, the newest first. All that is asked for has to hold.",
        allow_abbrev=False,
    )
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    add_filters(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that say which traces, and where from."""
    group = parser.add_argument_group("which traces")
    group.add_argument("--service", metavar="NAME", help="in which this service takes part")
    group.add_argument(
        "--operation",
        metavar="NAME",
        help="with a span of exactly this name, of that service if one is given: 'POST /v2.1/servers'",
    )
    group.add_argument("--errors", action="store_true", help="with at least one span that failed")
    group.add_argument(
        "--since",
        type=moments.parse,
        metavar="TIME",
        help="that began at or after it: 30m, 2h, 1d (so long ago) or 2026-11-22T14:06:01 (UTC)",
    )
    group.add_argument("--until", type=moments.parse, metavar="TIME", help="that began before it")
    group.add_argument(
        "--min-duration", type=durations.parse, metavar="TIME", help="that lasted at least so long: 500ms, 2s"
    )
    group.add_argument(
        "--max-duration", type=durations.parse, metavar="TIME", help="that lasted at most so long"
    )
    group.add_argument(
        "--limit",
        type=_positive,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="how many at most (default: %(default)s)",
    )
    source.add_arguments(parser)


def select(args: argparse.Namespace) -> Summaries:
    """The traces that the options of :func:`add_filters` ask for, the newest first; none of them is an
    empty list.

    Raises:
        UsageError: the options contradict each other, or name no store.
        CommandError: the store does not answer.
    """
    from otel_bridge.stores import StoreError

    query = _query(args)
    store = source.open_store(source.find(args))
    try:
        return store.list(query)
    except StoreError as error:
        raise CommandError(str(error)) from error


def none_found(args: argparse.Namespace) -> str:
    """The line that says that :func:`select` found nothing: where, and what was asked for."""
    from otel_bridge.stores.address import masked

    where = source.find(args)
    asked = _asked(args)
    such = f" with {', '.join(asked)}" if asked else ""
    return f"no traces{such} in {masked(where.url)} (named by {where.named_by})"


def run(args: argparse.Namespace) -> int:
    from otel_bridge.reports import json_text, listing

    summaries = select(args)
    output = Output()
    if args.json:
        output.write(chain(json_text.pieces(listing.as_json(summaries)), ["\n"]))
    elif summaries:
        output.write_lines(listing.table(summaries, output.style))
    if not summaries:
        complain(none_found(args))
        return NOT_FOUND
    return FOUND


def _query(args: argparse.Namespace) -> TraceQuery:
    from otel_bridge.stores import TraceQuery

    for name in ("service", "operation"):
        if getattr(args, name) is not None and not getattr(args, name).strip():
            raise UsageError(f"--{name} is empty: leave it out, or give a name")
    if args.since is not None and args.until is not None and args.since >= args.until:
        raise UsageError("--since is not before --until, so no trace can be meant")
    if _is_above(args.min_duration, args.max_duration):
        raise UsageError("--min-duration is above --max-duration, so no trace can be meant")
    return TraceQuery(
        limit=args.limit,
        since_ns=args.since,
        until_ns=args.until,
        service=args.service,
        operation=args.operation,
        errors_only=args.errors,
        min_duration_ns=args.min_duration,
        max_duration_ns=args.max_duration,
    )


def _is_above(shortest: int | None, longest: int | None) -> bool:
    return shortest is not None and longest is not None and shortest > longest


def _asked(args: argparse.Namespace) -> list[str]:
    """The filters that are in force, as they would be typed."""
    from otel_bridge.reports import units

    asked = [f"--{name} {getattr(args, name)!r}" for name in ("service", "operation") if getattr(args, name)]
    asked += ["--errors"] if args.errors else []
    for option, at in (("--since", args.since), ("--until", args.until)):
        asked += [f"{option} {units.moment(at)}"] if at is not None else []
    for option, ns in (("--min-duration", args.min_duration), ("--max-duration", args.max_duration)):
        asked += [f"{option} {units.duration(ns)}"] if ns is not None else []
    return asked


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return number
