"""Settings as a whole: precedence, what is wrong with a value, and that no secret is ever shown."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from otel_bridge import config, opts
from otel_bridge.settings import INSTRUMENTATIONS, CaptureSettings, Settings
from otel_bridge.wire.signing import Key

# WebOb, which osprofiler imports
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")

ON = "[profiler]\nenabled = true\nhmac_keys = a key\n"
CHOSEN = "[profiler]\nconnection_string = "
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Settings from the text of a configuration file and environment variables."""

    def read(text: str = "", **environ: str) -> Settings:
        path = tmp_path / "service.conf"
        path.write_text(text)
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[str(path)], default_config_dirs=[])
        return config.from_conf(conf, environ, project="nova", service="compute", host="cmp1")

    return read


def lines(settings: Settings) -> list[str]:
    return [str(problem) for problem in settings.problems]


def test_defaults(read):
    """With nothing set the defaults are in force, the gate is shut, and nothing is reported."""
    found = read()
    assert found.export == config.ExportSettings()
    assert found.queue == config.QueueSettings()
    assert found.limits == config.LimitSettings()
    assert found.gate.enabled is False
    assert found.instrument == INSTRUMENTATIONS
    assert found.flush_on_sigterm is True
    assert found.set_global is False
    assert found.capture == CaptureSettings(args=False, thread=False)
    assert found.redact_keys == ()
    assert found.propagate_to is None
    assert found.store is None
    assert found.problems == ()


def test_settings_are_frozen():
    """Nobody changes what others have read."""
    found = config.from_environ({})
    for part, name in [(found, "store"), (found.export, "timeout"), (found.gate, "enabled")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, 1)
    with pytest.raises(TypeError):
        found.resource["service.name"] = "other"
    with pytest.raises(TypeError):
        found.export.headers["a"] = "b"


