"""Connection strings: what they say, what is refused, and how they stand beside the other settings."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from otel_bridge import config
from otel_bridge.config import connection
from otel_bridge.settings import INSTRUMENTATIONS, Settings

# WebOb, which osprofiler imports
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")

HTTP, GRPC = "http/protobuf", "grpc"
BASIC = "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.mark.parametrize(
    ("text", "protocol", "url"),
    [
        ("otel://collector", HTTP, "http://collector:4318/v1/traces"),
        ("otel://collector/", HTTP, "http://collector:4318/v1/traces"),
        (" otel://collector:1 ", HTTP, "http://collector:1/v1/traces"),
        ("otel://collector:", HTTP, "http://collector:4318/v1/traces"),
        ("OTEL://Collector:1/a/b", HTTP, "http://Collector:1/a/b"),
        ("otel://[::1]", HTTP, "http://[::1]:4318/v1/traces"),
        ("otel://[2001:db8::1]:9/x/", HTTP, "http://[2001:db8::1]:9/x/"),
        ("otel+https://collector", HTTP, "https://collector:4318/v1/traces"),
        ("otel+https://collector:443/otlp/v1/traces", HTTP, "https://collector:443/otlp/v1/traces"),
        ("otel+grpc://collector", GRPC, "http://collector:4317"),
        ("otel+grpc://[::1]/", GRPC, "http://[::1]:4317"),
        ("otel+grpcs://collector:443", GRPC, "https://collector:443"),
    ],
)
def test_protocol_and_endpoint(text, protocol, url):
    """The scheme says how and whether encrypted, the rest where; OTLP's ports are the default."""
    found = connection.parse(text)
    assert (found.protocol, found.endpoint, found.store) == (protocol, url, None)
    assert found.target is not None
    assert found.target.secure is url.startswith("https://")


@pytest.mark.parametrize("text", ["otel", "otel:", "otel://", "OTEL:", "otel:://"])
def test_a_bare_scheme_says_nothing(text):
    """Also as osprofiler hands it on, which appends :// to what has none."""
    assert connection.parse(text) == connection.Connection()


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("otel://h:1?store=sqlite%3A%2Fvar%2Fa.db", "sqlite:/var/a.db"),
        ("otel://h:1/?store=jaeger+http://j:16686", "jaeger+http://j:16686"),
        ("otel+grpc://h?store=http://u:p%2540@j/?x=%26", "http://u:p%40@j/?x=&"),
        ("otel:?store=sqlite%3Aa", "sqlite:a"),
        ("otel:?store=sqlite%3Aa://", "sqlite:a"),
        ("otel://?store=sqlite:a", "sqlite:a"),
        ("otel://h?store=", None),
        ("otel://h?", None),
    ],
)
def test_store(text, store):
    """Decoded once; a plus sign is a plus sign."""
    assert connection.parse(text).store == store


@pytest.mark.parametrize("scheme", ["otel", "otel+https", "otel+grpc", "otel+grpcs"])
def test_credentials_become_a_header(scheme):
    """And stand neither in the endpoint nor in what is printed of the connection."""
    found = connection.parse(f"{scheme}://me:p%40ss@h:1")
    assert found.target is not None
    assert found.target.authorization == BASIC
    assert "@" not in found.target.url
    assert BASIC not in repr(found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with otel://"),
        ("collector", "begins with otel://"),
        ("messaging://", "begins with otel://"),
        ("http://h:4318", "begins with otel://"),
        ("otel+http://h", "begins with otel://"),
        ("otel:h:4318", "names no host"),
        ("otel:///v1/traces", "names no host"),
        ("otel://:4318", "names no host"),
        ("otel+grpc:", "names no host"),
        ("otel+https://", "names no host"),
        ("otel://h:port", "check its host and port"),
        ("otel://[::1", "check its host and port"),
        ("otel://h:0", "port 0"),
        ("otel://h h", "characters"),
        ("otel://h\u00e9", "characters"),
        ("otel:?store=a b", "characters"),
        ("otel://h#a", "has a #"),
        ("otel+grpc://h/v1/traces", "has a path"),
        ("otel://h?s3cr3t=1", "only store=URL"),
        ("otel://h?store=a&s3cr3t=b", "only store=URL"),
        ("otel://h?store", "only store=URL"),
        ("otel://h?store=%ff", "the store"),
        ("otel://h?store=a%0as3cr3t", "the store"),
        ("otel://u:?s3cr3t@h", "only store=URL"),
        ("otel://u:s3cr3t#@h", "has a #"),
        ("otel://u:s3cr3t@h:x", "check its host and port"),
        ("otel+grpc://u:s3cr3t@h/x", "has a path"),
        ("otel:u:s3cr3t@h", "names no host"),
        ("otel://?store=http://u:s3cr3t@h#x", "has a #"),
    ],
)
def test_what_is_refused(text, reason):
    """The reason fits on a line and shows no credentials and nothing of the query."""
    with pytest.raises(ValueError, match=reason) as caught:
        connection.parse(text)
    assert str(caught.value).isprintable()
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ours"),
    [("otel:", True), (" OTEL+grpc://x y", True), ("otel", True), ("otlp://h", False), ("otelx://", False)],
)
def test_is_ours(text, ours):
    """By the scheme alone."""
    assert connection.is_ours(text) is ours


