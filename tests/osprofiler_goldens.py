"""The same work traced by osprofiler and by otel_bridge: what osprofiler's own drivers made of it, kept in
``data/osprofiler/workload``, and how ours is compared with that.

``python -m e2e.readers.goldens`` makes the files anew.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from environments import clean_environ
from speaking import signed_headers

from otel_bridge.model.redaction import mask_sql
from otel_bridge.wire import ids

GOLDENS = Path(__file__).parent / "data" / "osprofiler" / "workload"
#: What the drivers were given, in the order of time: payloads as osprofiler's notifier hands them over, each
#: with the project, service and host that its driver was made with.
POINTS = GOLDENS / "points.jsonl"

#: 2026-11-22 14:06:01.123456 UTC
START_NS = 1_795_356_361_123_456_000
BOOT = "0d06e2bc-1234-4678-90ab-cdef12345678"
SHOW = "5e57c0de-0000-4000-8000-00000000b00f"
#: What osprofiler gets wrong; see :func:`outline`.
FAIL = "fa11ed00-0000-4000-8000-00000000b00f"

KEY = "workload-key"
_BOUND = 120.0  # seconds
_RUN = (
    f"import sys; sys.path.append({str(Path(__file__).parent)!r}); "
    "import osprofiler_workload as workload; workload.main(*sys.argv[1:])"
)

Report = dict[str, Any]


def golden(driver: str) -> dict[str, Any]:
    """What a driver of osprofiler's answered: ``reports`` by base id, and ``lists``."""
    found: dict[str, Any] = json.loads((GOLDENS / f"{driver}.json").read_text())
    return found


def run(python: Path, directory: Path, connection: str, options: str = "") -> None:
    """Run the services of ``osprofiler_workload``, one after the other.

    Args:
        python: of the environment.
        directory: for their files.
        connection: ``[profiler] connection_string``.
        options: more of their configuration.
    """
    profiler = (
        f"[profiler]\nenabled = true\nhmac_keys = {KEY}\ntrace_sqlalchemy = true\ntrace_requests = true\n"
    )
    file = directory / "workload.conf"
    file.write_text(f"{profiler}connection_string = {connection}\n{options}\n")
    todo: dict[str, list[Any]] = {
        "nova-api": [
            {"at": START_NS + number * 10**9, "request": name, "headers": signed_headers(base_id, key=KEY)}
            for number, (name, base_id) in enumerate({"boot": BOOT, "show": SHOW, "fail": FAIL}.items())
        ],
        "keystone": [],
        "nova-compute": [],
    }
    for service, units in todo.items():
        given, sent = directory / f"{service}.todo", directory / f"{service}.sent"
        given.write_text(json.dumps(units))
        command = [python, "-c", _RUN, service, file, given, sent]
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            timeout=_BOUND,
            env=clean_environ(),
            cwd="/",
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        for unit in json.loads(sent.read_text()):
            todo[unit["service"]].append(unit)


def nodes(report: Report) -> Iterator[Report]:
    """All of a report but its head, each above its children."""
    waiting = list(report["children"])
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting = node["children"] + waiting


def outline(report: Report) -> list[Any]:
    """A report as nested lists: name, what it lasted, exception, and what is below."""
    return [
        [
            node["info"]["name"],
            node["info"]["finished"] - node["info"]["started"],
            node["info"].get("exception"),
            outline(node),
        ]
        for node in report["children"]
    ]


def by_time(report: Report) -> Report:
    """The report with siblings of the same millisecond in the order of their exact times.

    Redis gives the points of a trace last first, and osprofiler sorts by the millisecond.
    """

    def exactly(node: Report) -> str:
        times: list[str] = [
            payload["timestamp"] for key, payload in node["info"].items() if key.endswith("-start")
        ]
        return times[0]

    report["children"].sort(key=exactly)
    for node in report["children"]:
        by_time(node)
    return report


# -- the comparison -----------------------------------------------------------------------------------


class Missing:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Missing()


class Difference(NamedTuple):
    """Where a report of ours differs from osprofiler's."""

    #: Keys from the top; names of points in place of their positions, for people to read.
    path: tuple[str, ...]
    theirs: Any
    ours: Any
    #: The nodes that it is in.
    their_node: Report
    our_node: Report

    def ends(self, *keys: str) -> bool:
        return self.path[-len(keys) :] == keys


def differences(theirs: Report, ours: Report) -> Iterator[Difference]:
    """Every value that is not the same, or not there on one side."""
    return _differences(theirs, ours, (), theirs, ours)


