"""``otel-bridge trace diff``: what one trace has more than another, and where the time went."""

from __future__ import annotations

import argparse
import os
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from otel_bridge.cli import source
from otel_bridge.cli.errors import FOUND, CommandError
from otel_bridge.cli.output import Output

if TYPE_CHECKING:
    from otel_bridge.analysis.difference import Difference
    from otel_bridge.model.trace import Trace

_FROM_B: Final = "--from-b"
_LIKE_AN_ID: Final = re.compile(r"[0-9a-fA-F-]*").fullmatch


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "diff",
        help="compare two traces",
        description="Compares two traces of the same kind of request: which is slower, where it lost its "
        "time, what appeared, vanished and was multiplied. A is before and B after, whichever is slower.",
        epilog="exit codes: 0 compared, whether they differ or not; 1 one is not found; 2 wrong usage",
        allow_abbrev=False,
    )
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    for name, what in (("a", "the first trace"), ("b", "the second trace")):
        parser.add_argument(
            name,
            metavar=name.upper(),
            nargs="?",
            help=f"{what}: a UUID, 32 hexadecimal digits, what either begins with, or a file with one "
            "trace; may be missing where its store is such a file",
        )
    source.add_arguments(parser)
    parser.add_argument(
        _FROM_B,
        dest="store_b",
        metavar="STORE",
        help="where to read B, if elsewhere than A; headers and client certificates are for A's, save where "
        "both are of one host and port",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--html", action="store_true", help="a page for the browser, in one file")
    form.add_argument("--json", action="store_true", help="JSON, with all that was compared")
    form.add_argument("--all", action="store_true", help="every span and every row, not only what differs")
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")


def run(args: argparse.Namespace) -> int:
    from otel_bridge.analysis.difference import compare

    first, where = _fetch("A", args.a, args, None, "--from")
    second, _ = _fetch("B", args.b, args, args.store_b, _FROM_B, beside=where)
    _write(compare(first, second), args, Output(args.out))
    return FOUND


def _fetch(
    which: str,
    text: str | None,
    args: argparse.Namespace,
    url: str | None,
    option: str,
    beside: source.Source | None = None,
) -> tuple[Trace, source.Source]:
    """One of the two, and where it was; what goes wrong says which."""
    if text is not None and _is_file(text):
        text, url, option = None, text, which  # the file is the store
    where = source.find(args, url=url, option=option, beside=beside)
    store = source.open_store(where)
    try:
        return source.fetch(store, source.resolve(store, text)), where
    except CommandError as error:
        named_by = f"\nThe store was named by {where.named_by}." if isinstance(error, source.NotFound) else ""
        raise type(error)(f"{which}: {error}{named_by}") from error


def _is_file(text: str) -> bool:
    """Whether it names a file, and could not be an id."""
    return not _LIKE_AN_ID(text) and os.path.isfile(text)


def _write(difference: Difference, args: argparse.Namespace, output: Output) -> None:
    if args.html:
        from otel_bridge.reports import diff_html

        output.write([diff_html.render(difference).html])
    elif args.json:
        from otel_bridge.reports import diff_json, json_text

        output.write(chain(json_text.pieces(diff_json.as_json(difference)), ["\n"]))
    else:
        from otel_bridge.reports import diff_terminal

        lines = diff_terminal.render(difference, output.style, everything=args.all)
        output.write_lines(lines)
