"""The options that name the configuration files of a service, as services themselves have them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any


def add_arguments(parser: Any, what: str) -> None:
    """``--config-file`` and ``--config-dir``; both add to ``config_file``, a list of paths.

    Args:
        parser: an ``argparse`` parser or group.
        what: help text of ``--config-file``.
    """
    parser.add_argument(
        "--config-file",
        action="append",
        default=[],
        metavar="FILE",
        help=f"{what}; may be given more than once",
    )
    parser.add_argument(
        "--config-dir",
        dest="config_file",
        action=_Directory,
        default=[],
        metavar="DIR",
        help="every *.conf file in this directory, in order of their names",
    )


class _Directory(argparse.Action):
    """The files of a directory that oslo.config would read, behind what was named before."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        try:
            names = sorted(os.listdir(str(values)))
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
            reason = getattr(error, "strerror", None) or error
            raise argparse.ArgumentError(self, f"{values}: {reason}") from error
        # As the shell has it, and glob, which oslo.config uses: nothing that is hidden.
        files = [name for name in names if name.endswith(".conf") and not name.startswith(".")]
        named = [*namespace.config_file, *(os.path.join(str(values), name) for name in files)]
        namespace.config_file = named
