"""Which store a reading command reads."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from otel_bridge.cli import defaults
from otel_bridge.cli.errors import UsageError

if TYPE_CHECKING:
    from otel_bridge.stores import TraceStore

VARIABLE = "OTEL_BRIDGE_STORE"

_FORMS = "sqlite:PATH, jaeger+http://HOST:16686, or http://HOST:16687 of otel-bridge serve"


class Source(NamedTuple):
    """A store to read, and who named it."""

    url: str
    named_by: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where to read."""
    parser.add_argument(
        "--from",
        dest="store",
        metavar="STORE",
        help=f"where to read: {_FORMS} (default: ${VARIABLE}, else [otel_bridge] store of the configuration, "
        "else the database of otel-bridge serve)",
    )
    parser.add_argument(
        "--config-file",
        action="append",
        default=[],
        metavar="FILE",
        help="configuration file of a service, for its [otel_bridge] store, else the ?store= of its "
        "[profiler] connection_string; may be given more than once",
    )


def find(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Source:
    """The store that the options, the environment, the configuration or the default name, in that order.

    Raises:
        UsageError: none of them names one, or the configuration cannot be read.
    """
    if args.store is not None:
        if not args.store.strip():
            raise UsageError(f"--from is empty: give {_FORMS}")
        return Source(args.store.strip(), "--from")
    if environ.get(VARIABLE, "").strip():
        return Source(environ[VARIABLE].strip(), VARIABLE)
    from otel_bridge import config

    try:
        configured = config.load_store(args.config_file)
    except config.ConfigError as error:
        raise UsageError(str(error)) from error
    if configured:
        return Source(configured.value, configured.origin)
    database = defaults.database(environ)
    if database.exists():
        return Source(f"sqlite:{database}", "the default of otel-bridge serve")
    raise UsageError(
        f"no store to read from: give --from STORE, set {VARIABLE}, or set store in [otel_bridge] of a "
        f"--config-file ({_FORMS}); otel-bridge serve has not made its database {database} yet"
    )


def open_store(source: Source) -> TraceStore:
    """The store itself.

    Raises:
        UsageError: the URL names none; the message says which of the ways it came by.
    """
    from otel_bridge.stores import StoreError, open_store

    try:
        return open_store(source.url)
    except StoreError as error:
        raise UsageError(f"{source.named_by}: {error}") from error
