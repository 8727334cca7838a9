"""The openstack client as root of its trace: osc-lib's real shell with commands of this test's own."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge.adopt import client, command
from otel_bridge.wire import ids
from otel_bridge.wire.freshness import Window
from otel_bridge.wire.signing import Key, KeyRing

PROGRAM = """
import sys
import otel_bridge.adopt.activate
from cliff.command import Command
from cliff.commandmanager import CommandManager
from osc_lib import shell

class Create(Command):
    auth_required = False

    def get_parser(self, name):
        parser = super().get_parser(name)
        parser.add_argument("name")
        parser.add_argument("--how", default="ok")
        parser.add_argument("--requests", type=int, default=2)
        parser.add_argument("--url")
        return parser

    def take_action(self, args):
        from keystoneauth1 import session
        for _ in range(args.requests):
            session.Session().get(args.url)
        if args.how == "raise":
            raise RuntimeError(f"cannot create {args.name}")
        if args.how == "interrupt":
            raise KeyboardInterrupt
        return 3 if args.how == "code" else None

class Boot(Command):
    auth_required = False

    def take_action(self, args):
        return self.app.run_subcommand(["server", "show"])

class Modules(Command):
    auth_required = False

    def take_action(self, args):
        ours = [name for name in sys.modules if name.startswith(("otel_bridge", "opentelemetry"))]
        print("modules:", *sorted(ours))

