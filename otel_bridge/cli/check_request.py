"""Whether a request that nobody signed would be traced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from otel_bridge.cli.check_gate import rules_by_name
from otel_bridge.cli.check_service import Service
from otel_bridge.cli.errors import UsageError
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config.sources import shorten, show
from otel_bridge.policy import Policy, Rule

_METHOD = re.compile(r"[A-Za-z]{1,20}", re.ASCII)
_OPTION: Final = "[otel_bridge] sampling_rules"


class Request(NamedTuple):
    """What a policy goes by."""

    method: str
    #: As a WSGI server gives it to the service: decoded, and without the query.
    path: str

    def __str__(self) -> str:
        return shorten(f"{self.method} {self.path}")


def parse(text: str) -> Request:
    """``GET /v2.1/servers``, with or without the method, or the URL in place of the path.

    Raises:
        UsageError: it is neither.
    """
    method, _, target = text.strip().rpartition(" ")
    method = method.strip() or "GET"
    try:
        path = unquote(urlsplit(target).path)
    except ValueError:
        path = ""
    if not _METHOD.fullmatch(method) or not path.startswith("/"):
        raise UsageError(f"--request: {show(text)} is no request: expected METHOD /PATH, or METHOD URL")
    return Request(method.upper(), path)


def findings(request: Request, service: Service) -> Iterator[Finding]:
    """What becomes of the request.

    Args:
        request: what comes in, without headers of a trace.
        service: which it comes to.
    """
    about = f"request {request}"
    if not service.settings.gate.enabled:
        yield problem(about, "served untraced, signed or not: tracing is switched off here", ratio=0.0)
        return
    policy = service.settings.gate.policy
    ratio = policy.ratio_of(request.method, request.path)
    by = _reason(policy, request)
    if not ratio:
        yield note(about, f"not traced, unless it is signed: {by}", ratio=ratio)
    elif ratio >= 1:
        yield ok(about, f"traced, signed or not: {by}", ratio=ratio)
    else:
        yield ok(about, f"traced if it is signed, and else one in {1 / ratio:.3g}: {by}", ratio=ratio)
    if policy.proxies:
        yield note(
            about,
            "from a proxy of trust_traceparent, its traceparent decides: traced if that is sampled",
        )
    for name, rule in [] if service.names else rules_by_name(service.conf):
        if rule.fits(request.method, request.path):
            yield note(
                about, f"in {name} this one decides, if none before it does: {_shown(rule)} (--service)"
            )


def _reason(policy: Policy, request: Request) -> str:
    for rule in policy.rules:
        if rule.fits(request.method, request.path):
            return f"{_OPTION} has {_shown(rule)}"
    if policy.ratio is not None:
        return f"[otel_bridge] sampling_ratio is {policy.ratio:g}"
    return f"no entry of {_OPTION} fits it" if policy.rules else "no [otel_bridge] sampling_ratio is set"


def _shown(rule: Rule) -> str:
    method = f"{rule.method} " if rule.method else ""
    return shorten(f"{method}{rule.path}{'*' if rule.prefix else ''} = {rule.ratio:g}")
