"""``otel-bridge check``: whether a service of this environment would be traced, and if not, why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from typing import Any

from otel_bridge.cli.errors import FOUND, NOT_FOUND
from otel_bridge.cli.findings import Finding
from otel_bridge.cli.output import Output
from otel_bridge.reports.text import inert


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="say whether services of this environment would be traced, and if not, why",
        description="Looks at this Python environment, and at the configuration of a service that runs in it."
        " Exit code 0: all is well, 1: something is not.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config-file",
        action="append",
        default=[],
        metavar="FILE",
        help="configuration file of the service; may be given more than once",
    )
    parser.add_argument(
        "--no-connect", action="store_true", help="do not ask the endpoint whether it takes spans"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")


def run(args: argparse.Namespace) -> int:
    findings = _findings(args)
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


def _findings(args: argparse.Namespace) -> Iterator[Finding]:
    from otel_bridge.cli import check_environment

    yield from check_environment.findings()
    if args.config_file:
        from otel_bridge.cli import check_service

        yield from check_service.findings(args.config_file, connect=not args.no_connect)


def _as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    checks = [{"about": found.about, "ok": found.is_ok, "text": found.text} for found in findings]
    return {"ok": all(check["ok"] for check in checks), "checks": checks}