def _differences(
    theirs: Any, ours: Any, path: tuple[str, ...], their_node: Report, our_node: Report
) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if "trace_id" in theirs and "info" in theirs and "children" in theirs:
            their_node, our_node = theirs, ours
        for key in theirs | ours:
            yield from _differences(
                theirs.get(key, NOTHING), ours.get(key, NOTHING), (*path, key), their_node, our_node
            )
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            name = one["info"]["name"] if isinstance(one, dict) and "info" in one else str(number)
            yield from _differences(one, other, (*path, name), their_node, our_node)
    elif (type(theirs), theirs) != (type(ours), ours):
        yield Difference(path, theirs, ours, their_node, our_node)


class Row(NamedTuple):
    """A difference that is meant."""

    why: str
    #: Whether a difference is this one.
    explains: Callable[[Difference], bool]


def _is_short_id(found: Difference) -> bool:
    if not found.ends("trace_id") and not found.ends("parent_id"):
        return False
    return isinstance(found.theirs, str) and bool(found.ours == ids.point_id(ids.span_id(found.theirs)))


def _is_masked(found: Difference) -> bool:
    return found.ends("db", "statement") and bool(found.ours == mask_sql(found.theirs))


def _is_of_a_query(found: Difference) -> bool:
    return found.path[-3:] == ("meta.raw_payload.db-stop", "info", "message") and found.ours == ""


def _is_unsaid(found: Difference) -> bool:
    return found.ends("info", "message") and (found.theirs, found.ours) == (None, "")


def _is_whole(found: Difference) -> bool:
    return found.ends("info", "message") and bool(found.ours == f"({found.theirs!r}, 404)")


def _is_named(found: Difference) -> bool:
    """``(number=1)`` for ``(1,)``."""
    if not found.ends("function", "args") or not isinstance(found.ours, str):
        return False
    return bool(re.sub(r"\b\w+=", "", found.ours) == found.theirs.replace(",)", ")"))


def _is_argument(found: Difference) -> bool:
    detail = found.path[-2:] in (("function", "args"), ("function", "kwargs"))
    result = found.ends("info", "function") and list(found.theirs) == ["result"]
    return (detail or result) and found.ours is NOTHING


def _is_same_text(found: Difference) -> bool:
    """Of ``db.params``, where positions are keys to :func:`differences`."""
    return found.path[-3:-1] == ("db", "params") and bool(found.ours == str(found.theirs))


def _is_service_host(found: Difference) -> bool:
    return found.ends("info", "host") and (found.theirs, found.ours) == ("cmp1", "cmp1.example.org")


#: By a short name: what differs on purpose from what the drivers for Redis, MongoDB, Elasticsearch and
#: messaging report, and why.
TABLE: Mapping[str, Row] = {
    "ids": Row("a span id has the low 64 of the 128 bits of a point's", _is_short_id),
    "statements": Row("values that are written into a statement may be secret: they are masked", _is_masked),
    "messages of queries": Row("databases repeat values of users in their messages", _is_of_a_query),
    "messages again": Row(
        "of a failed query osprofiler says the message twice",
        lambda found: found.ends("info", "db") and "original_exception" in found.theirs,
    ),
    "no message": Row("str(exception) of one without arguments is empty", _is_unsaid),
    "all arguments": Row(
        "the message is str(exception), as in osprofiler's decorators; its Trace takes the first argument",
        _is_whole,
    ),
    "host": Row(
        "the machine is called as the service calls it, as by osprofiler's driver for SQLAlchemy, unless that"
        " is an address that every machine has",
        _is_service_host,
    ),
    "arguments": Row("[otel_bridge] capture_args is off", _is_argument),
    "parameters": Row(
        "[otel_bridge] capture_sql_parameters is off",
        lambda found: found.ends("db", "params") and isinstance(found.theirs, list) and found.ours == {},
    ),
}
#: What takes the place of the last two rows where both options are on.
CAPTURED: Mapping[str, Row] = {
    **{name: row for name, row in TABLE.items() if name not in ("arguments", "parameters")},
    "names of arguments": Row("secret ones are known, and masked, by their names", _is_named),
    "parameters as texts": Row("attributes of spans have one type", _is_same_text),
    "no parameters": Row(
        "none is an empty dict, since nothing tells an empty list from it",
        lambda found: found.ends("db", "params") and (found.theirs, found.ours) == ([], {}),
    ),
}
#: The same for points that osprofiler traced and that are made into spans as they are.
FROM_POINTS: Mapping[str, Row] = {
    name: row for name, row in TABLE.items() if name not in ("all arguments", "messages of queries")
}