# Option, its text in a file, the value, and the variable that says something else.
BOTH = [
    (
        "endpoint",
        "http://h:1",
        "export.endpoint",
        "http://h:1/v1/traces",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://e:1",
    ),
    (
        "endpoint",
        "http://h:1/x",
        "export.endpoint",
        "http://h:1/x",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://e",
    ),
    ("protocol", "console", "export.protocol", "console", "OTEL_TRACES_EXPORTER", "none"),
    ("protocol", "HTTP/protobuf", "export.protocol", "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ("headers", "A=b%20c", "export.headers", {"a": "b c"}, "OTEL_EXPORTER_OTLP_HEADERS", "x=y"),
    ("timeout", "2.5", "export.timeout", 2.5, "OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
    ("compression", "Auto", "export.compression", "auto", "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("max_queue_size", "10", "queue.max_queue_size", 10, "OTEL_BSP_MAX_QUEUE_SIZE", "11"),
    ("max_export_batch_size", "5", "queue.max_export_batch_size", 5, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "6"),
    ("schedule_delay", "1.5", "queue.schedule_delay", 1.5, "OTEL_BSP_SCHEDULE_DELAY", "50"),
    ("exit_timeout", "0", "queue.exit_timeout", 0.0, None, None),
    ("max_spans_per_trace", "7", "limits.max_spans_per_trace", 7, None, None),
    ("attribute_count_limit", "1", "limits.attribute_count", 1, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2"),
    ("attribute_length_limit", "3", "limits.attribute_length", 3, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4"),
    ("event_count_limit", "0", "limits.event_count", 0, "OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
    ("link_count_limit", "6", "limits.link_count", 6, "OTEL_SPAN_LINK_COUNT_LIMIT", "2"),
    ("flush_on_sigterm", "no", "flush_on_sigterm", False, None, None),
    ("set_global", "yes", "set_global", True, None, None),
    ("store", "sqlite:/a", "store", "sqlite:/a", None, None),
    ("instrument", "sqlalchemy, Messaging", "instrument", ("messaging", "sqlalchemy"), None, None),
    ("instrument", "", "instrument", (), None, None),
    ("capture_args", "true", "capture.args", True, None, None),
    ("capture_thread", "yes", "capture.thread", True, None, None),
    ("capture_sql_parameters", "yes", "capture.sql_parameters", True, None, None),
    ("capture_row_counts", "yes", "capture.row_counts", True, None, None),
    ("redact_keys", "customer_id, IBAN,", "redact_keys", ("customer_id", "IBAN"), None, None),
    (
        "propagate_to",
        ".a.b, 10.0.0.0/8",
        "propagate_to",
        (".a.b", "10.0.0.0/8"),
        "OTEL_BRIDGE_PROPAGATE_TO",
        "c",
    ),
    ("propagate_to", "", "propagate_to", (), "OTEL_BRIDGE_PROPAGATE_TO", "c"),
]


def test_the_variable_for_the_store_wins_over_the_option(read):
    """As for the otel-bridge command: the variable is set by who reads, the option once for everybody."""
    text = "[otel_bridge]\nstore = sqlite:/a\n"
    assert read(text, OTEL_BRIDGE_STORE="sqlite:/b").store == "sqlite:/b"


def test_a_name_to_hide_that_could_never_match_is_named(read):
    """A name is compared by its words; one without any would hide nothing, which nobody may believe."""
    found = read("[otel_bridge]\nredact_keys = customer_id, -, пароль\n")
    assert found.redact_keys == ("customer_id",)
    (line,) = lines(found)
    assert line.startswith("[otel_bridge] redact_keys: ")
    assert line.endswith("has no letter or digit of ASCII, so it is ignored")


@pytest.mark.parametrize("origin", ["[otel_bridge] propagate_to", "OTEL_BRIDGE_PROPAGATE_TO"])
def test_a_host_that_is_none_is_named_and_gets_nothing(read, origin):
    """What was mistyped must not end as "everywhere"."""
    if origin.startswith("["):
        found = read("[otel_bridge]\npropagate_to = http://keystone:5000\n")
    else:
        found = read(OTEL_BRIDGE_PROPAGATE_TO="http://keystone:5000")
    assert found.propagate_to == ()
    (line,) = lines(found)
    assert line.startswith(f"{origin}: 'http://keystone:5000' is no host name")


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("[otel_bridge]\npropagate_to = $nothing\n", {}),
        ("[otel_bridge]\npropagate_to = $nothing\n", {"OTEL_BRIDGE_PROPAGATE_TO": "a"}),
        ("", {"OTEL_BRIDGE_PROPAGATE_TO": "\udcff"}),
    ],
)
def test_hosts_that_cannot_be_read_are_nowhere(read, text, environ):
    found = read(text, **environ)
    assert found.propagate_to == ()
    assert len(lines(found)) == 1


def value(settings: Settings, path: str) -> object:
    found: object = settings
    for name in path.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize(("option", "text", "path", "expected", "variable", "other"), BOTH)
def test_an_option_wins_over_the_environment(read, option, text, path, expected, variable, other):
    """What was set in oslo.config is in force whatever the environment says."""
    environ = {} if variable is None else {variable: other}
    found = read(f"[otel_bridge]\n{option} = {text}\n", **environ)
    assert value(found, path) == expected
    assert lines(found) == []


ENVIRONMENT = [
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": " http://h:1/a "}, "export.endpoint", "http://h:1/a/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1"}, "export.endpoint", "http://h:1/"),
    (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/c"},
        "export.endpoint",
        "http://b/c",
    ),
    ({"OTEL_EXPORTER_OTLP_HEADERS": "a=b,c=d%2C"}, "export.headers", {"a": "b", "c": "d,"}),
    (
        {"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "c=d"},
        "export.headers",
        {"c": "d"},
    ),
    ({"OTEL_EXPORTER_OTLP_TIMEOUT": "1500"}, "export.timeout", 1.5),
    (
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "1500", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500"},
        "export.timeout",
        0.5,
    ),
    ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, "export.timeout", 2147483.647),
    ({"OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP"}, "export.compression", "gzip"),
    ({"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none"}, "export.compression", "none"),
    ({"OTEL_TRACES_EXPORTER": "console"}, "export.protocol", "console"),
    ({"OTEL_TRACES_EXPORTER": "None"}, "export.protocol", "none"),
    ({"OTEL_TRACES_EXPORTER": "otlp"}, "export.protocol", "http/protobuf"),
    ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "export.protocol", "grpc"),
    ({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"}, "export.protocol", "grpc"),
    ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "export.protocol", "grpc"),
    ({"OTEL_EXPORTER_OTLP_PROTOCOL": ""}, "export.protocol", "http/protobuf"),
    ({"OTEL_BSP_SCHEDULE_DELAY": "250"}, "queue.schedule_delay", 0.25),
    ({"OTEL_BSP_SCHEDULE_DELAY": "0"}, "queue.schedule_delay", 0.01),
    ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, "queue.max_queue_size", 100),
    ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, "queue.max_export_batch_size", 100),
    ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2147483647"}, "queue.max_export_batch_size", 32768),
    ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "5"}, "limits.attribute_count", 5),
    (
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "6"},
        "limits.attribute_count",
        6,
    ),
    ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7"}, "limits.attribute_length", 7),
    ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8"}, "limits.attribute_length", 8),
    ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}, "limits.event_count", 0),
    ({"OTEL_SPAN_LINK_COUNT_LIMIT": "9"}, "limits.link_count", 9),
    ({"OTEL_BRIDGE_STORE": "sqlite:/a"}, "store", "sqlite:/a"),
]


