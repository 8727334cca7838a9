"""What spans that correspond to each other say differently of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from otel_bridge.model.trace import SpanRecord
from otel_bridge.wire.values import as_text

#: Characters of a value that are compared and kept.
_MAX_VALUE: Final = 1000
#: Different values of one attribute that are listed.
_MAX_VALUES: Final = 4

#: What is another one in each trace, or has the ids of one in it, and says nothing of what was done.
_VOLATILE: Final = (
    "client.",
    "db.query.parameter",
    "enduser.",
    "http.target",
    "http.url",
    "http.user_agent",
    "messaging.message.",
    "net.",
    "network.local.",
    "network.peer.",
    "openstack.",
    "osprofiler.info.",
    "otel_bridge.",
    "process.",
    "server.",
    "thread.",
    "url.",
    "user_agent.",
)
#: What says how it went, or what was done.
_TELLING: Final = frozenset(
    (
        "db.operation.batch.size",
        "db.query.text",
        "db.response.returned_rows",
        "db.response.status_code",
        "db.statement",
        "error.type",
        "http.request.resend_count",
        "http.response.status_code",
        "http.status_code",
        "rpc.response.status_code",
    )
)
_TELLING_WORDS: Final = ("attempt", "retries", "retry")
#: Of a process: where it ran, and what.
_OF_A_SERVICE: Final = ("deployment.environment.name", "host.name", "service.version")

_ID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}"
)
_PLACEHOLDER: Final = re.compile(r"%\([^()]*\)s|%s|\?|:\w+|\$\d+")
_PLACEHOLDERS: Final = re.compile(r"\?(?:\s*,\s*\?)+")


class AttributeChange(NamedTuple):
    """An attribute that differs. The texts are as the spans have them: of any origin."""

    key: str
    #: Empty: the spans of the first trace do not have it.
    a: str
    b: str
    #: It says how it went, or what was done: a status, a retry, a statement.
    is_telling: bool


class ServiceChange(NamedTuple):
    """An attribute of the processes of a service that differs."""

    service: str
    key: str
    a: str
    b: str


def of_spans(a: Sequence[SpanRecord], b: Sequence[SpanRecord]) -> list[AttributeChange]:
    """How the attributes of corresponding spans differ, telling ones first.

    Of a pair all that is not another one in each trace anyway (ids, addresses, ports); of several spans
    only what is telling: their values as sets. Empty where one of the traces has no such span.
    """
    if not a or not b:
        return []
    single = len(a) == len(b) == 1
    if single and a[0].attributes == b[0].attributes:
        return []
    found = []
    for key in sorted(_keys(a) | _keys(b), key=str):
        telling = _is_telling(key)
        if not telling and (not single or str(key).startswith(_VOLATILE)):
            continue
        before, after = _values(a, key), _values(b, key)
        if before.keys() != after.keys():
            found.append(AttributeChange(str(key)[:_MAX_VALUE], _listed(before), _listed(after), telling))
    return sorted(found, key=lambda change: not change.is_telling)


def of_services(a: Iterable[SpanRecord], b: Iterable[SpanRecord]) -> list[ServiceChange]:
    """On which other hosts, and in which other versions, the services that both traces have ran."""
    before, after = _resources(a), _resources(b)
    found = []
    for service in sorted(before.keys() & after.keys()):
        for key in _OF_A_SERVICE:
            old, new = before[service].get(key, {}), after[service].get(key, {})
            if old and new and old.keys() != new.keys():
                found.append(ServiceChange(service, key, _listed(old), _listed(new)))
    return found


def _resources(spans: Iterable[SpanRecord]) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    seen = set()
    for span in spans:
        if id(span.resource) in seen:  # stores share one mapping between the spans of a process
            continue
        seen.add(id(span.resource))
        values = found.setdefault(span.service, {})
        for key in _OF_A_SERVICE:
            if key in span.resource:
                text = _text(span.resource[key])
                values.setdefault(key, {})[text] = text
    return found


def _keys(spans: Iterable[SpanRecord]) -> set[str]:
    return {key for span in spans for key in span.attributes}


def _is_telling(key: str) -> bool:
    return key in _TELLING or any(word in str(key).lower() for word in _TELLING_WORDS)


def _values(spans: Iterable[SpanRecord], key: str) -> dict[str, str]:
    """The values, each by its text without ids."""
    found: dict[str, str] = {}
    for span in spans:
        if key in span.attributes:
            text = _text(span.attributes[key])
            found.setdefault(_general(text), text)
    return found


def _general(text: str) -> str:
    return _PLACEHOLDERS.sub("?", _PLACEHOLDER.sub("?", _ID.sub("{id}", text)))


def _text(value: Any) -> str:
    return value[:_MAX_VALUE] if isinstance(value, str) else " ".join(_pieces(value))[:_MAX_VALUE]


def _pieces(value: Any) -> Iterator[str]:
    """Text of a value that may be nested, no more of it than is kept."""
    length = 0
    waiting = [value]
    while waiting and length <= _MAX_VALUE:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting += [part for pair in reversed(list(item.items())) for part in reversed(pair)]
        elif isinstance(item, (list, tuple)):
            waiting += reversed(item)
        else:
            piece = as_text(item)[:_MAX_VALUE]
            length += len(piece) + 1
            yield piece


def _listed(values: Mapping[str, str]) -> str:
    shown = sorted(values.values())[:_MAX_VALUES]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")
