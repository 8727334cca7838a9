"""Services with OSProfiler's trace points of every kind. Not a test: processes of their own import it.

What they do is the same each time: the clock stands still but for :func:`work`, ids are counted, and nothing
is asked of a network or a machine. So the points that osprofiler makes of it and what otel_bridge makes of it
are about the same events. It imports nothing but osprofiler and what services have beside it, for
environments in which otel_bridge is not installed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import socket
import sqlite3
import sys
import time
import uuid

KEY = "workload-key"
#: Project, service and host, as the services call ``init_from_conf``, and the machine.
SERVICES = {
    "nova-api": ("nova", "osapi_compute", "ctl1", "ctl1"),
    "keystone": ("keystone", "public", "0.0.0.0", "ctl1"),
    "nova-compute": ("nova", "compute", "cmp1.example.org", "cmp1"),
}


class World:
    """The service that this process is, the time, and the ids that are next."""

    service = ""
    now_ns = 0
    count = 0

    def utcnow(self, with_timezone: bool = False) -> datetime.datetime:
        seconds, rest = divmod(self.now_ns, 10**9)
        now = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=rest // 1000)
        return now if with_timezone else now.replace(tzinfo=None)

    def new_uuid(self, dashed: bool = True) -> str:
        self.count += 1
        digest = hashlib.sha256(f"{self.service} {self.count}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def new_bits(self, bits: int) -> int:
        return uuid.UUID(self.new_uuid()).int & (1 << bits) - 1


world = World()
#: What this service asked of others, in the order of time.
outbox: list[dict[str, object]] = []


def work(milliseconds: float) -> None:
    """Let so much time pass."""
    world.now_ns += round(milliseconds * 1_000_000)


def _answer(self, request, **_):
    """What requests' adapter does here, below what osprofiler traces."""
    if "refused" in request.url:
        work(2.2)
        raise requests.exceptions.ConnectionError("connection refused")
    if "keystone" in request.url:
        headers = {name: value for name, value in request.headers.items() if name.startswith("X-Trace-")}
        outbox.append({"service": "keystone", "at": world.now_ns + 300_000, "headers": headers})
    work(4.75)
    response = requests.Response()
    response.status_code = 404 if "missing" in request.url else 200
    response.url, response.request = request.url, request
    return response


# Before anything takes them for its own.
time.time_ns = lambda: world.now_ns
socket.gethostname = lambda: SERVICES[world.service][3]

import requests.adapters  # noqa: E402
from oslo_utils import timeutils, uuidutils  # noqa: E402

requests.adapters.HTTPAdapter.send = _answer
timeutils.utcnow = world.utcnow
uuidutils.generate_uuid = world.new_uuid

from oslo_config import cfg  # noqa: E402
from osprofiler import initializer, opts, profiler, web  # noqa: E402
from osprofiler import sqlalchemy as traced_sqlalchemy  # noqa: E402
from osprofiler.drivers import base  # noqa: E402


class Capture(base.Driver):
    """Writes what a driver is given into a file: ``capture:///path``."""

    @classmethod
    def get_name(cls) -> str:
        return "capture"

    def notify(self, info, **_):
        line = {**info, "svc": [self.project, self.service, self.host]}
        with open(self.connection_str.partition("://")[2], "a") as file:
            file.write(json.dumps(line) + "\n")


# -- HTTP ---------------------------------------------------------------------------------------------


def ask(url: str) -> int:
    session = requests.Session()
    session.trust_env = False
    return session.get(url).status_code