@pytest.mark.parametrize(("environ", "path", "expected"), ENVIRONMENT)
def test_the_environment_is_read_as_specified(read, environ, path, expected):
    """Alone and beside an oslo.config that sets nothing; blanks and empty values do not count."""
    for found in (config.from_environ({"OTEL_BRIDGE_HMAC_KEYS": "key", **environ}), read("", **environ)):
        assert value(found, path) == expected
        assert lines(found) == []


IGNORED = [
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "export.timeout"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "export.timeout"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "2147483648", "export.timeout"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate", "export.compression"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "export.protocol"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "1", "export.protocol"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "export.protocol"),
    ("OTEL_TRACES_EXPORTER", "otlp,console", "export.protocol"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "nonsense", "export.headers"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "queue.max_queue_size"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "1_000", "queue.max_queue_size"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "9" * 5000, "queue.max_queue_size"),
    ("OTEL_BSP_SCHEDULE_DELAY", "0.5", "queue.schedule_delay"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "limits.attribute_count"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "\u0663", "limits.link_count"),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c", "limits.link_count"),
    ("OTEL_SERVICE_NAME", "\udcff", "limits.link_count"),
    ("OTEL_BRIDGE_STORE", "\udcff", "store"),
]


@pytest.mark.parametrize(("name", "text", "path"), IGNORED)
def test_a_variable_of_no_use_is_reported_and_ignored(name, text, path):
    """The default stays in force, and one line names the variable."""
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS": "key", name: text})
    assert value(found, path) == value(config.from_environ({}), path)
    assert [problem.option for problem in found.problems] == [name]
    assert not found.problems[0].fatal
    assert lines(found)[0].startswith(f"{name}: ")
    assert lines(found)[0].isprintable()
    assert len(lines(found)[0]) < 400
    assert found.gate.enabled


def test_a_bad_specific_variable_leaves_the_general_one():
    """To be ignored means as if it were not set."""
    found = config.from_environ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x", "OTEL_ATTRIBUTE_COUNT_LIMIT": "5"})
    assert found.limits.attribute_count == 5


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("timeout", "soon", "soon"),
        ("timeout", "nan", "no number of seconds"),
        ("timeout", "0", "0.1"),
        ("max_queue_size", "-5", "1"),
        ("compression", "deflate", "auto, gzip, none"),
        ("flush_on_sigterm", "perhaps", "perhaps"),
        ("hmac_algorithm", "md5", "sha1, sha256"),
        ("resource_attributes", "a=%zz", "entry 1"),
        ("headers", "nonsense", "entry 1"),
        ("service_name", "$nothing", "nothing"),
    ],
)
def test_an_option_of_no_use_is_reported_and_ignored(read, option, text, says):
    """Tracing goes on with the default, and one line names the option and what it may be."""
    found = read(f"{ON}[otel_bridge]\n{option} = {text}\n")
    assert [problem.option for problem in found.problems] == [f"[otel_bridge] {option}"]
    assert says in found.problems[0].message
    assert not found.problems[0].fatal
    assert found.gate.enabled
    assert found.limits == config.LimitSettings()
    assert found.export == config.ExportSettings()


