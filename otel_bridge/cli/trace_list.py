"""``otel-bridge trace list``: the newest traces of a store."""

from __future__ import annotations

import argparse
from itertools import chain
from typing import Any

from otel_bridge.cli import source
from otel_bridge.cli.errors import FOUND, NOT_FOUND, CommandError
from otel_bridge.cli.output import Output, complain

DEFAULT_LIMIT = 20


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "list",
        help="list traces, the newest first",
        description="Lists the traces of a store, the newest first.",
        allow_abbrev=False,
    )
    source.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument(
        "--limit",
        type=_positive,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="how many at most (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    from otel_bridge.reports import json_text, listing
    from otel_bridge.stores import StoreError, TraceQuery

    where = source.find(args)
    store = source.open_store(where)
    try:
        summaries = store.list(TraceQuery(limit=args.limit))
    except StoreError as error:
        raise CommandError(str(error)) from error
    output = Output()
    if args.json:
        output.write(chain(json_text.pieces(listing.as_json(summaries)), ["\n"]))
    elif summaries:
        output.write_lines(listing.table(summaries, output.style))
    if not summaries:
        complain(f"no traces in {store.url} (named by {where.named_by})")
        return NOT_FOUND
    return FOUND


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return number
