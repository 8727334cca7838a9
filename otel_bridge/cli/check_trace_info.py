"""What stands in an ``X-Trace-Info`` header, and what is wrong with it, whoever signed it."""

from __future__ import annotations

import json
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any, Final, NamedTuple

from otel_bridge.config.sources import show
from otel_bridge.wire import ids
from otel_bridge.wire.signing import MAX_HEADER_LENGTH

_FOREIGN = re.compile(r"[^A-Za-z0-9+/_=-]|=(?=[^=])")
_BASE_ID = re.compile(r'"base_id": ?"([0-9A-Fa-f-]{32,36})"')
_STANDARD: Final = str.maketrans("-_", "+/")
#: Characters of a header with two UUIDs.
_USUAL: Final = 140


class Content(NamedTuple):
    """What a header says."""

    #: As it stands there; None: there is none, or it cannot be read.
    base_id: str | None = None
    parent_id: str | None = None
    #: Why a service with otel_bridge refuses it; empty: it does not.
    complaint: str = ""
    #: What else is worth knowing; empty: nothing.
    remark: str = ""

    def trace(self) -> str:
        """The id of the trace, in both spellings; empty where there is none."""
        if self.base_id is None:
            return ""
        return f"base_id {show(self.base_id)} (trace {ids.format_trace_id(ids.trace_id(self.base_id))})"

    def described(self) -> str:
        """The ids, in OSProfiler's words and in OpenTelemetry's."""
        text = self.trace()
        if self.base_id is None or self.parent_id is None or self.parent_id == self.base_id:
            return f"{text}, no span above: a root"
        span_id = ids.format_span_id(ids.parent_span_id(self.base_id, self.parent_id))
        return f"{text}, parent_id {show(self.parent_id)} (span {span_id})"

    def as_json(self) -> dict[str, Any]:
        """The ids, as far as there are some."""
        if self.base_id is None:
            return {}
        trace_id = ids.format_trace_id(ids.trace_id(self.base_id))
        return {"base_id": self.base_id, "parent_id": self.parent_id, "trace_id": trace_id}


def read(info: str) -> Content:
    """What a value of ``X-Trace-Info`` says. Never raises."""
    reason = _unreadable(info)
    if reason:
        return Content(complaint=reason)
    text, padded = _decoded(info)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _broken(info, text)
    found = _checked(content)
    if not found.complaint and text.strip() != text:
        return found._replace(complaint="it has white space around its JSON")
    if not found.complaint and not padded:
        return found._replace(complaint="it lacks the = at its end, with which base64 is padded: cut off")
    return found


def _decoded(info: str) -> tuple[str, bool]:
    """The text in base64, as much of it as there is, and whether it is as services read it."""
    standard = info.translate(_STANDARD)
    try:
        return a2b_base64(standard).decode(), True
    except (Base64Error, UnicodeDecodeError):
        bare = standard.rstrip("=")
    if len(bare) % 4 == 1:  # no base64 has that many characters
        bare = bare[:-1]
    return a2b_base64(bare + "=" * (-len(bare) % 4)).decode(errors="replace"), False


def _unreadable(info: str) -> str:
    if not info:
        return "it is empty"
    if len(info) > MAX_HEADER_LENGTH:
        return f"it has {len(info)} characters, and no more than {MAX_HEADER_LENGTH} are looked at"
    if "," in info:
        return (
            "it has several values, separated by commas: it was sent more than once, or a proxy has added one"
        )
    foreign = _FOREIGN.search(info)
    if foreign is None:
        return ""
    hint = ": has it been percent-encoded?" if foreign[0] == "%" else ""
    kind = "white space" if foreign[0].isspace() else show(foreign[0])
    return f"it has {kind} at character {foreign.start() + 1}, which base64 does not have{hint}"


def _broken(info: str, text: str) -> Content:
    """Base64 of something that is no JSON, or of its beginning."""
    if not text.startswith("{"):
        return Content(complaint="it is no base64 of JSON")
    found = _BASE_ID.search(text)
    base_id = found[1] if found else None
    if "}" in text:
        return Content(base_id, complaint="it is base64 of something like JSON, but not of JSON")
    return Content(
        base_id,
        complaint=(
            f"it is cut off: the JSON in its {len(info)} characters has no end (with two UUIDs it has"
            f" {_USUAL})"
        ),
    )


def _checked(content: Any) -> Content:
    if not isinstance(content, dict):
        return Content(complaint="it is JSON, but no object with base_id and parent_id")
    base_id, parent_id = content.get("base_id"), content.get("parent_id")
    if not isinstance(base_id, str) or not base_id:
        return Content(
            complaint="it has no base_id" if "base_id" not in content else "its base_id is no text"
        )
    if parent_id is not None and not isinstance(parent_id, str):
        return Content(base_id, complaint="its parent_id is no text")
    further = sorted(set(content) - {"base_id", "parent_id"})
    if "hmac_key" in further:
        return Content(
            base_id,
            parent_id,
            "it holds an hmac_key, which belongs into no header: whoever sees the request has the key;"
            " replace it",
        )
    if further:
        names = ", ".join(show(name) for name in further[:3])
        return Content(base_id, parent_id, f"it has keys that do not belong there: {names}")
    if not ids.trace_id(base_id):
        return Content(base_id, parent_id, "its base_id is all zeros, which names no trace")
    return Content(base_id, parent_id, remark=_remark(base_id, parent_id))


def _remark(base_id: str, parent_id: str | None) -> str:
    if not ids.is_uuid(base_id):
        return "its base_id is no UUID: services on plain osprofiler make up another trace id each"
    return "it has no parent_id, and counts as a root" if parent_id is None else ""