def test_an_option_of_no_use_leaves_the_environment(read):
    """An ignored option counts as not set."""
    found = read("[otel_bridge]\ntimeout = soon\n", OTEL_EXPORTER_OTLP_TIMEOUT="2000")
    assert found.export.timeout == 2.0


def test_an_empty_option_counts_as_not_set(read):
    """As an empty variable does."""
    found = read("[otel_bridge]\nservice_name =\nendpoint =\n", OTEL_SERVICE_NAME="mine")
    assert found.resource["service.name"] == "mine"
    assert found.export.endpoint == "http://localhost:4318/v1/traces"
    assert lines(found) == []


@pytest.mark.parametrize(
    ("text", "environ", "name", "expected"),
    [
        ("", {}, "service.name", "nova-compute"),
        ("", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a"}, "service.name", "a"),
        ("", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"}, "service.name", "b"),
        ("resource_attributes = service.name=c", {"OTEL_SERVICE_NAME": "b"}, "service.name", "c"),
        ("service_name = d\nresource_attributes = service.name=c", {}, "service.name", "d"),
        ("", {"OTEL_RESOURCE_ATTRIBUTES": "service.namespace=n"}, "service.namespace", "n"),
        ("", {"OTEL_RESOURCE_ATTRIBUTES": "a=%2C"}, "a", ","),
        ("resource_attributes = x=1", {"OTEL_RESOURCE_ATTRIBUTES": "x=2,y=3"}, "y", "3"),
        ("deployment_environment = prod", {}, "deployment.environment.name", "prod"),
        (
            "deployment_environment = prod",
            {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"},
            "deployment.environment.name",
            "prod",
        ),
        ("", {}, "host.name", "cmp1"),
    ],
)
def test_resource(read, text, environ, name, expected):
    """Options over variables over what is known of the service."""
    found = read(f"[otel_bridge]\n{text}\n", **environ)
    assert found.resource[name] == expected
    assert lines(found) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", INSTRUMENTATIONS),
        ("[profiler]\ntrace_sqlalchemy = true", INSTRUMENTATIONS),
        (
            "[profiler]\ntrace_sqlalchemy = false",
            tuple(name for name in INSTRUMENTATIONS if name != "sqlalchemy"),
        ),
        ("[profiler]\ntrace_sqlalchemy = false\n[otel_bridge]\ninstrument = sqlalchemy", ("sqlalchemy",)),
    ],
)
def test_osprofilers_switch_for_sql(read, text, expected):
    """An explicit trace_sqlalchemy = false holds, unless ``instrument`` says otherwise."""
    assert read(text).instrument == expected


def test_problems_are_collected(read):
    """One start tells everything that is wrong."""
    found = read(
        "[profiler]\nenabled = true\nhmac_keys =\n"
        "[otel_bridge]\nendpoint = collector\ncertificate = /none\ntimeout = x\nlink_count_limit = -1\n"
    )
    assert [problem.option for problem in found.problems] == [
        "[otel_bridge] timeout",
        "[otel_bridge] endpoint",
        "[otel_bridge] certificate",
        "[profiler] hmac_keys",
        "[otel_bridge] link_count_limit",
    ]


def test_registers_after_the_files_were_read(tmp_path):
    """A service may read its configuration before it knows of us, and pass a ConfigOpts of its own."""
    conf = cfg.ConfigOpts()
    assert config.from_conf(conf, {}).gate.enabled is False
    assert conf.otel_bridge.endpoint is None
    conf.set_override("endpoint", "http://h/x", group="otel_bridge")
    assert config.from_conf(conf, {}).export.endpoint == "http://h/x"


NAMES = [
    *sorted({name for environ, _, _ in ENVIRONMENT for name in environ} | {name for name, _, _ in IGNORED}),
    "OTEL_SDK_DISABLED",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_BRIDGE_HMAC_KEYS_FILE",
]
# What os.environ can hold: bytes that are not UTF-8 are surrogate escapes in it.
ANYTHING = (
    st.text(max_size=30)
    | st.binary(max_size=30).map(os.fsdecode)
    | st.sampled_from(["http://h", "https://h/x", "none", "grpc", "a=b", "%", "0", "-1", "true", ","])
)
TAIL = st.text(max_size=5) | st.binary(max_size=5).map(os.fsdecode)


@given(
    environ=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=6),
    header=TAIL,
    key=TAIL,
    password=TAIL,
    where=st.sampled_from(["headers", "userinfo", "keys", "all"]),
)
def test_no_environment_raises_or_leaks(environ, header, key, password, where):
    """Whatever the environment holds there are settings, and no header, key or password is shown."""
    if where in ("headers", "all"):
        environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=s3cr3t{header},s3cr3t{header}"
    if where in ("userinfo", "all"):
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"https://user:s3cr3t{password}@h:1/x?token=s3cr3t"
    if where in ("keys", "all"):
        environ["OTEL_BRIDGE_HMAC_KEYS"] = f"s3cr3t{key},s3cr3t"
    found = config.from_environ(environ)
    assert "s3cr3t" not in repr(found)
    assert all("s3cr3t" not in line and line.isprintable() for line in lines(found))
    assert isinstance(found.export.timeout, float)
    assert found.export.timeout > 0
    assert found.queue.max_export_batch_size <= found.queue.max_queue_size
    if any(problem.fatal for problem in found.problems):
        assert not found.gate.enabled


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.sampled_from([opt.name for opt in opts.OPTS]),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20),
        max_size=5,
    ),
    header=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=5),
)
def test_no_option_raises_or_leaks(read, values, header):
    """Whatever an operator writes into the file there are settings, and no secret is shown."""
    values["headers"] = f"a=s3cr3t{header}"
    text = "".join(f"{name} = {value}\n" for name, value in values.items())
    found = read(f"[profiler]\nenabled = true\nhmac_keys = s3cr3t{header}\n[otel_bridge]\n{text}")
    assert "s3cr3t" not in repr(found)
    assert all("s3cr3t" not in line for line in lines(found))