manager = CommandManager("otel_bridge.no.such.namespace")
manager.add_command("server create", Create)
manager.add_command("server show", Modules)
manager.add_command("server boot", Boot)
app = shell.OpenStackShell(command_manager=manager, version="1")
sys.exit(app.run(sys.argv[1:]))
"""


class Cloud(ThreadingHTTPServer):
    """An API that notes the headers of its requests, and a collector that keeps spans."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.spans: list[Any] = []
        self.services: list[str] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                cloud.requests.append(self.headers)
                self._answer()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found = {item.key: item.value.string_value for item in group.resource.attributes}
                    for scope in group.scope_spans:
                        cloud.spans += scope.spans
                        cloud.services += [found["service.name"]] * len(scope.spans)
                self._answer()

            def _answer(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud()
    yield server
    server.shutdown()
    server.server_close()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def openstack(cloud: Cloud, tmp_path: Path) -> Run:
    """Runs the client as a process of its own; variables that are None are not set."""
    if importlib.util.find_spec("osc_lib") is None:
        pytest.skip("needs osc-lib")

    def run(
        *argv: str, stdin: str = "", before: str = "", **environ: str | None
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OS_"))
        }
        variables: dict[str, str | None] = {"OTEL_EXPORTER_OTLP_ENDPOINT": cloud.url, **environ}
        return subprocess.run(
            [sys.executable, "-c", before + PROGRAM, *argv],
            env={**inherited, "HOME": str(tmp_path), **{k: v for k, v in variables.items() if v is not None}},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def create(cloud: Cloud, *more: str) -> tuple[str, ...]:
    return ("server", "create", "s3cr3t-name", "--url", cloud.url, *more)


def trace_ids(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The ids that the client has printed."""
    return [line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("Trace ID: ")]


def attributes(span: Any) -> dict[str, Any]:
    return {
        item.key: item.value.int_value or item.value.string_value or item.value for item in span.attributes
    }


def test_a_command_is_the_root_of_its_requests(cloud, openstack):
    """One CLIENT span without parent, the signed headers below it, all in the trace that is printed."""
    done = openstack("--os-profile", "key", *create(cloud))
    assert done.returncode == 0, done.stderr
    (root,) = cloud.spans
    assert (root.name, root.kind, root.parent_span_id) == (
        "openstack server create",
        root.SPAN_KIND_CLIENT,
        b"",
    )
    assert cloud.services == ["openstackclient"]
    assert attributes(root)["process.executable.name"] == "openstack"
    assert root.status.code == root.status.STATUS_CODE_UNSET
    (printed,) = trace_ids(done)
    assert root.trace_id == ids.trace_id(printed).to_bytes(16, "big")
    assert len(cloud.requests) == 2
    for headers in cloud.requests:
        info = KeyRing.parse("key").verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
        assert info is not None
        assert info.trace_id.to_bytes(16, "big") == root.trace_id
        assert info.parent_span_id.to_bytes(8, "big") == root.span_id
        assert headers["traceparent"] == f"00-{root.trace_id.hex()}-{root.span_id.hex()}-01"


def test_requests_are_good_once_where_the_environment_says_so(cloud, openstack):
    """For services with a freshness_window; each request has a header of its own."""
    assert openstack("--os-profile", "key", *create(cloud), OTEL_BRIDGE_FRESHNESS="1").returncode == 0
    window = Window(60, 0)
    for headers in cloud.requests:
        pair = headers["X-Trace-Info"], headers["X-Trace-HMAC"]
        assert window.refusal(*pair, headers["X-Trace-Freshness"], Key("key"), time.time()) is None
    assert len(cloud.requests) == 2


def test_what_the_client_prints_is_what_it_printed_before(cloud, openstack):
    """Line for line, but for the ids themselves."""
    with_root = openstack("--os-profile", "key", *create(cloud))
    without = openstack("--os-profile", "key", *create(cloud), OTEL_BRIDGE_ACTIVATE="0")
    assert len(cloud.spans) == 1

    def shape(done: subprocess.CompletedProcess[str]) -> list[str]:
        (trace_id,) = trace_ids(done)
        short = f"{ids.span_id(trace_id):x}"
        assert f"Short trace ID for OpenTracing-based drivers: {short}" in done.stderr
        return done.stderr.replace(trace_id, "ID").replace(short, "SHORT").splitlines()

    assert shape(with_root) == shape(without)
    assert (with_root.stdout, with_root.returncode) == (without.stdout, without.returncode)


@pytest.mark.parametrize(
    ("how", "code", "error"),
    [("raise", 1, "RuntimeError"), ("code", 3, "3"), ("interrupt", 130, "KeyboardInterrupt")],
)
def test_a_command_that_fails_is_an_error(cloud, openstack, how, code, error):
    """With its exit code and the class of its error; nothing that was typed is in the span."""
    done = openstack("--os-profile", "key", *create(cloud, "--how", how))
    assert done.returncode == code
    (root,) = cloud.spans
    assert root.status.code == root.status.STATUS_CODE_ERROR
    assert attributes(root)["process.exit.code"] == code
    assert attributes(root)["error.type"] == error
    assert "s3cr3t" not in str(root)
    assert len(trace_ids(done)) == 1


@pytest.mark.parametrize(
    ("argv", "name", "code"),
    [
        (("serv", "cre", "x", "--requests", "0"), "openstack server create", 0),
        (("server", "create"), "openstack server create", 2),
        (("server", "create", "--help"), "openstack help", 0),
        (("server", "boot"), "openstack server boot", 0),
    ],
)
def test_a_span_has_the_name_of_the_command(cloud, openstack, argv, name, code):
    """Abbreviations are written out; a command that runs another one is one command."""
    assert openstack("--os-profile", "key", *argv).returncode == code
    (root,) = cloud.spans
    assert root.name == name
    assert bool(root.status.code) is bool(code)


def test_what_is_no_command_makes_no_span(cloud, openstack):
    """It has made no request either."""
    done = openstack("--os-profile", "key", "sever", "s3cr3t")
    assert (done.returncode, cloud.spans) == (2, [])
    assert len(trace_ids(done)) == 1


def test_each_command_of_a_session_is_a_root(cloud, openstack):
    """All of them in the session's one trace, whose id is printed after each and at the end.

    That cmd2 takes the client's own arguments for commands as well does not matter.
    """
    lines = [f"server create {name} --requests 1 --url {cloud.url}" for name in ("a", "b")]
    done = openstack("--os-profile", "key", stdin="\n".join([*lines, "exit", ""]))
    assert [root.name for root in cloud.spans] == ["openstack server create"] * 2
    assert {root.parent_span_id for root in cloud.spans} == {b""}
    (trace_id,) = {root.trace_id for root in cloud.spans}
    (printed,) = set(trace_ids(done))
    assert ids.trace_id(printed).to_bytes(16, "big") == trace_id
    verify = KeyRing.parse("key").verify
    parents = [
        verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"]).parent_span_id for headers in cloud.requests
    ]
    assert [parent.to_bytes(8, "big") for parent in parents] == [root.span_id for root in cloud.spans]


def test_the_key_may_come_from_the_environment(cloud, openstack):
    assert openstack(*create(cloud), OS_PROFILE="key", OTEL_SERVICE_NAME="mine").returncode == 0
    assert cloud.services == ["mine"]


@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        ((), {}),
        (("--os-profile", "key"), {"OTEL_EXPORTER_OTLP_ENDPOINT": None}),
    ],
    ids=["no key", "no collector"],
)
def test_nothing_is_imported_that_is_not_needed(openstack, argv, environ):
    """Neither OpenTelemetry nor what would set it up."""
    done = openstack(*argv, "server", "show", **environ)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("modules:")]
    assert "opentelemetry" not in line
    assert "otel_bridge.adopt.command" not in line


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"},
    ],
)
def test_where_spans_have_nowhere_to_go_requests_are_roots_as_ever(cloud, openstack, environ):
    """A parent that is never exported would be worse than none."""
    done = openstack("--os-profile", "key", *create(cloud), **environ)
    assert done.returncode == 0
    (printed,) = trace_ids(done)
    assert len(cloud.requests) == 2
    for headers in cloud.requests:
        info = KeyRing.parse("key").verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
        assert (info.trace_id, info.parent_span_id) == (ids.trace_id(printed), 0)
    ours = [line for line in done.stderr.splitlines() if "otel_bridge" in line]
    assert len(ours) == ("://" in environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))


def test_an_environment_that_is_broken_costs_the_span_and_one_line(cloud, openstack):
    """Without OpenTelemetry, say: the requests are signed as ever."""
    done = openstack(
        "--os-profile", "key", *create(cloud), before="import sys; sys.modules['opentelemetry'] = None\n"
    )
    assert done.returncode == 0
    assert len([line for line in done.stderr.splitlines() if "otel_bridge" in line]) == 1
    assert [headers["X-Trace-HMAC"] is None for headers in cloud.requests] == [False, False]


#: Prints at the end for how long the end may last.
_TELL = """
import atexit

def tell():
    from otel_bridge import runtime
    print("exit timeout:", runtime._handle._pipeline.exit_timeout)

atexit.register(tell)
"""


@pytest.mark.parametrize("collector", ["away", "hanging"])
def test_a_collector_that_is_of_no_use_costs_two_seconds_and_one_line(cloud, openstack, collector):
    """The command's result and exit code are its own."""
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    if collector == "away":
        server.close()
    began = time.monotonic()
    plain = openstack("--os-profile", "key", *create(cloud), OTEL_BRIDGE_ACTIVATE="0")
    between = time.monotonic()
    done = openstack("--os-profile", "key", *create(cloud), before=_TELL, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    took = time.monotonic() - between
    server.close()
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) <= len(plain.stderr.splitlines()) + 1
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "exit timeout: 2.0"
    # Loading OpenTelemetry takes a part of a second on a busy machine as well.
    assert took < (between - began) * 2 + command.EXIT_TIMEOUT + 2


# -- the wrapping itself ------------------------------------------------------------------------------


@pytest.fixture
def shell() -> Iterator[Any]:
    """As much of osc-lib's shell module as is looked at."""

    class Shell:
        options = SimpleNamespace(profile=None)

        def run_subcommand(self, argv: list[str]) -> list[str]:
            return argv

        def init_profile(self) -> None:
            return None

        def clean_up(self, cmd: object, result: int, err: object) -> int:
            return result

    yield SimpleNamespace(OpenStackShell=Shell, osprofiler_profiler=object())
    client.release_shell()


def test_the_shell_is_wrapped_once_and_can_be_released(shell):
    found = dict(vars(shell.OpenStackShell))
    assert client.adopt_shell(shell)
    wrapped = dict(vars(shell.OpenStackShell))
    assert wrapped != found
    assert not client.adopt_shell(shell)
    assert dict(vars(shell.OpenStackShell)) == wrapped
    client.release_shell()
    assert dict(vars(shell.OpenStackShell)) == found


def test_a_shell_of_another_kind_is_left_alone(shell):
    """A later osc-lib may have other methods."""
    del shell.OpenStackShell.clean_up
    found = dict(vars(shell.OpenStackShell))
    assert not client.adopt_shell(shell)
    assert dict(vars(shell.OpenStackShell)) == found


def test_without_a_key_every_method_does_what_it_did(shell):
    client.adopt_shell(shell)
    app = shell.OpenStackShell()
    assert app.run_subcommand(["server", "list"]) == ["server", "list"]
    assert app.init_profile() is None
    assert app.clean_up(object(), 7, None) == 7
    assert vars(app) == {}
