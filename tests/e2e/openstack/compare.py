"""``python -m e2e.openstack.compare``: upstream's ``otlp://`` driver and ours, on the same Nova, as a table.

Both are judged by the recorder, which knows nothing of either. Takes about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import bisect
import dataclasses
import json
import re
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otel_bridge.model.trace import SpanRecord, Trace

from . import comparison, leaks
from .backend import Embedded
from .cloud import FLAVOR, IMAGE, Cloud, new_trace_id
from .lab import Lab
from .places import GLANCE_URL, NOVA_URL
from .records import Point
from .running import Running
from .settings import Settings

NAMES = ("amber", "basil", "cedar", "daisy", "ember", "fennel", "ginger", "hazel", "iris", "juniper")
PARTS = ("truth", "mixed", "cost")
#: Whoever reads the table finds it between these two lines.
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

_NEAR = 10_000_000  # nanoseconds between the begin of a point and of its span
_OFF = 5_000_000  # nanoseconds by which an end is called wrong
_PROVOKED = 3
_WINDOW = 5.0  # seconds in which a boot is over, and the same for both of a pair
_CALM = 1.0
_TIMEOUT = 60.0
_ROUNDS = 5
#: Upstream's names of services, and ours, to the recorder's.
_SERVICES = {
    "nova-osapi_compute": "nova-api",
    "glance-api": "glance",
    "placement-placement": "placement",
    "keystone-public": "keystone",
}
#: Beginnings of the names of upstream's spans.
_KINDS = {"SQL": "db", "WSGI": "wsgi", "REQUESTS": "http"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="e2e.openstack.compare", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="of boots, profiled and not (default: 20)")
    parser.add_argument("--json", type=Path, help="write there what was measured; what it has is kept")
    parser.add_argument("--part", choices=PARTS, action="append", help="only that (default: all)")
    parser.add_argument("--write", type=Path, help="put the table into this document")
    args = parser.parse_args()
    measured: dict[str, dict[str, Any]] = {}
    if args.json and args.json.exists():
        measured = json.loads(args.json.read_text())
    lab = Lab()
    try:
        with tempfile.TemporaryDirectory(prefix="otel-bridge-compare-") as directory:
            for name in ("upstream", "ours"):
                found = _measure(name, lab, Path(directory) / name, args.pairs, args.part or PARTS)
                measured[name] = measured.get(name, {}) | found
                if args.json:
                    args.json.write_text(json.dumps(measured, indent=1) + "\n")
    finally:
        lab.down()
    table = _table(measured)
    print(table)
    if args.write:
        text = args.write.read_text()
        before, _, rest = text.partition(BEGIN)
        args.write.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}")


def _measure(name: str, lab: Lab, directory: Path, pairs: int, parts: Iterable[str]) -> dict[str, Any]:
    (directory / "store").mkdir(parents=True)
    backend = Embedded(directory / "store")
    plain = _settings(name, backend)
    found: dict[str, Any] = {}
    try:
        if "truth" in parts:
            # Upstream always captures arguments; ours is asked to, to be judged by the same evidence.
            telling = {"capture_args": "true"} if name == "ours" else {}
            settings = dataclasses.replace(plain, otel_bridge=telling)
            found |= _truth(Running(name, lab, backend, directory / "truth", settings))
        if "mixed" in parts:
            settings = dataclasses.replace(plain, connection_strings={"keystone": "lab-file://"})
            found |= _mixed(Running(name, lab, backend, directory / "mixed", settings))
        if "cost" in parts:
            lab.stop_services()
            backend.renew()
            cloud = lab.up(plain)
            found |= _cpu(lab, cloud, pairs)
            found |= _durations(backend, cloud)
        lab.stop_services()
    finally:
        backend.go_down()
    return found


def _settings(name: str, backend: Embedded) -> Settings:
    if name == "ours":
        return Settings(connection_string=backend.connection_string)
    return Settings(connection_string=backend.endpoint.replace("http://", "otlp://"), placement_fix=True)


# -- what the spans say -------------------------------------------------------------------------------


def _truth(running: Running) -> dict[str, Any]:
    first = running.boot("first")
    alone = len(running.backend.trace(first.trace_id).spans)
    # Counted now: what is sent in the wrong trace later cannot be told from what belongs there.
    points = sum(point.trace_id == first.trace_id for point in running.records.points())
    before = running.backend.size()
    running.boot("plain", trace_id=0)
    added = running.backend.size() - before
    ten = running.boot_all(NAMES)
    recorded = running.records.points()
    traces = running.traces_of(ten)
    done = missing = named = misnamed = 0
    for boot in ten:
        # By the request id, which messages and threads of Nova carry apart from the trace.
        wanted = Counter(
            (point.service, point.kind) for point in recorded if point.request_id == boot.request_id
        )
        spans = traces[boot.trace_id].spans
        done += wanted.total()
        missing += (wanted - Counter((_service(span), _kind(span)) for span in spans)).total()
        for span in spans:
            mentioned = {other for other in NAMES if re.search(rf"\b{other}\b", _text(span))}
            named += bool(mentioned)
            misnamed += bool(mentioned - {boot.name})
    sizes = [len(trace.spans) for trace in traces.values()]
    everything = [span for trace in running.backend.traces().values() for span in trace.spans]
    paired, wrong = _wrong_ends(everything, recorded)
    secret, searched = _leaks(running)
    return {
        "points of one boot": points,
        "spans of one boot": alone,
        "spans that an unprofiled boot adds": added,
        "fewest spans": min(sizes),
        "most spans": max(sizes),
        "done for ten boots": done,
        "missing in their trace": missing,
        "spans that name a server": named,
        "in another server's trace": misnamed,
        "orphans": sum(len(trace.orphans) for trace in traces.values()),
        "ends compared": paired,
        "wrong ends": wrong,
        "spans searched": searched,
        "spans with a secret": secret,
    }


def _mixed(running: Running) -> dict[str, Any]:
    running.cloud.authenticate()  # so that each service asks Keystone about the token
    trace = running.backend.trace(running.boot("mixed").trace_id)
    points = sum(
        point.service != "keystone" and point.trace_id == trace.trace_id for point in running.records.points()
    )
    return {
        "mixed: points": points,
        "mixed: spans": len(trace.spans),
        "mixed: orphans": len(trace.orphans),
        "mixed: roots": len(trace.roots),
    }


def _service(span: SpanRecord) -> str:
    name = span.service.removeprefix("nova-") if span.service.startswith("nova-nova-") else span.service
    return _SERVICES.get(name, name)


def _kind(span: SpanRecord) -> str:
    return _KINDS.get(span.name.partition("_")[0]) or comparison.kind_of(span)


def _text(span: SpanRecord) -> str:
    return comparison.text_of(Trace.from_spans(span.trace_id, [span]))


def _wrong_ends(spans: Iterable[SpanRecord], points: Iterable[Point]) -> tuple[int, int]:
    """Spans whose service began a point of their kind when they did, and those that ended elsewhere."""
    begun: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        begun[point.service, point.kind].append(point)
    starts = {key: [point.begin for point in found] for key, found in begun.items()}
    paired = wrong = 0
    for span in spans:
        key = _service(span), _kind(span)
        times = starts.get(key, [])
        low = bisect.bisect_left(times, span.start_ns - _NEAR)
        high = bisect.bisect_right(times, span.start_ns + _NEAR)
        near = begun[key][low:high] if times else []
        if near:
            paired += 1
            wrong += min(abs(point.end - span.end_ns) for point in near) > _OFF
    return paired, wrong


def _leaks(running: Running) -> tuple[int, int]:
    answered: set[str] = set()
    for number in range(_PROVOKED):
        answered |= leaks.provoke(running.cloud, f"secretive-{number}-{time.time_ns()}")
    running.settle()
    secrets = leaks.known(running.cloud, running.lab.places.etc, running.records.tokens())
    secrets = dict.fromkeys(answered, "secret that was answered") | secrets
    traces = running.backend.traces().values()
    spans = [span for trace in traces for span in trace.spans]
    return sum(leaks.is_in(_text(span), secrets) for span in spans), len(spans)


# -- what it costs ------------------------------------------------------------------------------------


def _cpu(lab: Lab, cloud: Cloud, pairs: int) -> dict[str, Any]:
    """Profiled boots and unprofiled ones in turns: the CPU time of all services in the same span of time."""
    ratios, seconds = [], []
    for number in range(pairs + 1):
        spent = {}
        order = (True, False) if number % 2 else (False, True)
        for profiled in order:
            before, begin = _spent(lab), time.monotonic()
            boot = _whole_boot(cloud, f"cpu-{number}", new_trace_id() if profiled else 0)
            time.sleep(max(0.0, begin + _WINDOW - time.monotonic()))
            spent[profiled] = _spent(lab) - before
            cloud.wait_for(boot)
            cloud.delete_all(_TIMEOUT)
            time.sleep(_CALM)
        if number:  # the first pair warms up
            ratios.append(spent[True] / spent[False])
            seconds.append(spent[False])
    quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
    return {
        "cpu ratio": round(statistics.median(ratios), 3),
        "cpu ratio, quartiles": [round(quarters[0], 3), round(quarters[2], 3)],
        "cpu seconds of an unprofiled boot": round(statistics.median(seconds), 3),
        "pairs": pairs,
    }


def _whole_boot(cloud: Cloud, name: str, trace_id: int) -> Any:
    """What a client does to boot a server: a token, the image, the flavor, the server."""
    cloud.authenticate(trace_id=trace_id)
    cloud.request("GET", f"{GLANCE_URL}/v2/images?name={IMAGE}", trace_id=trace_id)
    cloud.request("GET", f"{NOVA_URL}/flavors/detail?name={FLAVOR}", trace_id=trace_id)
    boot = cloud.boot(name, trace_id=trace_id)
    cloud.request("GET", f"{NOVA_URL}/servers/{boot.uuid}", trace_id=trace_id)
    return boot


def _spent(lab: Lab) -> float:
    """Seconds of CPU that the services and their children have used."""
    sessions = {daemon.pid for daemon in lab.services.daemons.values()}
    nanoseconds = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            session = int((process / "stat").read_text().rpartition(")")[2].split()[3])
            if session in sessions:
                for thread in process.glob("task/*/schedstat"):
                    nanoseconds += int(thread.read_text().split()[0])
        except OSError:  # it has ended
            continue
    return nanoseconds / 1e9


def _durations(backend: Embedded, cloud: Cloud) -> dict[str, Any]:
    """Seconds until a profiled server is ACTIVE, by what the collector does meanwhile."""
    found: dict[str, list[float]] = {"up": [], "down": [], "hanging": []}
    change = {"up": backend.come_up, "down": backend.go_down, "hanging": backend.hang}
    for number in range(_ROUNDS):
        for state, times in found.items():
            change[state]()
            begin = time.monotonic()
            cloud.wait_for(cloud.boot(f"{state}-{number}"))
            times.append(time.monotonic() - begin)
    backend.come_up()
    return {
        f"seconds of a boot, collector {state}": round(statistics.median(times), 2)
        for state, times in found.items()
    }


# -- the table ----------------------------------------------------------------------------------------


def _table(measured: Mapping[str, Mapping[str, Any]]) -> str:
    def row(what: str, text: str) -> str:
        cells = [text.format(**_named(measured[name])) for name in ("upstream", "ours")]
        return f"| {what} | {' | '.join(cells)} |"

    seconds = "{seconds_of_a_boot_collector_up} s, {seconds_of_a_boot_collector_down} s, "
    return "\n".join(
        [
            "| on the same Nova | `otlp://` of osprofiler 4.4.0 | `otel://` |",
            "|---|---|---|",
            row(
                "one boot: spans in its trace, of so many points",
                "{spans_of_one_boot} of {points_of_one_boot}",
            ),
            row("an unprofiled boot after it adds", "{spans_that_an_unprofiled_boot_adds} spans"),
            row("ten boots at the same time: spans in each trace", "{fewest_spans} to {most_spans}"),
            row(
                "… points in Nova that are missing in their trace",
                "{missing_in_their_trace} of {done_for_ten_boots}",
            ),
            row(
                "… spans that name a server, in another server's trace",
                "{in_another_servers_trace} of {spans_that_name_a_server}",
            ),
            row("… orphans", "{orphans}"),
            row("spans that end at another point's stop", "{wrong_ends} of {ends_compared}"),
            row(
                "spans with a password, token, key or hash in them",
                "{spans_with_a_secret} of {spans_searched}",
            ),
            row(
                "a boot takes, with the collector up, down, hanging",
                seconds + "{seconds_of_a_boot_collector_hanging} s",
            ),
            row(
                "CPU of a profiled boot over an unprofiled one, all services; quartiles",
                "{cpu_ratio} ({cpu_ratio_quartiles[0]} to {cpu_ratio_quartiles[1]})",
            ),
            row(
                "Keystone on another driver: spans of the others, of so many points; orphans",
                "{mixed_spans} of {mixed_points}; {mixed_orphans}",
            ),
        ]
    )


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"[^a-z]+", "_", key.replace("'", "")): value for key, value in values.items()}


if __name__ == "__main__":
    main()
