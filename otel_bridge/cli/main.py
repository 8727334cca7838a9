"""``otel-bridge``: finds the command and runs it.

A command is a module with two functions: ``add_parser(subparsers)`` declares its options and
``run(args) -> int`` does the work and returns the exit code. Whatever makes that impossible it raises as
:class:`~otel_bridge.cli.errors.CommandError`, which becomes one line on standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from otel_bridge.cli import check, demo, serve, sign, trace
from otel_bridge.cli.ending import exit_code
from otel_bridge.version import __version__

#: By the name that stands on the command line.
COMMANDS: Final = {"serve": serve, "sign": sign, "trace": trace, "check": check, "demo": demo}


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="otel-bridge",
        description="OSProfiler traces as OpenTelemetry spans: sign requests, store spans, show traces.",
        epilog="exit codes: 0 found, 1 not found or not possible, 2 wrong usage",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"otel-bridge {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in COMMANDS.values():
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; those of the process when None.

    Returns:
        The exit code: 0 done or found, 1 not found or not possible, 2 wrong usage, 130 interrupted,
        141 nobody read the output any more.
    """
    return exit_code(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = build_parser().parse_args(argv)
        code: int = COMMANDS[args.command].run(args)
        return code
    except SystemExit as error:  # argparse: --help, --version, or its own line about wrong usage
        return error.code if isinstance(error.code, int) else 0
