"""runtime.py: the process's own pipeline, from configuration to shutdown."""

import logging
import os
import subprocess
import sys
import textwrap
import threading

import pytest
from adopting import receiving
from opentelemetry import trace as api
from oslo_config import cfg
from speaking import signed_environ, signed_headers

import otel_bridge
from otel_bridge import gate, opts, profiler, propagator, runtime, web
from otel_bridge.instrumentation import entry_points
from otel_bridge.tracing import propagation
from otel_bridge.wire import signing
from otel_bridge.wire.signing import Key, TraceInfo

BASE = "0af76519-16cd-43dd-8448-eb211c80319c"


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server


def resources(receiver):
    """The attributes of each span's resource."""
    return [
        {a.key: a.value for a in group.resource.attributes}
        for group in receiver.groups
        for scope in group.scope_spans
        for _ in scope.spans
    ]


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    yield
    otel_bridge.shutdown()


def conf_with(**options):
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf([], project="test", default_config_files=[])
    conf.set_override("enabled", True, "profiler")
    conf.set_override("hmac_keys", "key", "profiler")
    conf.set_override("flush_on_sigterm", False, "otel_bridge")
    conf.set_override("instrument", [], "otel_bridge")
    for name, value in options.items():
        conf.set_override(name, value, "otel_bridge")
    return conf


def serve_signed(app=None):
    """One signed request through the middleware as paste builds it, on the process's own pipeline."""

    def hello(environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", **signed_environ(BASE)}
    web.WsgiMiddleware.factory({})(app or hello)(environ, lambda *args: None)


def test_a_signed_request_arrives_with_the_services_resource(receiver):
    handle = otel_bridge.setup(
        conf_with(endpoint=receiver.url), project="nova", service="compute", host="cmp1"
    )
    serve_signed()
    assert handle.tracer_provider.force_flush()
    assert receiver.named() == ["GET /"]
    (resource,) = resources(receiver)
    assert resource["service.name"].string_value == "nova-compute"
    assert resource["host.name"].string_value == "cmp1"
    assert resource["process.pid"].int_value == os.getpid()
    assert otel_bridge.stats() == runtime.Stats(
        made=1, exported=1, waiting=0, dropped={}, unverified=gate.refused.value()
    )


def test_a_second_setup_changes_nothing(receiver):
    first = otel_bridge.setup(conf_with(endpoint=receiver.url))
    assert otel_bridge.setup(conf_with(endpoint="http://127.0.0.1:1")) is first


def test_a_provider_taken_before_setup_follows_it(receiver):
    early = otel_bridge.get_tracer_provider()
    otel_bridge.setup(conf_with(endpoint=receiver.url))
    assert otel_bridge.get_tracer_provider() is early
    serve_signed()
    early.force_flush()
    assert len(receiver.spans) == 1


def test_the_environment_alone_will_do(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    provider = otel_bridge.get_tracer_provider()
    gate.enable(signing.KeyRing.parse("key"))
    serve_signed()
    provider.force_flush()
    (resource,) = resources(receiver)
    assert resource["service.name"].string_value == "mine"


def test_opentelemetrys_globals_are_left_alone(receiver):
    before = api._TRACER_PROVIDER
    otel_bridge.setup(conf_with(endpoint=receiver.url))
    assert api._TRACER_PROVIDER is before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("endpoint", "ftp://x"),
        ("endpoint", "http://"),
        ("certificate", "/nowhere/ca.pem"),
        ("certificate", __file__),
    ],
)
def test_a_bad_option_is_named_at_start_and_the_service_runs_untraced(caplog, option, value):
    otel_bridge.setup(conf_with(**{"endpoint": "https://127.0.0.1:9", option: value}))
    assert any(f"[otel_bridge] {option}" in record.getMessage() for record in caplog.records)
    serve_signed()
    assert otel_bridge.stats().made == 0


