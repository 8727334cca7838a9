"""The embedded backend as a whole."""

import socket
import sqlite3
from contextlib import closing

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from speaking import request

from otel_bridge.collector import ListenError, Server
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import StoreError, open_store, otlp_json


@pytest.fixture
def db(tmp_path):
    return str(tmp_path / "traces.sqlite")


def post(server, span):
    body = otlp_json.dumps([span])
    headers = {"Content-Type": "application/json"}
    assert request(server.otlp_endpoint, "POST", "/v1/traces", body, headers).status == 200


def test_spans_of_the_sdk_come_back_as_one_tree(db):
    """The way of every span: tracer, stock exporter, receiver, file; read by file and by HTTP."""
    with Server(db, otlp_port=0, viewer_port=0) as server:
        provider = TracerProvider(resource=Resource({"service.name": "nova-api"}))
        provider.add_span_processor(
            SimpleSpanProcessor(OTLPSpanExporter(f"{server.otlp_endpoint}/v1/traces"))
        )
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("root") as span, tracer.start_as_current_span("below"):
            trace_id = span.get_span_context().trace_id
        provider.shutdown()
        for url in (f"sqlite:{db}", server.viewer_url):
            trace = open_store(url).get(trace_id)
            (root,) = trace.roots
            assert root.name == "root"
            assert [child.name for child in trace.children(root)] == ["below"]


def test_what_was_stored_is_there_after_a_restart(db):
    with Server(db, otlp_port=0, viewer_port=0) as server:
        post(server, SpanRecord(7, 1, 0, "x", 1, 1, 2))
    with Server(db, otlp_port=0, viewer_port=0) as server:
        assert len(open_store(server.viewer_url).list()) == 1


def test_it_listens_at_loopback_unless_told_otherwise(db):
    with Server(db, otlp_port=0, viewer_port=0) as server:
        assert server.otlp_endpoint.startswith("http://127.0.0.1:")
        assert server.viewer_url.startswith("http://127.0.0.1:")
        assert server._receiver.is_loopback
        assert server._viewer.is_loopback


def test_urls_lead_to_it_wherever_it_listens(db):
    with Server(db, host="0.0.0.0", otlp_port=0, viewer_port=0) as server:
        assert request(server.viewer_url, "GET", "/healthz").status == 200
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Server(db, host="::1", otlp_port=0, viewer_port=0) as server:
        assert server.viewer_url.startswith("http://[::1]:")
        assert request(server.viewer_url, "GET", "/healthz").status == 200


def test_the_ports_are_those_that_were_asked_for(db):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [taken.getsockname()[1] for taken in (one, other)]
    with Server(db, otlp_port=ports[0], viewer_port=ports[1]) as server:
        assert server.otlp_endpoint == f"http://127.0.0.1:{ports[0]}"
        assert server.viewer_url == f"http://127.0.0.1:{ports[1]}"


@pytest.mark.parametrize(("taken", "option"), [("otlp_port", "--otlp-port"), ("viewer_port", "--port")])
def test_a_taken_port_is_one_line_that_names_the_option(db, taken, option):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = Server(db, **{"otlp_port": 0, "viewer_port": 0, taken: port})
        with pytest.raises(ListenError) as caught:
            server.start()
    assert str(caught.value).startswith(f"{option} {port}: taken by another program")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("no-such-host.invalid", "--host no-such-host.invalid: no such name"),
        ("192.0.2.1", "--host 192.0.2.1: not an address of this machine"),
    ],
)
def test_a_host_that_is_none_of_ours_is_one_line(db, host, says):
    with pytest.raises(ListenError) as caught:
        Server(db, host=host, otlp_port=0, viewer_port=0).start()
    assert str(caught.value).startswith(says)


def test_a_start_that_failed_leaves_nothing_behind(tmp_path):
    (tmp_path / "text").write_text("no database" * 1000)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(str(tmp_path / "text"), otlp_port=port, viewer_port=0)
    with pytest.raises(StoreError, match="is not an SQLite database"):
        server.start()
    socket.create_server(("127.0.0.1", port)).close()
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_a_store_of_a_newer_schema_is_not_started_on(db):
    Server(db, otlp_port=0, viewer_port=0).__enter__().stop()
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="upgrade otel-bridge"):
        Server(db, otlp_port=0, viewer_port=0).start()


def test_it_starts_once_and_stops_as_often_as_one_likes(db):
    server = Server(db, otlp_port=0, viewer_port=0)
    with pytest.raises(RuntimeError):
        assert server.viewer_url
    server.stop()
    server.start()
    with pytest.raises(RuntimeError):
        server.start()
    server.stop()
    server.stop()
    assert server.viewer_url.startswith("http://127.0.0.1:")


def test_two_servers_may_share_a_file(db):
    with Server(db, otlp_port=0, viewer_port=0) as one, Server(db, otlp_port=0, viewer_port=0) as other:
        for number, server in enumerate((one, other), 1):
            post(server, SpanRecord(7, number, 0, "x", 1, 1, 2))
        (summary,) = open_store(one.viewer_url).list()
        assert summary.span_count == 2
