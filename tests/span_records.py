"""Random span records, and the same spans as the OpenTelemetry SDK has them."""

from __future__ import annotations

from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord

#: Latest time that the embedded store takes.
MAX_TIME = (1 << 63) - 1

trace_ids = st.integers(1, (1 << 128) - 1)
span_ids = st.integers(1, (1 << 64) - 1)
times = st.integers(1, MAX_TIME)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
_plain = (
    texts
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.none()
)
#: What the value of an attribute may be, nested ones included.
values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
attributes = st.dictionaries(texts, values, max_size=4)
events = st.builds(SpanEvent, texts, st.integers(0, (1 << 64) - 1), attributes)
links = st.builds(SpanLink, trace_ids, span_ids, attributes)
resources = st.builds(
    lambda attributes, service: {**attributes, **({"service.name": service} if service else {})},
    attributes,
    st.sampled_from(["", "nova-api", "nova-conductor", "keystone"]),
)


def records(trace_id: st.SearchStrategy[int] = trace_ids) -> st.SearchStrategy[SpanRecord]:
    """One span, of any content."""
    return st.builds(
        SpanRecord,
        trace_id=trace_id,
        span_id=span_ids,
        parent_id=st.just(0) | span_ids,
        name=texts,
        kind=st.integers(1, 5),
        start_ns=times,
        end_ns=times,
        status=st.integers(0, 2),
        status_message=texts,
        attributes=attributes,
        resource=resources,
        scope=texts,
        events=st.lists(events, max_size=2).map(tuple),
        links=st.lists(links, max_size=2).map(tuple),
    )


@st.composite
def structures(draw: st.DrawFn, max_size: int = 12) -> list[SpanRecord]:
    """The spans of one trace, without cycles, in any order: several roots, missing parents, equal times,
    children that start before their parents, spans without an end, and some spans twice."""
    size = draw(st.integers(1, max_size))
    numbers = draw(st.lists(st.integers(1, 40), min_size=size, max_size=size, unique=True))
    spread = draw(st.sampled_from([1, (1 << 64) // 70]))  # also ids above the signed 64 bits
    spans = []
    for index, number in enumerate(numbers):
        parents = [0, *numbers[:index], 50 + index]
        start = draw(st.integers(1, 20))
        spans.append(
            SpanRecord(
                trace_id=7,
                span_id=number * spread,
                parent_id=draw(st.sampled_from(parents)) * spread,
                name=f"span {number}",
                kind=1,
                start_ns=start,
                end_ns=start + draw(st.integers(-1, 9)),
                status=draw(st.sampled_from([0, 0, 2])),
                resource={"service.name": draw(st.sampled_from(["a", "b", "c"]))},
            )
        )
    spans += draw(st.lists(st.sampled_from(spans), max_size=3))
    return draw(st.permutations(spans))


def readable(record: SpanRecord) -> ReadableSpan:
    """The span as the SDK hands it to an exporter."""
    context = SpanContext(record.trace_id, record.span_id, is_remote=False)
    parent = SpanContext(record.trace_id, record.parent_id, is_remote=True) if record.parent_id else None
    span = ReadableSpan(
        record.name,
        context=context,
        parent=parent,
        resource=_Resource(record.resource),
        kind=SpanKind(record.kind - 1),
        instrumentation_scope=InstrumentationScope(record.scope),
        start_time=record.start_ns,
        end_time=record.end_ns,
        status=Status(StatusCode.UNSET),
    )
    # Set past the constructors, which clean values: it is the encoding that is looked at.
    span._attributes = record.attributes
    span._status._status_code = StatusCode(record.status)
    span._status._description = record.status_message or None
    span._events = [_event(event) for event in record.events]
    span._links = [_link(link) for link in record.links]
    return span


def _event(event: SpanEvent) -> Event:
    made = Event(event.name, timestamp=event.time_ns)
    made._attributes = event.attributes
    return made


def _link(link: SpanLink) -> Link:
    made = Link(SpanContext(link.trace_id, link.span_id, is_remote=False))
    made._attributes = link.attributes
    return made


class _Resource(Resource):
    """A resource of which each is another one, whatever it holds."""

    def __init__(self, attributes: object) -> None:
        super().__init__({})
        self._attributes = attributes

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
