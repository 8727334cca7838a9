"""``otel-bridge trace``: reads traces back."""

from __future__ import annotations

import argparse
from typing import Any, Final

from otel_bridge.cli import trace_diff, trace_list, trace_show

#: By the name that stands after ``trace``.
ACTIONS: Final = {"show": trace_show, "list": trace_list, "diff": trace_diff}


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "trace",
        help="show, list or compare traces",
        description="Reads traces back from where they are stored.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for module in ACTIONS.values():
        module.add_parser(actions)


def run(args: argparse.Namespace) -> int:
    code: int = ACTIONS[args.action].run(args)
    return code
