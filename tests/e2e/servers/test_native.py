"""A service that sets otel_bridge up itself, in each server: nothing is lost, and no end is late."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from e2e import servers
from otel_bridge.cli.processes import free_ports
from otel_bridge.model.trace import Trace

pytestmark = pytest.mark.e2e

#: Between two exports: nothing leaves before the end, unless the end has it leave.
_NEVER = 600.0
_REQUESTS = 200
_EXIT_TIMEOUT = 2.0
#: Seconds that a server takes to end when nothing keeps it.
_ENDS = 8.0


class Kind(NamedTuple):
    """One way to run the service."""

    server: str
    options: list[str]
    #: Processes that serve.
    workers: int
    #: Has the workers replaced by new ones while requests are served; None where the server has no such way.
    replaces: signal.Signals | None = signal.SIGHUP


def _gunicorn(*options: str) -> Kind:
    return Kind("gunicorn", [*options], 2)


_UWSGI = [
    *["--master", "--processes", "4", "--threads", "4", "--enable-threads", "--thunder-lock"],
    *["--die-on-term", "--hook-master-start", "unix_signal:15 gracefully_kill_them_all"],
]
_GTHREAD = ["--worker-class", "gthread", "--threads", "4"]
_GEVENT = ["--worker-class", "gevent"]
KINDS: dict[str, Kind] = {
    "uwsgi": Kind("uwsgi", _UWSGI, 4),
    "uwsgi-lazy-apps": Kind("uwsgi", [*_UWSGI, "--lazy-apps"], 4),
    "gunicorn-sync": _gunicorn(),
    "gunicorn-sync-preload": _gunicorn("--preload"),
    "gunicorn-gthread": _gunicorn(*_GTHREAD),
    "gunicorn-gthread-preload": _gunicorn(*_GTHREAD, "--preload"),
    "gunicorn-gevent": _gunicorn(*_GEVENT),
    "gunicorn-gevent-preload": _gunicorn(*_GEVENT, "--preload"),
    "mod_wsgi": Kind("mod_wsgi", [""], 2, signal.SIGUSR1),
    "mod_wsgi-global": Kind("mod_wsgi", ["%{GLOBAL}"], 2, signal.SIGUSR1),
    "waitress": Kind("waitress", ["--threads=8"], 1, None),
    "eventlet": Kind("eventlet", [], 2),
}


@pytest.fixture(params=KINDS)
def kind(request) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def start(kind, serve) -> Callable[[str, float], servers.Running]:
    """Start the server with an endpoint and the seconds between two exports."""

    def start(endpoint: str, delay: float) -> servers.Running:
        options = f"endpoint = {endpoint}\nschedule_delay = {delay}\nexit_timeout = {_EXIT_TIMEOUT}\n"
        return serve(kind.server, kind.options, "native_shop", "[otel_bridge]\n" + options)

    return start


def check(traces: dict[int, Trace], running: servers.Running) -> None:
    """Each signed request left its two spans, made by the process that served it; others left none."""
    assert set(traces) - running.unanswered == set(running.served)
    servers.check_pairs(traces, running)
    instances: dict[int, str] = {}
    for trace in traces.values():
        [root] = trace.roots
        assert root.attributes["http.response.status_code"] == 200
        for span in trace.spans:
            instance = span.resource["service.instance.id"]
            assert instances.setdefault(span.resource["process.pid"], instance) == instance
    assert len(set(instances.values())) == len(instances)


def test_each_worker_traces_what_it_serves(kind, start, backend):
    with start(backend.endpoint, 0.1) as running:
        running.crowd(_REQUESTS)
        running.wait_for_workers(kind.workers)
        backend.wait_for(running)
        check(backend.traces(), running)
    check(backend.traces(), running)


def test_nothing_is_lost_when_workers_are_replaced_and_when_the_server_ends(kind, start, backend):
    with start(backend.endpoint, _NEVER) as running:
        running.crowd(_REQUESTS)
        running.wait_for_workers(kind.workers)
        if kind.replaces is not None:
            with running.visitors():
                running.replace_workers(kind.replaces)
            running.wait_for_workers(kind.workers)
        print(f"\n{len(running.served)} answered, {len(running.unanswered)} not", file=sys.stderr)
        assert running.ends(_ENDS) < _ENDS
    check(backend.traces(), running)


@pytest.mark.parametrize("answers", ["nothing", "refuses"])
def test_without_a_collector_the_end_is_bounded(kind, start, answers):
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1] if answers == "nothing" else free_ports(1)[0]
        with start(f"http://127.0.0.1:{port}", _NEVER) as running:
            running.wait_for_workers(kind.workers)
            took = running.ends(_EXIT_TIMEOUT + _ENDS)
            print(f"\n{took:.2f} s", file=sys.stderr)
            assert took < _EXIT_TIMEOUT + _ENDS