def test_enabled_without_a_key_is_said_and_untraced(caplog):
    conf = conf_with(endpoint="http://127.0.0.1:9")
    conf.set_override("hmac_keys", "", "profiler")
    otel_bridge.setup(conf)
    assert any("[profiler] hmac_keys" in record.getMessage() for record in caplog.records)
    serve_signed()
    assert otel_bridge.stats().made == 0


def test_disabled_means_untraced(receiver):
    conf = conf_with(endpoint=receiver.url)
    conf.set_override("enabled", False, "profiler")
    otel_bridge.setup(conf)
    serve_signed()
    assert otel_bridge.stats().made == 0


def test_a_collector_that_is_down_costs_spans_that_are_counted(caplog):
    handle = otel_bridge.setup(conf_with(endpoint="http://127.0.0.1:9", timeout=0.2))
    serve_signed()
    handle.tracer_provider.force_flush()
    stats = otel_bridge.stats()
    assert (stats.made, stats.exported, dict(stats.dropped)) == (1, 0, {"unreachable": 1})
    serve_signed()
    assert any("127.0.0.1:9" in record.getMessage() for record in caplog.records)


def attributes(receiver):
    return [
        {a.key: a.value.string_value or a.value.int_value for a in span.attributes} for span in receiver.spans
    ]


def test_what_shall_be_captured_and_hidden_holds_from_setup_to_shutdown(receiver):
    early = otel_bridge.get_tracer_provider().get_tracer("mine")

    @profiler.trace("driver", hide_result=False)
    def work(customer_id, flavor):
        with early.start_as_current_span("inner", attributes={"customer.id": "c4711"}):
            return {"customerId": "c4711"}

    def app(environ, start_response):
        start_response("200 OK", [])
        work("c4711", "tiny")
        return [b"ok"]

    for wanted in (True, False):
        receiver.requests.clear()
        options = (
            {"capture_args": True, "capture_thread": True, "redact_keys": ["customer_id"]} if wanted else {}
        )
        handle = otel_bridge.setup(conf_with(endpoint=receiver.url, **options))
        serve_signed(app)
        assert handle.tracer_provider.force_flush()
        inner, driver, request = attributes(receiver)
        for span in (inner, driver, request):
            found = {key: span.get(key) for key in ("thread.id", "thread.name")}
            here = {"thread.id": threading.get_native_id(), "thread.name": threading.current_thread().name}
            assert found == (here if wanted else dict.fromkeys(here))
        assert driver.get("osprofiler.function.args") == (
            "(customer_id=REDACTED, flavor='tiny')" if wanted else None
        )
        assert driver.get("osprofiler.function.result") == ("{'customerId': REDACTED}" if wanted else None)
        assert (inner["customer.id"] == "c4711") is not wanted
        otel_bridge.shutdown()


