"""The options that say how a store is reached: headers, certificates, time-out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from otel_bridge.cli.errors import UsageError
from otel_bridge.stores import headers
from otel_bridge.stores.options import USUAL, StoreOptions

_MAX_HEADERS: Final = 65536  # characters of a file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the store is reached")
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="header to send along; may be given more than once. Whoever lists this machine's processes sees "
        "it: rather use --header-file",
    )
    group.add_argument("--header-file", metavar="FILE", help="file with such headers, one a line")
    group.add_argument(
        "--ca-file", metavar="FILE", help="certificate authorities to trust with https, as PEM"
    )
    group.add_argument("--client-cert", metavar="FILE", help="certificate to show, for mutual TLS, as PEM")
    group.add_argument(
        "--client-key", metavar="FILE", help="its key, unless the certificate's file holds it, as PEM"
    )
    group.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help=f"that each request may take (default: {USUAL.timeout:g})",
    )


def overridden(options: StoreOptions, args: argparse.Namespace) -> StoreOptions:
    """``options``, with what was said on the command line in their stead.

    Raises:
        UsageError: a header is none, or their file cannot be read.
    """
    said = dict(options.headers)
    if args.header_file is not None:
        said |= _headers("--header-file", _lines(args.header_file))
    said |= _headers("--header", args.header)
    return replace(
        options,
        headers=said,
        ca_file=args.ca_file or options.ca_file,
        cert_file=args.client_cert or options.cert_file,
        # A key belongs to its certificate: who names another one of these means another one of those.
        key_file=args.client_key or (None if args.client_cert else options.key_file),
        timeout=options.timeout if args.timeout is None else args.timeout,
    )


def _headers(option: str, lines: Sequence[str]) -> dict[str, str]:
    try:
        return headers.parse(lines)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _lines(path: str) -> Sequence[str]:
    from otel_bridge.config.files import read_text

    try:
        return read_text(path, _MAX_HEADERS).splitlines()
    except ValueError as error:
        raise UsageError(f"--header-file: {error}") from None


def _seconds(text: str) -> float:
    from otel_bridge.config.store import MAX_TIMEOUT

    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to {MAX_TIMEOUT:g}")
    return seconds