_LIKELY = r"\A(otel(\+grpcs?|\+https)?:(//)?)?[a-z0-9:/?#@%&=\[\]. ]{0,12}\Z"
LIKELY = st.from_regex(_LIKELY) | st.text(max_size=12)


@given(LIKELY, st.sampled_from(["", "?store=", "?store=http://u:", "?token="]), LIKELY)
def test_any_text_is_a_connection_or_a_reason(before, middle, after):
    """Nothing else is raised, and what may be shown does not hold what stands before an @."""
    text = f"{before}{middle}s3cr3t@{after}"
    try:
        found = connection.parse(text)
    except ValueError as error:
        shown = f"{type(error).__name__}: {error}"
    else:
        shown = f"{found!r} {urlsplit(found.endpoint or '').netloc}"
    assert "s3cr3t" not in shown
    assert "Unicode" not in shown
    assert shown.isprintable()


def test_a_connection_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        connection.parse("otel:").store = "x"  # type: ignore[misc]


# -- beside the other settings ------------------------------------------------------------------------

Read = Callable[..., Settings]
ON = "[profiler]\nenabled = true\nhmac_keys = a key\n[otel_bridge]\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Settings from the text of a configuration file, a connection string and environment variables."""

    def read(connection: str | None, text: str = "", **environ: str) -> Settings:
        path = tmp_path / "service.conf"
        path.write_text(ON + text)
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[str(path)], default_config_dirs=[])
        return config.from_conf(conf, environ, connection=connection)

    return read


def test_it_wins_over_the_environment_without_a_word(read):
    """Variables are set for many processes at once; the connection string is this service's own."""
    found = read(
        "otel://c:1",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://e:2/x",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://e:3",
        OTEL_TRACES_EXPORTER="none",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_HEADERS="a=b",
    )
    assert (found.export.protocol, found.export.endpoint) == (HTTP, "http://c:1/v1/traces")
    assert found.export.headers == {"a": "b"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "named", "says"),
    [
        ("endpoint = http://other:4318\n", "[otel_bridge] endpoint", "'http://other:4318' is not used"),
        ("endpoint = http://u:s3cr3t@c:1\n", "[otel_bridge] endpoint", "'http://***@c:1' is not used"),
        ("endpoint = nonsense\n", "[otel_bridge] endpoint", "'nonsense' is not used"),
        ("protocol = grpc\n", "[otel_bridge] protocol", "grpc is not used"),
        ("protocol = none\n", "[otel_bridge] protocol", "none is not used"),
    ],
)
def test_an_option_that_says_otherwise_is_reported(read, text, named, says):
    """One warning with both names and both values; the connection string holds."""
    found = read("otel://c:1", text)
    assert (found.export.protocol, found.export.endpoint) == (HTTP, "http://c:1/v1/traces")
    (problem,) = found.problems
    assert (problem.option, problem.fatal) == (named, False)
    assert says in problem.message
    assert "[profiler] connection_string" in problem.message
    assert "s3cr3t" not in str(problem)
    assert found.gate.enabled


def test_an_option_that_says_the_same_is_fine(read):
    """So is one that cannot be read: it is not needed."""
    assert read("otel://c:1", "endpoint = http://c:1\nprotocol = http/protobuf\n").problems == ()
    found = read("otel://c:1", "endpoint = $nothing\n")
    assert [problem.fatal for problem in found.problems] == [False]
    assert found.gate.enabled


