"""What a comparison found, in sentences: the most important first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from otel_bridge.analysis import failures
from otel_bridge.analysis.attribute_changes import ServiceChange
from otel_bridge.analysis.difference import Contributor, Difference, Operation, Part
from otel_bridge.analysis.operation import operation
from otel_bridge.analysis.siblings import Change
from otel_bridge.model.trace import SpanRecord
from otel_bridge.reports import units, walk
from otel_bridge.reports.text import inert

TIMES: Final = "\N{MULTIPLICATION SIGN}"

_MAX_NAME: Final = 120
_MAX_MESSAGE: Final = 300
#: Things of one sort that are named; the rest is counted.
_MOST: Final = 3
#: Parts per hundred.
_SAME_DURATION: Final = 0.5
_EXPLAINED: Final = 80
_WORTH_NAMING: Final = 5
_AGAINST: Final = 20
#: Of the longer duration: what a reader would feel.
_NOTICEABLE: Final = 1
#: A loop that ran at least so many times more is named however fast it is.
_MANY_MORE: Final = 10

_PARTLY = (Change.MULTIPLIED, Change.APPEARED, Change.VANISHED)


def verdict(difference: Difference) -> list[str]:
    """The sentences, at least one. Names in them are inert (:func:`~otel_bridge.reports.text.inert`).

    ``A`` is the first trace and ``B`` the second.
    """
    told = [headline(difference)]
    if not difference.a.spans or not difference.b.spans:
        return told
    told += _where(difference)
    told += _answer(difference)
    told += _failures(difference)
    told += _structure(difference)
    told += _attributes(difference.parts)
    told += _services(difference.services)
    told += _doubts(difference)
    return told


def headline(difference: Difference) -> str:
    """Which of the two is slower, and by how much."""
    for name, trace in (("A", difference.a), ("B", difference.b)):
        if not trace.spans:
            return f"{name} has no spans."
    if difference.a.trace_id == difference.b.trace_id and is_identical(difference):
        return "A and B are the same trace."
    before, after, delta = difference.duration_a_ns, difference.duration_b_ns, difference.delta_ns
    times = f"{units.duration(before)} → {units.duration(after)}"
    if is_identical(difference):
        return f"A and B are identical in structure and in times ({units.duration(after)})."
    if not delta:
        return f"A and B took the same time ({units.duration(after)})."
    if abs(delta) * 100 <= _SAME_DURATION * before:
        return f"A and B took the same time, but for {units.duration(abs(delta))} ({times})."
    share = f", {delta * 100 / before:+.0f} %" if before else ""
    if delta > 0:
        return f"B is slower: it took {units.duration(delta)} longer than A ({times}{share})."
    return f"A is slower: B took {units.duration(-delta)} less ({times}{share})."


def is_identical(difference: Difference) -> bool:
    """Whether nothing at all differs but ids."""
    return (
        difference.same_structure
        and not difference.services
        and all(part.a == part.b and not part.attributes for part in difference.parts)
    )


def named(service: str, name: str) -> str:
    """An operation as sentences and tables call it."""
    return inert(f"{service} {name or '(no name)'}", limit=_MAX_NAME)


def signed(ns: int) -> str:
    """A change of a duration: ``+1.31 s``, ``-40.0 ms``, ``0``."""
    return f"+{units.duration(ns)}" if ns > 0 else units.duration(ns)


def ratio(a: int, b: int) -> str:
    """How many times as often: a multiplication sign and ``6.5`` for 37 and 240."""
    value = b / a
    return f"{TIMES}{value:,.0f}" if value >= 99.5 else f"{TIMES}{value:.1f}".removesuffix(".0")


def _where(difference: Difference) -> Iterator[str]:
    """The operations that explain most of the difference, then those that work against it."""
    delta = difference.delta_ns
    noticeable = _noticeable_ns(difference)
    larger = [one for one in difference.contributors if abs(one.delta_ns) >= noticeable]
    if abs(delta) * 100 <= _SAME_DURATION * difference.duration_a_ns:
        more = [one for one in larger if one.delta_ns > 0][:_MOST]
        less = [one for one in larger if one.delta_ns < 0][:_MOST]
        if more:
            yield f"B took longer: {_listed(map(_amount, more))}."
        if less:
            yield f"B took less: {_listed(map(_amount, less))}."
        return
    along = [one for one in larger if (one.delta_ns > 0) == (delta > 0)]
    chosen: list[Contributor] = []
    explained = 0
    for one in along[: _MOST + 1]:
        if explained * 100 >= _EXPLAINED * abs(delta) or abs(one.delta_ns) * 100 < _WORTH_NAMING * abs(delta):
            break
        chosen.append(one)
        explained += abs(one.delta_ns)
    if chosen:
        if explained <= abs(delta):
            first, *more = chosen
            yield f"{_amount(first, ' of it')}{''.join(f', {_amount(one)}' for one in more)}."
        else:  # more than all of it
            yield f"B took {'longer' if delta > 0 else 'less'}: {_listed(map(_amount, chosen))}."
    against = [
        one
        for one in larger
        if (one.delta_ns > 0) != (delta > 0) and abs(one.delta_ns) * 100 >= _AGAINST * abs(delta)
    ][:_MOST]
    if against:
        yield f"Against that, B took {'less' if delta > 0 else 'longer'}: {_listed(map(_amount, against))}."


def _amount(one: Contributor, of_it: str = "") -> str:
    times = f"{units.duration(one.a_ns)} → {units.duration(one.b_ns)}"
    what = named(one.service, one.name)
    what = f"waiting for {what} to begin" if one.waiting else f"in {what}"
    return f"{units.duration(abs(one.delta_ns))}{of_it} {what} ({times})"


def _answer(difference: Difference) -> Iterator[str]:
    """When the request was answered, where work went on after that."""
    traces = difference.a, difference.b
    roots = [trace.roots[0] for trace in traces]
    if any(len(trace.roots) != 1 for trace in traces) or any(map(walk.is_incomplete, roots)):
        return
    lates = [trace.end_ns - root.end_ns for trace, root in zip(traces, roots, strict=True)]
    durations = difference.duration_a_ns, difference.duration_b_ns
    if any(10 * late > whole for late, whole in zip(lates, durations, strict=True)):
        before, after = (root.duration_ns for root in roots)
        when = f"{units.duration(after)} instead of {units.duration(before)} ({signed(after - before)})"
        if after == before:
            when = f"{units.duration(after)} in both"
        yield f"The request was answered after {when}; the rest was done later."


def _structure(difference: Difference) -> Iterator[str]:
    if difference.same_structure:
        spans = units.count(len(difference.b.spans), "span")
        yield f"Both have the same structure: {spans} each, none appeared, vanished or was multiplied."
        return
    own = _changed_by_themselves(difference.parts)
    rows = [row for row in difference.operations if (row.service, row.name) in own]
    yield from _multiplied([row for row in rows if row.a.spans and row.b.spans], _noticeable_ns(difference))
    for what, found in (
        ("Only in B", [row for row in rows if not row.a.spans]),
        ("Only in A", [row for row in rows if not row.b.spans]),
    ):
        if found:
            found.sort(key=lambda row: -(row.a.total_ns + row.b.total_ns))
            yield f"{what}: {_listed(map(_once_only, found[:_MOST]))}{_and_more(found)}."
    for change, whose in ((Change.INSERTED, "B"), (Change.REMOVED, "A")):
        levels = {named(part.service, part.name): None for part in difference.parts if part.change is change}
        if levels:
            yield f"Only {whose} has the level {_listed(list(levels)[:_MOST])}{_and_more(list(levels))}."
    renamed = {
        f"{named(*part.renamed_from)} is {named(part.service, part.name)}": None
        for part in difference.parts
        if part.renamed_from
    }
    if renamed:
        yield f"Renamed: {_listed(list(renamed)[:_MOST])}{_and_more(list(renamed))}."


def _changed_by_themselves(parts: Sequence[Part]) -> set[tuple[str, str]]:
    """Operations that ran more or less often, not merely because what is above them did."""
    found: dict[tuple[str, str], int] = {}
    for part in parts:
        parent = part.node.parent
        if part.change in _PARTLY and (parent < 0 or parts[parent].change not in _PARTLY):
            key = part.service, part.name
            found[key] = found.get(key, 0) + part.b.spans - part.a.spans
    return {key for key, more in found.items() if more}


def _multiplied(rows: Iterable[Operation], noticeable: int) -> Iterator[str]:
    more, little = [], []
    for row in sorted(rows, key=lambda row: -abs(row.b.total_ns - row.a.total_ns)):
        times = abs(row.b.spans - row.a.spans)
        if times >= _MANY_MORE or (times and abs(row.b.total_ns - row.a.total_ns) >= noticeable):
            more.append(row)
        elif times:
            little.append(row)
    for row in more[:_MOST]:
        factor = f"{ratio(row.a.spans, row.b.spans)}, " if row.b.spans > row.a.spans else ""
        yield f"{_ran(row)} ({factor}{signed(row.b.total_ns - row.a.total_ns)})."
    little += more[_MOST:]
    if little:
        yield f"To less effect, {_listed(map(_ran, little[:_MOST]))}{_and_more(little)}."


def _ran(row: Operation) -> str:
    before, after = ("once" if count == 1 else f"{count:,} times" for count in (row.a.spans, row.b.spans))
    if row.b.spans > 1:
        before = before.removesuffix(" times")
    return f"{named(row.service, row.name)} ran {after} instead of {before}"


def _once_only(row: Operation) -> str:
    one = row.b if row.b.spans else row.a
    times = f" {TIMES}{one.spans:,}" if one.spans > 1 else ""
    return f"{named(row.service, row.name)}{times} ({units.duration(one.total_ns)})"


def _failures(difference: Difference) -> Iterator[str]:
    for name, in_b in (("B", True), ("A", False)):
        found = failures.more(difference, in_b=in_b)
        for how, only in (("only", True), ("more often", False)):
            texts = list(dict.fromkeys(_failure(one.span) for one in found if one.only is only))
            if texts:
                yield f"Fails {how} in {name}: {_listed(texts[:_MOST])}{_and_more(texts)}."


def _failure(span: SpanRecord) -> str:
    why = walk.failure(span)
    told = named(span.service, operation(span))
    return f"{told}: {inert(why, limit=_MAX_MESSAGE)}" if why else told


def _attributes(parts: Iterable[Part]) -> Iterator[str]:
    told: dict[str, dict[str, None]] = {}
    for part in parts:
        for change in part.attributes:
            if not change.is_telling or (change.key == "error.type" and part.a.errors != part.b.errors):
                continue
            if change.key in ("db.query.text", "db.statement"):
                what = "Another statement"
            else:
                what = inert(
                    f"{change.key} {change.a or '(not set)'} → {change.b or '(not set)'}", limit=_MAX_NAME
                )
            told.setdefault(what, {})[named(part.service, part.name)] = None
    for what, names in list(told.items())[:_MOST]:
        yield f"{what}: {_listed(list(names)[:_MOST])}{_and_more(list(names))}."
    if len(told) > _MOST:
        yield f"{units.count(len(told) - _MOST, 'attribute')} more of corresponding spans differ."


def _services(changes: Sequence[ServiceChange]) -> Iterator[str]:
    words = {"host.name": "ran on", "service.version": "has version", "deployment.environment.name": "is in"}
    for change in changes[: 2 * _MOST]:
        what = f"{change.service} {words[change.key]} {change.b} instead of {change.a}"
        yield f"{inert(what, limit=_MAX_MESSAGE)}."
    if len(changes) > 2 * _MOST:
        yield f"{len(changes) - 2 * _MOST:,} more services differ in host or version."


def _doubts(difference: Difference) -> Iterator[str]:
    """What a reader should know before trusting the rest."""
    shared_a, shared_b = difference.shared
    if 4 * shared_a < len(difference.a.spans) or 4 * shared_b < len(difference.b.spans):
        yield (
            f"Little of the two corresponds ({units.count(shared_a, 'span')} of A's "
            f"{len(difference.a.spans):,}, {shared_b:,} of B's {len(difference.b.spans):,}): "
            "are they the same kind of request?"
        )
    for name, trace in (("A", difference.a), ("B", difference.b)):
        for note in walk.notes(trace):
            yield f"{name} has {note}."


def _noticeable_ns(difference: Difference) -> int:
    return max(difference.duration_a_ns, difference.duration_b_ns) * _NOTICEABLE // 100


def _listed(texts: Iterable[str]) -> str:
    parts = list(texts)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _and_more(found: Sequence[object]) -> str:
    return f" and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
