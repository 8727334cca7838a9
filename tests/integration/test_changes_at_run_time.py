"""Policy and keys change in running services: real processes, real requests, a real OTLP receiver."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from adopting import PATIENCE, Receiver, receiving
from environments import clean_environ
from speaking import request, signed_headers

from otel_bridge.cli.processes import Process, free_ports, wait_for

pytestmark = pytest.mark.integration

BASE = "0af76519-16cd-43dd-8448-eb211c80319c"
_POLICY_STAYS = "the policy for unsigned requests stays as it was"

#: Answers whether the request is traced: with what it would send on. What is held waits for a file.
_APPLICATION = """
import os, sys, time
import otel_bridge
from otel_bridge import opts, web
from oslo_config import cfg

def application(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        open("held", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    headers = web.get_trace_id_headers()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(headers.get("X-Trace-HMAC", "untraced")).encode()]

def configure():
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(["--config-file", "service.conf"], project="test", default_config_files=[], default_config_dirs=[])
    otel_bridge.setup(conf, project="test", service="api")
    return conf
"""

_OSLO_SERVICE = (
    """
import eventlet
eventlet.monkey_patch()
from eventlet import wsgi
"""
    + _APPLICATION
    + """
from oslo_service import service

class Api(service.Service):
    running = False

    def __init__(self, socket):
        super().__init__()
        self.socket = socket

    def start(self):
        if not self.running:  # also called after SIGHUP
            self.running = True
            eventlet.spawn(wsgi.server, self.socket, web.WsgiMiddleware(application), log_output=False)

    def stop(self, graceful=False):
        pass

socket = eventlet.listen(("127.0.0.1", int(sys.argv[1])))
workers = int(sys.argv[2])
conf = configure()
service.launch(conf, Api(socket), workers=workers, restart_method="mutate").wait()
"""
)

_WSGI_SERVICE = (
    _APPLICATION
    + """
import waitress
configure()
waitress.serve(web.WsgiMiddleware(application), host="127.0.0.1", port=int(sys.argv[1]), threads=4)
"""
)


class Service:
    """A service in a process of its own, with its configuration."""

    def __init__(self, directory: Path, receiver: Receiver, program: str, *arguments: str) -> None:
        self.directory = directory
        self.receiver = receiver
        [self.port] = free_ports(1)
        #: HMACs of what traced requests would have sent on, one a request.
        self.traced: list[str] = []
        self._program = program
        self._arguments = arguments
        self.process: Process

    def configure(self, options: str = "", keys: str = "") -> None:
        """Write the configuration as an operator does, at once."""
        text = (
            "[DEFAULT]\ngraceful_shutdown_timeout = 5\n[profiler]\nenabled = true\nhmac_keys = fixed\n"
            f"[otel_bridge]\nendpoint = {self.receiver.url}\ninstrument =\n{options}\n"
        )
        if keys:
            text += f"hmac_keys_file = {self.directory / 'keys'}\n"
            self.write("keys", keys)
        self.write("service.conf", text)

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    @contextmanager
    def running(self) -> Iterator[Service]:
        argv = [sys.executable, "-c", f"import os; os.chdir({str(self.directory)!r})\n{self._program}"]
        self.process = Process(
            "the service",
            [*argv, str(self.port), *self._arguments],
            log=self.directory / "log",
            env=clean_environ(),
        )
        with self.process:
            wait_for("the service", self._is_up, timeout=3 * PATIENCE, processes=[self.process])
            yield self

    def _is_up(self) -> bool:
        try:
            self.get()
        except OSError:
            return False
        return True

    def get(self, key: str | None = None, path: str = "/") -> bool:
        """Whether a request, signed with ``key`` if there is one, is traced."""
        headers = {} if key is None else signed_headers(BASE, key=key)
        url = f"http://127.0.0.1:{self.port}"
        answer = request(url, "GET", path, headers=headers, timeout=PATIENCE).body.decode()
        if answer != "untraced":
            self.traced.append(answer)
        return answer != "untraced"

    def all(self, traced: bool, key: str | None = None) -> bool:
        """Whether twenty requests in a row are traced, or none of them: each worker has answered some."""
        return all(self.get(key) is traced for _ in range(20))

    def becomes(self, traced: bool, key: str | None = None) -> None:
        wait_for(
            f"traced: {traced}",
            lambda: self.all(traced, key),
            timeout=PATIENCE,
            processes=[self.process],
        )

    def complains(self, text: str, key: str | None = None, processes: int = 1) -> None:
        """Wait until so many of its processes have logged this once; requests have them look at the files."""

        def logged() -> bool:
            self.get(key)
            return self.process.output().count(text) >= processes

        wait_for(f"{text!r} in the log", logged, timeout=PATIENCE, processes=[self.process])

    def check_nothing_lost(self) -> None:
        """Every request that was traced has its span."""
        count = len(self.traced)
        wait_for(f"{count} spans", lambda: len(self.receiver.spans) >= count, timeout=PATIENCE)
        assert len(self.receiver.spans) == count


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_changes_the_policy_of_a_service_on_oslo_service(tmp_path, receiver, workers):
    service = Service(tmp_path, receiver, _OSLO_SERVICE, workers)
    service.configure()
    with service.running():
        assert service.all(False)
        service.configure("sampling_ratio = 1")
        assert service.all(False), "an unsigned request is no reason to look at the file"
        over = threading.Event()

        def load():
            while not over.is_set():
                service.get()

        busy = threading.Thread(target=load)
        busy.start()
        try:
            service.process.signal(signal.SIGHUP)
            service.becomes(True)
            service.configure("sampling_ratio = 1\nsampling_rules = GET / = 0")
            service.process.signal(signal.SIGHUP)
            service.becomes(False)
        finally:
            over.set()
            busy.join()
        service.configure("sampling_ratio = 1")
        service.process.signal(signal.SIGHUP)
        service.becomes(True)
        service.configure("sampling_ratio = nonsense")
        service.process.signal(signal.SIGHUP)
        service.complains(_POLICY_STAYS, processes=1 if workers == "1" else 3)  # the launcher is one
        assert service.all(True)
        assert service.get("fixed")
        service.check_nothing_lost()


def test_a_changed_file_changes_the_policy_of_a_wsgi_service(tmp_path, receiver):
    service = Service(tmp_path, receiver, _WSGI_SERVICE)
    service.configure("sampling_ratio = 0")
    with service.running():
        assert service.all(False)
        service.configure("sampling_ratio = 1")
        service.becomes(True)
        service.configure("sampling_ratio = 2")
        service.complains(_POLICY_STAYS)
        assert service.all(True)
        service.configure("sampling_ratio = 0")
        service.becomes(False)
        assert service.all(True, "fixed")
        service.check_nothing_lost()


def test_keys_are_rotated_without_a_restart(tmp_path, receiver):
    service = Service(tmp_path, receiver, _WSGI_SERVICE)
    service.configure(keys="old\n")
    with service.running():
        assert service.get("old")
        assert not service.get("new")
        service.write("keys", "new\nold\n")
        service.becomes(True, "new")
        assert service.all(True, "old")
        held = threading.Thread(target=service.get, args=("old", "/held"))
        held.start()
        wait_for("the request", (tmp_path / "held").exists, timeout=PATIENCE, processes=[service.process])
        service.write("keys", "new\n")
        service.becomes(False, "old")
        assert service.all(True, "new")
        assert service.all(True, "fixed")
        before = len(service.traced)
        (tmp_path / "go").touch()
        held.join()
        assert len(service.traced) == before + 1, "what had begun goes on with the key it began with"
        (tmp_path / "keys").unlink()
        service.complains("the keys so far stay in force", "new")
        assert service.all(True, "new")
        service.check_nothing_lost()
