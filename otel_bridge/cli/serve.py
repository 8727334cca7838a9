"""``otel-bridge serve``: the embedded backend, in the foreground."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from otel_bridge.cli import defaults, keeping
from otel_bridge.cli.errors import FOUND, CommandError, UsageError
from otel_bridge.cli.output import Output, complain
from otel_bridge.wire.destinations import is_loopback

if TYPE_CHECKING:
    from otel_bridge.collector import Server

_MIB = 1 << 20
_ENDING = (signal.SIGINT, signal.SIGTERM)


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="receive, store and show traces",
        description="Takes spans by OTLP over HTTP, keeps them in SQLite and shows them in the browser.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--host",
        default=defaults.HOST,
        help="address to listen at (default: %(default)s, so nobody else reaches it: there is no login)",
    )
    parser.add_argument(
        "--otlp-port",
        type=_port,
        default=defaults.OTLP_PORT,
        metavar="PORT",
        help="where services send their spans to (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=defaults.VIEWER_PORT,
        help="where the browser looks (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--db", metavar="FILE", help="the database (default: otel_bridge/traces.sqlite in $XDG_STATE_HOME)"
    )
    parser.add_argument(
        "--keep",
        type=keeping.age,
        default="7d",
        metavar="AGE",
        help="remove traces of which nothing has come for so long: 12h, 7d (default: %(default)s), unlimited",
    )
    parser.add_argument(
        "--max-size",
        type=keeping.size,
        default="2GiB",
        metavar="SIZE",
        help="remove the oldest traces when the database gets larger: 500MB, 2GiB (default: %(default)s), "
        "unlimited",
    )


def run(args: argparse.Namespace) -> int:
    from otel_bridge.collector import Retention, Server

    database = _database(args.db)
    server = Server(
        str(database),
        host=args.host,
        otlp_port=args.otlp_port,
        viewer_port=args.port,
        retention=Retention(args.keep, args.max_size),
    )
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        with _log_on_standard_error():
            _start(server)
            try:
                _announce(server, database, args)
                ended.wait()
            finally:
                # From here on a second signal does what it usually does: it ends the process at once.
                _restore(before)
                server.stop()
    finally:
        _restore(before)
    return FOUND


def _start(server: Server) -> None:
    from otel_bridge.stores import StoreError

    try:
        server.start()
    except (StoreError, OSError) as error:
        raise CommandError(str(error)) from error


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _announce(server: Server, database: Path, args: argparse.Namespace) -> None:
    Output().write_lines(
        [
            f"OTLP/HTTP at {server.otlp_endpoint}",
            f"viewer at    {server.viewer_url}",
            f"database     {database}",
        ]
    )
    if not is_loopback(args.host):
        complain(f"whoever reaches {args.host} can write and read traces: there is no login")
    _warn_of_little_space(database, args.max_size)


def _warn_of_little_space(database: Path, max_size: int | None) -> None:
    """Say it now, and not at night, when the file system is full."""
    try:
        space = shutil.disk_usage(database.parent).free + database.stat().st_size
    except OSError:
        return
    if max_size is not None and space < max_size:
        complain(
            f"the file system of {database} has room for {space / _MIB:,.0f} MiB of the "
            f"{max_size / _MIB:,.0f} MiB of --max-size: spans are refused when it is full"
        )


@contextmanager
def _log_on_standard_error() -> Iterator[None]:
    """What is logged is for whoever runs this: also what is not a warning, such as what was removed."""
    logger = logging.getLogger("otel_bridge")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s otel-bridge: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _database(argument: str | None) -> Path:
    """The file of ``--db``, whose directory has to be there; else the default one, whose is made."""
    if argument is None:
        path = defaults.database()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # traces are nobody else's business
        except OSError as error:
            raise CommandError(f"{path.parent} cannot be made: {error.strerror}; give --db FILE") from error
        return path
    path = Path(argument)
    if not argument or not path.absolute().parent.is_dir():
        raise UsageError(f"--db {argument!r}: there is no such directory")
    if path.is_dir():
        raise UsageError(f"--db {argument!r} is a directory: give a file in it")
    return path


def _port(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected 0 to 65535")
    return number
