"""Reports that may be written into a page as they are.

``osprofiler trace show --html`` and Rally put the JSON of a report between ``<script>`` and ``</script>`` and
escape nothing. Whoever has a traced service record such a tag, in a query or in the name of a thing, would
have his own script run in the page of whoever looks at the trace.
"""

from __future__ import annotations

import re
from typing import Any, Final

#: What ends a script, or has the browser look for its end elsewhere.
_MARKUP: Final = re.compile(r"<(?=/script|!--|script)", re.IGNORECASE)
#: Levels of values; deeper ones make no report that anybody reads.
_DEEPEST: Final = 100


def make_inert(report: dict[str, Any]) -> None:
    """Break up such tags in a report of :mod:`otel_bridge.reports.osprofiler_json`: ``<\\/script>``.

    All else stays as it is, so that it is the report that osprofiler would give.
    """
    report["stats"] = {_text(name): sums for name, sums in report["stats"].items()}
    waiting = list(report["children"])
    while waiting:  # as deep as the trace is
        node = waiting.pop()
        waiting += node["children"]
        node["parent_id"] = _text(node["parent_id"])
        node["info"] = _inert(node["info"], 0)


def _inert(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value)
    if depth == _DEEPEST:
        return None
    if isinstance(value, dict):
        return {_text(key): _inert(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inert(one, depth + 1) for one in value]
    return value


def _text(text: str) -> str:
    return _MARKUP.sub(r"<\\", text) if "<" in text else text