STEPS = [
    (runtime.config, "from_conf"),
    (runtime, "_report"),
    (runtime.building, "build"),
    (runtime.building.propagator, "restrict"),
    (runtime.exits, "install"),
    (runtime.gate, "look_after"),
    (runtime.global_tracing, "install"),
    (runtime.loading, "arm"),
    (runtime, "_flush_on_sigterm"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_whatever_goes_wrong_the_service_starts_untraced_and_setup_may_be_called_again(
    receiver, monkeypatch, caplog, owner, name
):
    leave = os._exit
    conf = conf_with(endpoint=receiver.url, sampling_ratio=1.0, set_global=True, instrument=["logs"])
    conf.set_override("flush_on_sigterm", True, "otel_bridge")

    def broken(*args, **kwargs):
        raise RuntimeError("s3cr3t")

    monkeypatch.setattr(api, "set_tracer_provider", lambda provider: None)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        handle = otel_bridge.setup(conf, project="p")
    assert ["could not be set up" in message for message in caplog.messages] == [True]
    assert "s3cr3t" not in caplog.text
    assert not handle.settings.gate.enabled
    assert (os._exit, gate.is_undecided()) == (leave, False)
    assert not is_traced("key")
    assert not is_traced()
    assert not hasattr(logging.makeLogRecord({}), "trace_id")
    assert (handle.stats().made, otel_bridge.stats().made) == (0, 0)
    assert runtime.current() is None

    again = otel_bridge.setup(conf, project="p")
    assert runtime.current() is again is not handle
    serve_signed()
    assert again.tracer_provider.force_flush()
    assert len(receiver.spans) == 1


def test_a_policy_that_cannot_be_rendered_is_ignored_and_the_service_traced(tmp_path, caplog):
    """A $ in a value has to be written $$; what oslo.config raises for it does not reach the service."""
    conf = conf_from(tmp_path / "conf", "sampling_rules = /a$b = 1")
    otel_bridge.setup(conf)
    assert ["sampling_rules" in message for message in caplog.messages] == [True]
    assert is_traced("key")


def test_after_shutdown_nothing_is_traced_and_setup_may_begin_anew(receiver):
    otel_bridge.setup(conf_with(endpoint=receiver.url))
    otel_bridge.shutdown()
    assert otel_bridge.stats().made == 0
    otel_bridge.setup(conf_with(endpoint=receiver.url))
    serve_signed()
    otel_bridge.get_tracer_provider().force_flush()
    assert len(receiver.spans) == 1


def test_a_handle_that_is_shut_down_is_no_longer_the_processs(receiver):
    leave = os._exit
    first = otel_bridge.setup(conf_with(endpoint=receiver.url))
    first.shutdown()
    assert os._exit is leave
    second = otel_bridge.setup(conf_with(endpoint=receiver.url))
    assert second is not first
    first.shutdown()  # it has been; the provider is the second one's now
    serve_signed()
    second.tracer_provider.force_flush()
    assert len(receiver.spans) == 1


PROGRAM = """
import os, signal, sys, time
import otel_bridge
from otel_bridge import web
from otel_bridge.wire import signing
from otel_bridge.wire.signing import Key
otel_bridge.setup(project="p", service="s")
def serve():
    base_id = "0af76519-16cd-43dd-8448-eb211c80319c"
    info, mac = signing.pack(base_id, base_id, Key("key"))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_TRACE_INFO": info, "HTTP_X_TRACE_HMAC": mac}
    def hello(environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]
    web.WsgiMiddleware(hello)(environ, lambda *args: None)
"""


def run(receiver, program):
    environ = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_BRIDGE_HMAC_KEYS": "key",
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM) + program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("program", "code", "spans"),
    [
        ("serve()", 0, 1),
        ("serve(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -15, 1),
        (
            "signal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\nserve()\n"
            "os.kill(os.getpid(), 15); time.sleep(30)",
            7,
            1,
        ),
        ("serve()\nif os.fork() == 0: serve()\nelse: os.wait()", 0, 2),
        ("if os.fork() == 0: serve()\nelse: os.wait(); serve()", 0, 2),
    ],
    ids=["exit", "SIGTERM", "SIGTERM with a handler", "fork after a span", "fork before a span"],
)
def test_no_span_is_lost_at_exit(receiver, program, code, spans):
    done = run(receiver, program)
    assert (done.returncode, done.stderr) == (code, "")
    assert len(receiver.spans) == spans


def test_each_forked_process_is_an_instance_of_its_own(receiver):
    run(receiver, "serve()\nif os.fork() == 0: serve()\nelse: os.wait()")
    instances = {resource["service.instance.id"].string_value for resource in resources(receiver)}
    pids = {resource["process.pid"].int_value for resource in resources(receiver)}
    assert (len(instances), len(pids)) == (2, 2)


def test_the_import_is_light_and_brings_no_optional_dependency():
    program = (
        "import sys, otel_bridge\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules), 'heavy'\n"
        "import otel_bridge.web, otel_bridge.profiler, otel_bridge.runtime\n"
        "for name in ('osprofiler', 'oslo_messaging', 'sqlalchemy', 'grpc', 'webob', 'google.protobuf'):\n"
        "    assert name not in sys.modules, name\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


SUB_INTERPRETER = """
try:
    import _interpreters
    made, run = _interpreters.create("legacy"), _interpreters.exec
except ImportError:
    import _xxsubinterpreters
    made, run = _xxsubinterpreters.create(), _xxsubinterpreters.run_string
run(made, '''
import otel_bridge, sys
print(otel_bridge.setup().settings.gate.enabled)
sys.stdout.flush()
''')
"""


def test_where_no_signal_can_be_handled_the_service_is_traced_all_the_same():
    """In a sub-interpreter, whose first thread is a main thread to threading and none to signal."""
    environ = {**os.environ, "OTEL_BRIDGE_HMAC_KEYS": "key", "OTEL_TRACES_EXPORTER": "none"}
    command = [sys.executable, "-c", SUB_INTERPRETER]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


INSTRUMENTED = """
import sys
import otel_bridge
otel_bridge.setup()
assert "oslo_messaging" not in sys.modules and "sqlalchemy" not in sys.modules
import sqlalchemy
engine = sqlalchemy.create_engine("sqlite://")
assert "_otel_bridge_statements" in vars(engine.dialect)
otel_bridge.shutdown()
assert "_otel_bridge_statements" not in vars(engine.dialect)
"""


def test_a_library_is_instrumented_when_the_service_imports_it_and_not_before():
    environ = {**os.environ, "OTEL_BRIDGE_HMAC_KEYS": "key", "OTEL_TRACES_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", INSTRUMENTED], env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_middleware_made_before_a_second_setup_follows_it(monkeypatch):
    """shutdown() and setup() again: who holds a tracer of the first goes on with the second."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    first = runtime.get_tracer_provider().get_tracer("test")
    runtime.shutdown()
    try:
        second = runtime.get_tracer_provider()
        assert first.provider is second
        span = first.entry(TraceInfo(5, 0, Key("key")), "x", api.SpanKind.SERVER, {})
        span.end()
        assert second.force_flush(5000)
        assert runtime.stats().dropped == {"no_exporter": 1}
    finally:
        runtime.shutdown()


@pytest.fixture
def private_conf():
    """A ConfigOpts of a service's own with OSProfiler's options on it, as placement has."""
    theirs = pytest.importorskip("osprofiler.opts")
    conf = cfg.ConfigOpts()
    theirs.set_defaults(conf, enabled=True, hmac_keys="key", connection_string="otel:")
    conf([], project="placement", default_config_files=[])
    yield conf
    for name in conf.profiler:  # osprofiler's group shares its defaults with every other ConfigOpts
        conf.clear_default(name, group="profiler")


def test_a_connection_string_is_enough_for_a_private_configuration(receiver, private_conf):
    """The options are registered on the ConfigOpts that is given, and on no other."""
    address = f"otel://{receiver.netloc}?store=sqlite:x"
    handle = otel_bridge.setup(private_conf, project="placement", service="placement", connection=address)
    serve_signed()
    handle.tracer_provider.force_flush()
    (resource,) = resources(receiver)
    assert resource["service.name"].string_value == "placement"
    assert (handle.settings.store, handle.settings.instrument) == ("sqlite:x", ())
    assert "otel_bridge" in private_conf
    assert "otel_bridge" not in cfg.CONF


def test_without_a_configuration_the_keys_come_later(receiver, caplog):
    """A service that tells osprofiler.web.enable() its keys gets a pipeline now, and no complaint."""
    handle = otel_bridge.setup(None, connection=f"otel://{receiver.netloc}")
    serve_signed()
    assert otel_bridge.stats().made == 0
    web.enable("key")
    serve_signed()
    handle.tracer_provider.force_flush()
    assert len(receiver.spans) == 1
    assert caplog.records == []


@pytest.mark.parametrize("with_conf", [True, False])
def test_a_bad_connection_string_is_one_error_and_an_untraced_service(caplog, with_conf):
    """It is named as it stands in the file, without what is secret in it."""
    conf = conf_with() if with_conf else None
    handle = otel_bridge.setup(conf, connection="otel://me:s3cr3t@collector:port")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("[profiler] connection_string: ")
    assert "s3cr3t" not in caplog.text
    assert not handle.settings.gate.enabled
    serve_signed()
    assert otel_bridge.stats().made == 0


def test_a_client_has_a_handle_of_the_environment_and_the_gate_as_it_was(receiver, monkeypatch, caplog):
    """It needs no key of its own, and its end does not wait for long."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    handle = runtime.for_client("openstackclient", 1.5)
    assert handle.settings.resource["service.name"] == "openstackclient"
    assert handle.settings.queue.exit_timeout == 1.5
    assert gate.key_for("any key") is not None
    assert runtime.for_client("other", 9) is handle
    assert runtime.get_tracer_provider() is handle.tracer_provider
    assert caplog.records == []


# -- what may change while the service runs ---------------------------------------------------------------


def is_traced(key=None):
    """Whether a request, signed with ``key`` if there is one, is traced, and what it would send on."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    if key is not None:
        environ |= signed_environ(BASE, key=key)
    sent = []

    def application(environ, start_response):
        sent.append(web.get_trace_id_headers())
        return []

    web.WsgiMiddleware.factory({})(application)(environ, lambda *args: None)
    return sent[0]


def conf_from(path, text):
    path.write_text(f"[profiler]\nenabled = true\nhmac_keys = key\n[otel_bridge]\n{ALONE}{text}\n")
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf(["--config-file", str(path)], project="test", default_config_files=[], default_config_dirs=[])
    return conf


ALONE = "instrument =\nflush_on_sigterm = false\nprotocol = none\n"


@pytest.fixture
def looks_at_once(monkeypatch):
    monkeypatch.setattr(gate, "LOOK_INTERVAL", 0.0)


def test_the_policy_is_in_force_from_setup_to_shutdown():
    assert not is_traced()
    otel_bridge.setup(conf_with(protocol="none", sampling_ratio=1.0))
    assert is_traced()
    otel_bridge.shutdown()
    assert not is_traced()
    assert gate.unsigned == []


def test_a_service_that_is_not_enabled_has_no_policy():
    conf = conf_with(protocol="none", sampling_ratio=1.0)
    conf.set_override("enabled", False, "profiler")
    otel_bridge.setup(conf)
    assert not is_traced()


def test_rules_are_for_services_by_their_names_in_traces():
    rules = ["glance: / = 1", "nova-compute: / = 1"]
    otel_bridge.setup(conf_with(protocol="none", sampling_rules=rules), project="nova", service="compute")
    assert [len(policy.rules) for policy in gate.unsigned] == [1]
    assert is_traced()


def test_oslo_configs_mutation_changes_the_policy(tmp_path):
    conf = conf_from(tmp_path / "conf", "")
    otel_bridge.setup(conf)
    assert not is_traced()
    conf_from(tmp_path / "conf", "sampling_ratio = 1")
    conf.mutate_config_files()
    assert is_traced()
    otel_bridge.shutdown()
    conf_from(tmp_path / "conf", "sampling_ratio = 0.5")
    conf.mutate_config_files()
    assert gate.unsigned == []


@pytest.mark.parametrize("has_hook", [False, True])
def test_a_changed_file_changes_the_policy_where_nobody_mutates(tmp_path, looks_at_once, has_hook):
    """A mutate hook of others is no sign of it: oslo.log has one in services that nobody sends SIGHUP."""
    conf = conf_from(tmp_path / "conf", "sampling_ratio = 0")
    if has_hook:
        conf.register_mutate_hook(lambda conf, fresh: None)
    otel_bridge.setup(conf)
    assert not is_traced()
    conf_from(tmp_path / "conf", "sampling_ratio = 1")
    assert is_traced()


def test_a_policy_where_there_was_none_is_noticed_at_a_signed_request(tmp_path, looks_at_once):
    otel_bridge.setup(conf_from(tmp_path / "conf", ""))
    conf_from(tmp_path / "conf", "sampling_ratio = 1")
    assert not is_traced()
    assert is_traced("key")
    assert is_traced()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_changed_file_of_keys_changes_the_keys(tmp_path, looks_at_once, monkeypatch, by):
    path = tmp_path / "keys"
    path.write_text("old")
    if by == "option":
        otel_bridge.setup(conf_with(protocol="none", hmac_keys_file=str(path)))
    else:
        monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS_FILE", str(path))
        monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
        otel_bridge.setup()
    assert [bool(is_traced(key)) for key in ("old", "new", "key")] == [True, False, True]
    path.write_text("new")
    assert [bool(is_traced(key)) for key in ("old", "new", "key")] == [False, True, True]


def test_a_window_is_asked_for_and_given():
    otel_bridge.setup(conf_with(protocol="none", freshness_window=60, sampling_ratio=1.0))
    assert not is_traced("key")
    assert "X-Trace-Freshness" in is_traced()
    otel_bridge.shutdown()
    otel_bridge.setup(conf_with(protocol="none", sampling_ratio=1.0))
    assert "X-Trace-Freshness" not in is_traced("key")


def test_shutdown_forgets_what_the_environment_said_all_at_once(monkeypatch):
    """Its keys do not count without its hosts and its freshness."""
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setenv("OTEL_BRIDGE_PROPAGATE_TO", "good.example")
    monkeypatch.setenv("OTEL_BRIDGE_FRESHNESS", "1")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert propagator.environment_keys()
    tracer = runtime.get_tracer_provider().get_tracer("test")
    runtime.shutdown()
    context = propagator.GatedPropagator().extract(signed_headers(BASE))
    to_bad = tracer.start_span("GET", context, api.SpanKind.CLIENT, {"url.full": "http://bad.example/"})
    assert to_bad.is_recording()
    carrier = {}
    propagator.GatedPropagator().inject(carrier, api.set_span_in_context(to_bad, context))
    assert carrier == {}


def test_a_client_is_told_by_the_environment_to_be_fresh(monkeypatch):
    monkeypatch.setenv("OTEL_BRIDGE_FRESHNESS", "1")
    runtime.for_client("client", 1.0)
    info = TraceInfo(5, 0, Key("key"))
    above = api.SpanContext(5, 7, False)
    assert "X-Trace-Freshness" in propagation.headers(above, info)


def test_a_service_without_keys_has_a_policy_and_no_other_way_in():
    conf = conf_with(protocol="none", sampling_ratio=1.0)
    conf.set_override("hmac_keys", "", "profiler")
    otel_bridge.setup(conf)
    assert set(is_traced()) == {"traceparent"}
    assert not is_traced("any")
    profiler.init("any")
    assert profiler.get() is None


def test_an_unknown_library_leaves_the_service_untraced(caplog):
    otel_bridge.setup(conf_with(protocol="none", instrument=["redis"]))
    assert not is_traced("key")
    assert "known are: messaging" in caplog.text


def test_what_an_entry_point_has_armed_ends_with_the_handle(monkeypatch):
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    handle = runtime.for_distro()
    instrumentor = entry_points.LogsInstrumentor()
    instrumentor.instrument()
    try:
        assert hasattr(logging.makeLogRecord({}), "trace_id")
        handle.shutdown()
        assert not hasattr(logging.makeLogRecord({}), "trace_id")
    finally:
        instrumentor.uninstrument()


def test_a_service_whose_options_the_distro_has_forestalled_is_told(receiver, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    handle = runtime.for_distro()
    assert otel_bridge.setup() is handle
    assert caplog.messages == []
    assert otel_bridge.setup(cfg.ConfigOpts()) is handle
    assert ["are not read" in message for message in caplog.messages] == [True]
