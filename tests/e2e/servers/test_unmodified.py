"""A service that never imports us, in the servers that OpenStack runs in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e import servers
from otel_bridge.model.trace import Trace

pytestmark = pytest.mark.e2e

#: Between two exports: nothing leaves before the end, unless the end has it leave.
_NEVER = 600.0

#: As DevStack writes it.
_UWSGI = [
    *[
        "--master",
        "--processes",
        "2",
        "--enable-threads",
        "--thunder-lock",
        "--exit-on-reload",
        "--die-on-term",
    ],
    *["--hook-master-start", "unix_signal:15 gracefully_kill_them_all"],
]
_SERVERS: dict[str, tuple[str, list[str]]] = {
    "gunicorn-sync": ("gunicorn", []),
    "gunicorn-gthread": ("gunicorn", ["--worker-class", "gthread", "--threads", "2"]),
    "gunicorn-gevent": ("gunicorn", ["--worker-class", "gevent"]),
    "gunicorn-preload": ("gunicorn", ["--preload"]),
    "gunicorn-gevent-preload": ("gunicorn", ["--worker-class", "gevent", "--preload"]),
    "uwsgi-lazy": ("uwsgi", [*_UWSGI, "--lazy-apps"]),
    "uwsgi-forked": ("uwsgi", _UWSGI),
    "uwsgi-threads": ("uwsgi", [*_UWSGI, "--threads", "2"]),
    "mod_wsgi": ("mod_wsgi", [""]),
    "mod_wsgi-global": ("mod_wsgi", ["%{GLOBAL}"]),
}


@pytest.fixture(params=_SERVERS)
def start(request, serve, backend) -> Callable[[float], servers.Running]:
    """Start the server with seconds between two exports."""
    netloc = backend.endpoint.removeprefix("http://")

    def start(delay: float) -> servers.Running:
        return serve(
            *_SERVERS[request.param],
            "shop",
            f"connection_string = otel://{netloc}\n[otel_bridge]\nschedule_delay = {delay}\n",
        )

    return start


def send(running: servers.Running) -> None:
    """Signed requests until both processes have served one, and others that nobody may see."""
    for _ in range(100):
        running.signed()
        if len(running.served) >= 10 and len(set(running.served.values())) == 2:
            break
    running.unsigned()
    running.signed_wrongly()


def check(traces: dict[int, Trace], running: servers.Running) -> None:
    """Each signed request left its two spans, made by the process that served it; others left none."""
    assert set(traces) == set(running.served)
    servers.check_pairs(traces, running)


def test_signed_requests_are_traced_while_the_server_runs(start, backend):
    with start(0.1) as running:
        send(running)
        backend.wait_for(running)
        check(backend.traces(), running)
    check(backend.traces(), running)


def test_what_was_recorded_last_arrives_when_the_server_is_stopped(start, backend):
    with start(_NEVER) as running:
        send(running)
        assert backend.traces() == {}
    check(backend.traces(), running)