def test_a_bare_one_leaves_it_to_the_others(read):
    """To options, and to variables after them."""
    assert read("otel:", "endpoint = http://h:2\n").export.endpoint == "http://h:2/v1/traces"
    assert read("otel:", "", OTEL_EXPORTER_OTLP_ENDPOINT="http://e").export.endpoint == "http://e/v1/traces"
    assert read("otel:", "protocol = console\n").export.protocol == "console"
    assert read("otel:").export == config.ExportSettings()


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.exporter.otlp.proto.grpc") is None, reason="needs gRPC"
)
@pytest.mark.parametrize("option", ["true", "false"])
@pytest.mark.parametrize(("scheme", "insecure"), [("otel+grpc", True), ("otel+grpcs", False)])
def test_the_scheme_decides_encryption(read, scheme, insecure, option):
    """Whatever ``insecure`` says."""
    found = read(f"{scheme}://c", f"insecure = {option}\n")
    assert (found.export.protocol, found.export.insecure) == (GRPC, insecure)


def test_grpc_that_is_not_installed_is_fatal_by_its_name(read, monkeypatch):
    monkeypatch.setattr("otel_bridge.config.export._has_grpc", lambda: False)
    found = read("otel+grpc://c")
    assert [(problem.option, problem.fatal) for problem in found.problems] == [
        ("[profiler] connection_string", True)
    ]
    assert not found.gate.enabled


def test_credentials_are_sent_unless_headers_say_otherwise(read):
    """With a warning: osprofiler.notifier logs the connection string as it is."""
    found = read("otel://me:p%40ss@c")
    assert found.export.headers == {"authorization": BASIC}
    (problem,) = found.problems
    assert (problem.option, problem.fatal) == ("[profiler] connection_string", False)
    assert read("otel://me:p%40ss@c", "headers = Authorization=x\n").export.headers == {"authorization": "x"}


def test_credentials_of_the_store_are_warned_of_as_well(read):
    found = read("otel://c?store=jaeger%2Bhttp://me:s3cr3t@j:16686")
    (problem,) = found.problems
    assert (problem.option, problem.fatal) == ("[profiler] connection_string", False)
    assert "[otel_bridge] store" in problem.message
    assert "s3cr3t" not in problem.message
    assert found.store == "jaeger+http://me:s3cr3t@j:16686"


def test_a_bad_one_is_fatal_and_named(read):
    """The service starts untraced, with one line for the operator."""
    for found in (
        read("otel://u:s3cr3t@c:x"),
        config.from_environ({}, connection="otel://u:s3cr3t@c:x"),
    ):
        (problem,) = found.problems
        assert (problem.option, problem.fatal) == ("[profiler] connection_string", True)
        assert "s3cr3t" not in repr(found)
        assert (found.gate.enabled, found.export.protocol) == (False, "none")


def test_nothing_is_instrumented_unless_it_is_asked_for(read):
    """OSProfiler's own trace points are the spans."""
    assert read("otel:").instrument == ()
    assert read("otel:", "instrument = sqlalchemy\n").instrument == ("sqlalchemy",)
    assert read(None).instrument == INSTRUMENTATIONS


@pytest.mark.parametrize(
    ("text", "environ", "store"),
    [
        ("", {}, "sqlite:c"),
        ("store = sqlite:o\n", {}, "sqlite:o"),
        ("store = sqlite:o\n", {"OTEL_BRIDGE_STORE": "sqlite:e"}, "sqlite:e"),
        ("", {"OTEL_BRIDGE_STORE": "sqlite:e"}, "sqlite:e"),
    ],
)
def test_where_to_read(read, text, environ, store):
    """The variable, then the option, then the connection string."""
    assert read("otel://c?store=sqlite:c", text, **environ).store == store


def test_without_a_configuration_keys_may_follow():
    """A service that gives no ConfigOpts tells its keys to osprofiler.web.enable, or to profiler.init."""
    found = config.from_environ({}, connection="otel://c:1")
    assert found.problems == ()
    assert (found.gate.enabled, bool(found.gate.keys)) == (True, False)
    assert found.export.endpoint == "http://c:1/v1/traces"


@pytest.mark.parametrize(
    "environ", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_BRIDGE_HMAC_KEYS_FILE": "/nowhere/keys"}]
)
def test_but_not_where_the_environment_forbids_it(environ):
    assert not config.from_environ(environ, connection="otel://c:1").gate.enabled


def test_keys_of_the_environment_are_used_without_a_configuration():
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS": "a,b"}, connection="otel:")
    assert [key.reveal() for key in found.gate.keys.keys] == ["a", "b"]
