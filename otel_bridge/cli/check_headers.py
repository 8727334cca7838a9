"""Why a request with these trace headers would be traced, or would not."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from time import time
from typing import Final

from otel_bridge.cli import check_gate, check_signature, check_trace_info
from otel_bridge.cli.check_header_text import Headers
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.config.gate import FRESHNESS_VARIABLE
from otel_bridge.settings import GateSettings
from otel_bridge.wire import freshness, ids
from otel_bridge.wire.freshness import FRESHNESS_HEADER
from otel_bridge.wire.keys import Key
from otel_bridge.wire.signing import TRACE_HMAC_HEADER, TRACE_INFO_HEADER

_REQUEST: Final = "request"
#: A freshness_window in which everything is fresh, in seconds.
_FOR_EVER: Final = 10**12


def findings(
    headers: Headers, gate: GateSettings, *, enabled: bool, now: float | None = None
) -> Iterator[Finding]:
    """Explain the trace headers of one request.

    Args:
        headers: its headers.
        gate: of the service, as it is or would be when tracing is switched on.
        enabled: it is switched on.
        now: Unix time, the present by default.
    """
    if not headers:
        yield problem(
            _REQUEST,
            f"there is neither {TRACE_INFO_HEADER} nor {TRACE_HMAC_HEADER} in it: nobody has signed it, so"
            " that it is traced only where sampling_ratio, sampling_rules or trust_traceparent say so",
        )
        return
    info, mac = ",".join(headers.info), ",".join(headers.mac)
    said = gate.keys.verify(info, mac)
    content = check_trace_info.read(info)
    if said is not None and content.complaint:  # odd, and good enough for whoever decides
        base_id = said.base_id or ids.base_id(said.trace_id)
        parent_id = ids.parent_id(said.trace_id, said.parent_span_id, base_id)
        content = check_trace_info.Content(base_id, parent_id, remark=content.complaint)
    yield from _info(headers, content)
    signature = None
    if headers.info and headers.mac:
        signature = check_signature.examine(info, mac, gate.keys)
        if content.complaint and signature.complaint == check_signature.STRANGER:
            signature = signature._replace(complaint="it is not the HMAC of that X-Trace-Info, by any key")
    yield _mac(headers, gate, signature)
    key = None if signature is None or signature.key is None else gate.keys.keys[signature.key]
    fresh = yield from _freshness(headers, gate, (info, mac), key, time() if now is None else now)
    if not enabled:
        yield problem(
            _REQUEST, "served untraced, whatever its headers say: tracing is switched off here", traced=False
        )
    elif said is None or not fresh:
        yield problem(_REQUEST, "sent now, it is served untraced: see what is wrong above", traced=False)
    else:
        yield ok(_REQUEST, f"sent now, it is part of trace {ids.format_trace_id(said.trace_id)}", traced=True)


def _info(headers: Headers, content: check_trace_info.Content) -> Iterator[Finding]:
    if not headers.info:
        yield problem(TRACE_INFO_HEADER, f"it is missing, and {TRACE_HMAC_HEADER} alone says nothing")
        return
    if not content.complaint:
        yield ok(TRACE_INFO_HEADER, content.described(), **content.as_json())
        if content.remark:
            yield note(TRACE_INFO_HEADER, content.remark)
        return
    complaint = _repeated(headers.info) or content.complaint
    shown = f"; it names {content.trace()}" if content.base_id is not None else ""
    yield problem(TRACE_INFO_HEADER, complaint + shown, **content.as_json())


def _repeated(values: Sequence[str]) -> str:
    """What is to be said where a header is there more than once."""
    if len(values) < 2:
        return ""
    alike = ", with the same value" if len(set(values)) == 1 else ""
    return (
        f"it is there {len(values)} times{alike}: servers join the values, and nobody has signed what that"
        " gives; something on the way adds what is there already"
    )


def _mac(headers: Headers, gate: GateSettings, signature: check_signature.Signature | None) -> Finding:
    about = TRACE_HMAC_HEADER
    if not headers.mac:
        return problem(about, f"it is missing: a request with {TRACE_INFO_HEADER} alone is not signed")
    if len(headers.mac) > 1:
        return problem(about, _repeated(headers.mac))
    if signature is None:
        return problem(about, f"there is no {TRACE_INFO_HEADER} that it could be for")
    if signature.key is None:
        return problem(about, _with_keys(signature.complaint, gate), key=None)
    which = check_gate.describe(gate, signature.key)
    text = f"signed with {which}, {signature.algorithm}; what the request causes is signed with it, too"
    if signature.key:
        text += ", so the other services need it"
    return ok(about, text, key=signature.key + 1, keys=len(gate.keys), algorithm=signature.algorithm)


def _with_keys(complaint: str, gate: GateSettings) -> str:
    """What is wrong, and which keys there are to compare with, where that is the question."""
    if not complaint.startswith("signed with") or not gate.keys:
        return complaint
    keys = gate.keys.keys[: check_gate.MOST_FINGERPRINTS]
    shown = ", ".join(check_gate.fingerprint(key) for key in keys)
    plural = "" if len(gate.keys) == 1 else "s"
    return f"{complaint} (this service has {len(gate.keys)} key{plural}, fingerprint{plural} {shown})"


def _freshness(
    headers: Headers, gate: GateSettings, signed: tuple[str, str], key: Key | None, now: float
) -> Generator[Finding, None, bool]:
    """Whether the third header lets the request pass, as far as can be told from outside the service."""
    seconds = gate.freshness_window
    if not headers.freshness:
        if seconds and key is not None:
            yield problem(
                FRESHNESS_HEADER,
                f"it is missing, and [otel_bridge] freshness_window = {seconds} asks for it: set"
                f" {FRESHNESS_VARIABLE}=1 for the caller (otel-bridge sign --freshness); plain osprofiler"
                " cannot send it",
            )
        return not seconds
    header = ",".join(headers.freshness)
    stamp = freshness.read(header)
    age = None if stamp is None else now - stamp.time / 1000
    when = _when(age)
    if key is None:
        yield note(FRESHNESS_HEADER, f"{when or 'malformed'}; it counts only with a good signature")
        return False
    # Nothing is old for this one, where nothing is to be old: what is left is whether it is genuine.
    window = freshness.Window(seconds or _FOR_EVER, 0)
    reason = window.refusal(*signed, header, key, now)
    if not seconds:
        text = f"{when}; " if when else ""
        text += "not looked at, since [otel_bridge] freshness_window is 0"
        yield note(FRESHNESS_HEADER, f"{text} ({reason})") if reason else ok(FRESHNESS_HEADER, text)
        return True
    if reason is None:
        yield ok(
            FRESHNESS_HEADER,
            f"{when}, good for {seconds} s and for one request: whether it was used before is known to the"
            " service's processes alone",
            age=age,
        )
        return True
    if age is not None and age > seconds:
        reason = f"{when} and good for {seconds} s: stale by now, whatever it was when it arrived"
    elif age is not None and -age > seconds:
        reason = f"{when}, more than the {seconds} s of freshness_window: set the clocks (NTP)"
    yield problem(FRESHNESS_HEADER, reason, age=age)
    return False


def _when(age: float | None) -> str:
    if age is None:
        return ""
    return f"signed {_span(age)} ago" if age >= 0 else f"signed {_span(-age)} in the future"


def _span(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} days"
