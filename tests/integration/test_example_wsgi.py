"""The example's pre-fork WSGI server."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from speaking import request

from otel_bridge.cli import example
from otel_bridge.cli.processes import Process, free_ports, wait_for

pytestmark = pytest.mark.integration

_BOUND = 30.0  # seconds

#: Serves the id of the worker's process; a request for /slow is held up until the file "go" is there.
_PROGRAM = """
import atexit, contextlib, os, pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from compute import wsgi

def say(what):  # in one piece: print() writes two where output is unbuffered, and the workers share it
    os.write(1, f"{what} {os.getpid()}\\n".encode())

@contextlib.contextmanager
def load():
    yield app
    say("unloaded")

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path(f"held-{os.getpid()}").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

atexit.register(say, "ended")
os.chdir(sys.argv[2])
sys.exit(wsgi.serve(load, "127.0.0.1", int(sys.argv[3]), workers=int(sys.argv[4])))
"""


class _Server:
    def __init__(self, directory, workers):
        [self.port] = free_ports(1)
        self.directory = directory
        self.workers = workers
        self.answered = set()
        arguments = [str(example.directory()), str(directory), str(self.port), str(workers)]
        self.process = Process(
            "the server", [sys.executable, "-c", _PROGRAM, *arguments], log=directory / "log"
        )

    def get(self, path="/"):
        return int(request(f"http://127.0.0.1:{self.port}", "GET", path, timeout=_BOUND).body)

    def is_up(self):
        """Whether every worker has answered by now: one that is still starting ends otherwise."""
        with ThreadPoolExecutor(8) as pool:
            try:
                self.answered.update(pool.map(lambda _: self.get(), range(8)))
            except OSError:
                return False
        return len(self.answered) == self.workers

    def held(self):
        return [int(path.name.removeprefix("held-")) for path in self.directory.glob("held-*")]

    def said(self, what):
        return {int(line.split()[1]) for line in self.process.output().splitlines() if line.startswith(what)}


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def workers(request):
    return request.param


@pytest.fixture
def server(tmp_path, workers):
    server = _Server(tmp_path, workers)
    with server.process:
        wait_for("an answer", server.is_up, timeout=_BOUND, processes=[server.process])
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_is_served_is_finished_before_the_end(server, workers, number):
    """And each process runs its exit hooks, which export the last spans."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.get, "/slow")
        wait_for("the request", server.held, timeout=_BOUND, processes=[server.process])
        server.process.signal(number)
        (server.directory / "go").touch()
        assert answer.result() == server.held()[0]
    wait_for("its end", lambda: server.process.exit_code is not None, timeout=_BOUND)
    assert server.process.exit_code == 0
    assert len(server.said("unloaded")) == workers
    assert server.said("ended") == server.said("unloaded") | {server.process.pid}


@pytest.mark.parametrize("workers", [2], ids=["two workers"])
def test_a_worker_that_dies_takes_the_others_with_it(server):
    """Whoever supervises the server sees that it has ended, and not half of it."""
    os.kill(server.get(), signal.SIGKILL)
    wait_for("its end", lambda: server.process.exit_code is not None, timeout=_BOUND)
    assert server.process.exit_code == 1
    assert len(server.said("unloaded")) == 1