def test_repr_shows_what_is_no_secret():
    """An operator may have the settings printed."""
    found = config.from_environ(
        {
            "OTEL_BRIDGE_HMAC_KEYS": "s3cr3t",
            "OTEL_BRIDGE_STORE": "jaeger+http://u:s3cr3t@h",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=s3cr3t",
        }
    )
    assert "s3cr3t" not in repr(found)
    assert "http/protobuf" in repr(found)
    assert "KeyRing(1 keys)" in repr(found)
    assert found.gate.keys.keys == (Key("s3cr3t"),)


def test_an_unknown_library_keeps_the_service_from_being_traced(read):
    """Whoever mistypes a name would otherwise look for its spans in vain."""
    found = read(f"{ON}[otel_bridge]\ninstrument = messaging,redis\n")
    (problem,) = found.problems
    assert problem.option == "[otel_bridge] instrument"
    assert "'redis'" in problem.message
    assert "known are: " + ", ".join(INSTRUMENTATIONS) in problem.message
    assert problem.fatal
    assert not found.gate.enabled
    assert found.export.protocol == "none"


@pytest.mark.parametrize("value", ["off", "unkeyed", "keyed"])
def test_what_messages_tell_plain_osprofiler(read, value):
    """The operator's choice is taken as it is."""
    found = read(f"{ON}[otel_bridge]\nrpc_trace_info = {value}\n")
    assert found.rpc_trace_info == value
    assert found.problems == ()


def test_messages_tell_plain_osprofiler_nothing_unless_they_are_told_to(read):
    """By default, and where the option says something unknown, no key gets on the bus."""
    assert read(ON).rpc_trace_info == "off"
    found = read(f"{ON}[otel_bridge]\nrpc_trace_info = always\n")
    assert found.rpc_trace_info == "off"
    (problem,) = found.problems
    assert problem.option == "[otel_bridge] rpc_trace_info"