def serve(application, method: str, path: str, query: str, headers: dict[str, str]) -> None:
    """One request through osprofiler's middleware."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "ctl1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        **{
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in headers.items()
            if name.startswith("X-")
        },
    }
    body = web.WsgiMiddleware(application)(environ, lambda status, sent, exc_info=None: None)
    list(body)
    if hasattr(body, "close"):
        body.close()


# -- a database ---------------------------------------------------------------------------------------


class _Cursor(sqlite3.Cursor):
    """Where time passes."""

    def execute(self, *arguments):
        work(0.8)
        return super().execute(*arguments)


class _Connection(sqlite3.Connection):
    def cursor(self, *_):
        return super().cursor(_Cursor)


def database(name: str):
    """One in memory, its statements traced by a point of this name."""
    import sqlalchemy

    engine = sqlalchemy.create_engine("sqlite://", connect_args={"factory": _Connection})
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE instances (id INTEGER PRIMARY KEY, host TEXT)")
    traced_sqlalchemy.add_tracing(sqlalchemy, engine, name)
    return engine


def query(engine, statement: str, *parameters: object) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(statement, parameters)


# -- nova-api -----------------------------------------------------------------------------------------


class NoValidHost(Exception):
    pass


@profiler.trace_cls("rpc")
class ComputeAPI:
    """Sends messages to nova-compute."""

    def __repr__(self) -> str:
        return "<ComputeAPI>"

    def get_console(self, instance, kind="novnc"):
        work(0.4)
        send("get_console", at=world.now_ns + 600_000)
        work(7.3)

    def build(self, instance):
        work(0.1)
        send("build", at=world.now_ns + 12_000_000)
        send("power_on", at=world.now_ns + 80_000_000)

    def find(self, host):
        work(0.9)
        raise NoValidHost(f"no valid host: {host}")


def send(method: str, **message: object) -> None:
    found = profiler.get()
    if found is not None:
        trace = {"base_id": found.get_base_id(), "parent_id": found.get_id()}
        outbox.append({"service": "nova-compute", "method": method, "trace": trace, **message})


@profiler.trace("compute_api", hide_args=True)
def create(rpc, depth):
    work(0.3)
    if depth:
        create(rpc, depth - 1)
    else:
        rpc.build("vm-1")
    work(0.05)


@profiler.trace("workflow-engine", info={"step": 3, "flow": "boot", "last": True}, hide_result=False)
def step(number, name=None):
    work(1.25)
    return {"number": number}


def boot(environ, start_response):
    rpc, engine = ComputeAPI(), boot.engine
    work(0.25)
    ask("http://keystone/v3/auth/tokens?nocatalog")
    query(engine, "SELECT id, host FROM instances WHERE id = ?", 7)
    query(engine, "INSERT INTO instances (id, host) VALUES (?, ?)", 7, "cmp1")
    with profiler.Trace("l3-agent", info={"router": "r1"}):
        work(0.5)
        step(1, name="two")
        with profiler.Trace("vif_driver"):
            work(0.000_7)
    try:
        query(engine, "SELECT id FROM nowhere")
    except Exception:
        work(0.01)
    with_failures(rpc)
    rpc.get_console("vm-1", kind="spice")
    create(rpc, 2)
    ask("https://glance:9292/v2/images/missing?limit=1")
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"booting"]


def with_failures(rpc) -> None:
    try:
        rpc.find("cmp9")
    except NoValidHost:
        work(0.2)
    try:
        with profiler.Trace("claim"):
            work(0.3)
            raise LookupError("no such claim", 404)
    except LookupError:
        work(0.2)
    try:
        with profiler.Trace("claim", info={"attempt": 2}):
            work(0.3)
            raise TimeoutError
    except TimeoutError:
        work(0.2)


def fail(environ, start_response):
    """What osprofiler gets wrong: it neither stops the point of a request that fails, nor one around another
    that was not stopped.
    """
    try:
        ask("http://refused:1/")
    except OSError:
        work(1)
    profiler.start("driver", info={"function": {"name": "nova.virt.fake.FakeDriver.spawn"}})
    work(3)
    start_response("200 OK", [])
    return []


def show(environ, start_response):
    query(show.engine, "SELECT host FROM instances WHERE host = 'a secret'")
    start_response("200 OK", [])
    return [b"{}"]


# -- the others ---------------------------------------------------------------------------------------


def tokens(environ, start_response):
    work(0.15)
    query(tokens.engine, "SELECT host FROM instances")
    query(tokens.engine, "SELECT id FROM instances")
    start_response("201 Created", [])
    return [b"{}"]


@profiler.trace_cls("rpc", hide_args=True)
class ComputeManager:
    """Serves messages of nova-api."""

    def get_console(self):
        work(3.125)

    def build(self):
        work(2)
        self.driver.spawn("vm-1")
        work(40)

    @staticmethod
    def power_on():
        """Is never heard of again."""
        profiler.start("driver", info={"function": {"name": "nova.virt.fake.FakeDriver.power_on"}})
        work(5)


class Driver(metaclass=profiler.TracedMeta):
    __trace_args__ = {"name": "driver"}

    def __repr__(self) -> str:
        return "<Driver>"

    def spawn(self, instance):
        work(20.5)
        self._private()

    def _private(self):
        work(1)


def dispatch(manager, message) -> None:
    profiler.init(KEY, **message["trace"])
    try:
        getattr(manager, message["method"])()
    finally:
        profiler.clean()


# -- processes ----------------------------------------------------------------------------------------

REQUESTS = {
    "boot": ("POST", "/v2.1/servers", "", boot),
    "fail": ("GET", "/v2.1/servers/1/action", "x=y", fail),
    "show": ("GET", "/v2.1/servers/detail", "limit=2&sort_key=name", show),
    "tokens": ("POST", "/v3/auth/tokens", "nocatalog", tokens),
}


def main(service: str, file: str, todo: str, sent: str) -> None:
    """Be a service until all is done.

    Args:
        service: a key of :data:`SERVICES`.
        file: its configuration.
        todo: a file with what to do: a list of ``{"at": ns, "request": name, "headers": {}}`` and messages.
        sent: the file for :data:`outbox`.
    """
    world.service = service
    conf = cfg.ConfigOpts()
    opts.set_defaults(conf)
    conf([], project="workload", default_config_files=[file], default_config_dirs=[])
    project, name, host, _machine = SERVICES[service]
    initializer.init_from_conf(conf, context={}, project=project, service=name, host=host)
    if "otel_bridge.tracing.tracer" in sys.modules:
        sys.modules["otel_bridge.tracing.tracer"].random_bits = world.new_bits
    boot.engine = show.engine = database("db")
    tokens.engine = database("keystone.db")
    manager = ComputeManager()
    manager.driver = Driver()
    with open(todo) as given:
        units = json.load(given)
    for one in units:
        world.now_ns = one["at"]
        if "headers" in one:
            method, path, text, application = REQUESTS[one.get("request", "tokens")]
            serve(application, method, path, text, one["headers"])
        else:
            dispatch(manager, one)
    with open(sent, "w") as taken:
        json.dump(outbox, taken)
