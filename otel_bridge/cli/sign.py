"""``otel-bridge sign``: the headers that make services trace a request."""

from __future__ import annotations

import argparse
import getpass
import os
import shlex
import sys
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from otel_bridge.cli.errors import FOUND, UsageError
from otel_bridge.cli.output import Output
from otel_bridge.config.gate import FRESHNESS_VARIABLE, wants_freshness
from otel_bridge.wire import freshness, ids, signing


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "sign",
        help="print signed trace headers for a request",
        description="Prints the headers that make services trace a request, and the id of its trace.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "key",
        metavar="KEY",
        help="an HMAC key of the services ([profiler] hmac_keys); - reads it from standard input, "
        "where other users of the machine do not see it",
    )
    parser.add_argument(
        "--base-id",
        metavar="ID",
        help="id of the trace, a UUID or 32 hexadecimal digits (default: a new one)",
    )
    parser.add_argument(
        "--curl", metavar="URL", help="print a curl command that sends the signed request to this URL"
    )
    parser.add_argument(
        "--freshness",
        action="store_true",
        default=wants_freshness(os.environ.get(FRESHNESS_VARIABLE)),
        help=f"print {freshness.FRESHNESS_HEADER}, too, which services with freshness_window ask"
        " for: the headers are then good for one request, soon (default: if OTEL_BRIDGE_FRESHNESS is 1)",
    )


def run(args: argparse.Namespace) -> int:
    key = signing.Key(_key(args.key))
    base_id = _base_id(args.base_id)
    # parent_id == base_id is how OSProfiler says that there is no span above.
    info, mac = signing.pack(base_id, base_id, key)
    headers = [f"{signing.TRACE_INFO_HEADER}: {info}", f"{signing.TRACE_HMAC_HEADER}: {mac}"]
    if args.freshness:
        stamp = freshness.stamp(info, mac, key, time.time(), os.urandom(freshness.NONCE_BYTES))
        headers.append(f"{freshness.FRESHNESS_HEADER}: {stamp}")
    trace_id = [f"Trace id: {base_id}", f"Trace id: {ids.format_trace_id(ids.trace_id(base_id))}"]
    if args.curl is None:
        lines = headers + trace_id
    else:
        command = ["curl", "--globoff"]
        for header in headers:
            command += ["--header", header]
        command += ["--url", _url(args.curl)]
        # As comments, so that the whole can be piped into a shell.
        lines = [f"# {line}" for line in trace_id] + [shlex.join(command)]
    Output().write_lines(lines)
    return FOUND


def _key(argument: str) -> str:
    if argument == "-":
        text = getpass.getpass("HMAC key: ") if sys.stdin.isatty() else sys.stdin.readline()
    else:
        text = argument
    text = text.strip()  # as services do with theirs
    if not text:
        raise UsageError("KEY is empty: give an HMAC key that the services have in [profiler] hmac_keys")
    if "," in text:
        raise UsageError("KEY has a comma in it, which separates keys in hmac_keys: give one of them")
    return text


def _base_id(argument: str | None) -> str:
    if argument is None:
        return str(uuid.uuid4())
    try:
        return ids.base_id(ids.parse_trace_id(argument))
    except ValueError as error:
        raise UsageError(f"--base-id: {error}") from error


def _url(argument: str) -> str:
    try:
        parts = urlsplit(argument)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or not argument.isprintable() or " " in argument:
        raise UsageError(f"--curl: {argument!r} is no URL: expected http://HOST/PATH or https://HOST/PATH")
    return argument
