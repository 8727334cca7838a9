"""``otel-bridge check``: whether a service of this environment would be traced, and if not, why."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from otel_bridge.cli import config_files
from otel_bridge.cli.errors import FOUND, NOT_FOUND, UsageError
from otel_bridge.cli.findings import Finding, note
from otel_bridge.cli.output import Output, complain
from otel_bridge.reports.text import inert

if TYPE_CHECKING:
    from otel_bridge.cli.check_header_text import Headers
    from otel_bridge.cli.check_service import Service

#: Seconds that a probe has to become readable.
TIMEOUT: Final = 15.0
_MAX_TIMEOUT: Final = 3600.0


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="say whether services of this environment would be traced, and if not, why",
        description="Looks at this Python environment, at the configuration of a service that runs in it, and"
        " at"
        " the way of its spans: sends one (unless --no-probe) and reads it back."
        " Exit code 0: all is well, 1: something is not, 2: wrong usage. Notes do not count.",
        allow_abbrev=False,
    )
    config_files.add_arguments(parser, "configuration file of the service")
    parser.add_argument(
        "--service", metavar="NAME", help="name of the service, nova-api: sampling_rules may be for it alone"
    )
    parser.add_argument(
        "--paste-file",
        action="append",
        default=[],
        metavar="FILE",
        help="its api-paste.ini (default: the one that the configuration names)",
    )
    parser.add_argument(
        "--from",
        dest="store",
        metavar="STORE",
        help="where traces can be read (default: $OTEL_BRIDGE_STORE, else [otel_bridge] store, else"
        " ?store= of"
        " [profiler] connection_string)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help="how long to wait for the probe in the store (default: %(default)g)",
    )
    parser.add_argument(
        "--no-probe",
        dest="probe",
        action="store_false",
        help="send no span, only ask whether it would be taken",
    )
    parser.add_argument("--no-connect", action="store_true", help="send nothing over the network at all")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a trace header of a request, to be explained: X-Trace-Info, X-Trace-HMAC, X-Trace-Freshness",
    )
    parser.add_argument(
        "--header-file",
        metavar="FILE",
        help="the same from a file, or from standard input (-): header lines, the output of curl -v or of"
        " openstack --debug",
    )
    parser.add_argument(
        "--request",
        metavar="'METHOD /PATH'",
        help="say whether a request without trace headers would be sampled: 'GET /v2.1/servers'",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")


def run(args: argparse.Namespace) -> int:
    findings = _findings(args, _given_headers(args))
    output = Output()
    if not args.json:
        found = []
        for finding in findings:  # line by line: to ask the endpoint takes a while
            output.write_lines([inert(str(finding))])
            found.append(finding)
    else:
        found = list(findings)
        output.write_lines([json.dumps(_as_json(found), indent=2)])
    return FOUND if all(finding.is_ok for finding in found) else NOT_FOUND


def _findings(args: argparse.Namespace, headers: Sequence[Headers] | None) -> Iterator[Finding]:
    from otel_bridge.cli import check_environment

    service = _service(args)
    yield from check_environment.findings()
    if service is not None:
        from otel_bridge.cli import check_service

        yield from check_service.findings(service)
    if service is not None or args.paste_file:
        from otel_bridge.cli import check_paste

        yield from check_paste.findings(args.paste_file, service.files if service is not None else ())
    if headers is not None:
        yield from _explain(headers, service)
    if service is not None and args.request is not None:
        from otel_bridge.cli import check_request

        yield from check_request.findings(check_request.parse(args.request), service)
    if service is not None and not args.no_connect:
        from otel_bridge.cli import check_export

        yield from check_export.findings(service, args)


def _service(args: argparse.Namespace) -> Service | None:
    """The service that is configured; first of all, since what is asked for may make no sense."""
    if args.config_file:
        from otel_bridge.cli import check_service

        return check_service.read(args.config_file, args.service)
    for option, given in (("--request", args.request), ("--service", args.service), ("--from", args.store)):
        if given is not None:
            raise UsageError(f"{option} needs --config-file, a configuration file of the service")
    return None


def _given_headers(args: argparse.Namespace) -> Sequence[Headers] | None:
    """The trace headers that are to be explained, request by request; None: there are none to explain."""
    if not args.header and args.header_file is None:
        return None
    from otel_bridge.cli import check_header_text

    for header in args.header:
        if not check_header_text.parse([header]):
            raise UsageError(
                "--header: give 'NAME: VALUE', with X-Trace-Info, X-Trace-HMAC or X-Trace-Freshness as"
                " the name"
            )
    requests = [check_header_text.parse(args.header)] if args.header else []
    if args.header_file is not None:
        requests += check_header_text.parse_requests(_read(args.header_file, check_header_text.MAX_TEXT))
    return requests


def _read(path: str, limit: int) -> str:
    if path == "-":
        if sys.stdin.isatty():
            complain("paste the headers, then press Ctrl-D")
        reconfigure = getattr(sys.stdin, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        return sys.stdin.read(limit)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        raise UsageError(f"--header-file {path}: {getattr(error, 'strerror', None) or error}") from error


def _explain(requests: Sequence[Headers], service: Service | None) -> Iterator[Finding]:
    from otel_bridge.cli import check_headers, check_service

    if service is not None:
        gate, enabled = service.gate, service.settings.gate.enabled
    else:
        gate, enabled = check_service.of_environment(), True
        yield note(
            "keys", "without --config-file they are those of OTEL_BRIDGE_HMAC_KEYS and its _FILE alone"
        )
    for number, headers in enumerate(requests, start=1):
        for finding in check_headers.findings(headers, gate, enabled=enabled):
            about = finding.about if len(requests) == 1 else f"request {number}, {finding.about}"
            yield finding._replace(about=about)


def _as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    found = list(findings)
    return {"ok": all(one.is_ok for one in found), "checks": [one.as_json() for one in found]}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MAX_TIMEOUT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_MAX_TIMEOUT:g}")
    return seconds
