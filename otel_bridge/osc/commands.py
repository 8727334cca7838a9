"""The commands, as cliff wants them.

cliff imports the module of every command there is, whichever is run, so this one imports nothing of weight.
"""

from __future__ import annotations

import argparse
from typing import Any

from cliff.command import Command
from cliff.lister import Lister


class ShowTrace(Command):
    """Show one trace: as a tree, a page, a graph, or in a format of other tools"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from otel_bridge.cli import trace_show

        parser = super().get_parser(prog_name)
        trace_show.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        from otel_bridge.cli import ending, trace_show

        return ending.exit_code(lambda: trace_show.run(parsed_args))


class DiffTraces(Command):
    """Compare two traces: where the slower one lost its time, and what only one of them did"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from otel_bridge.cli import trace_diff

        parser = super().get_parser(prog_name)
        trace_diff.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        from otel_bridge.cli import ending, trace_diff

        return ending.exit_code(lambda: trace_diff.run(parsed_args))


class ListTraces(Lister):
    """List the traces of a store, the newest first"""

    auth_required = False
    _found = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from otel_bridge.cli import trace_list

        parser = super().get_parser(prog_name)
        trace_list.add_filters(parser)  # the forms are cliff's
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        from otel_bridge.cli import ending

        return ending.exit_code(lambda: self._list(parsed_args))

    def _list(self, args: argparse.Namespace) -> int:
        from otel_bridge.cli import errors, output, trace_list

        super().run(args)
        if self._found:
            return errors.FOUND
        output.complain(trace_list.none_found(args))
        return errors.NOT_FOUND

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from otel_bridge.cli import trace_list
        from otel_bridge.osc import columns

        summaries = trace_list.select(parsed_args)
        self._found = len(summaries)
        return columns.NAMES, [columns.row(summary) for summary in summaries]
