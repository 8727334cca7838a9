"""The viewer: pages for people, JSON for programs."""

import json

import pytest
from hypothesis import given, settings
from span_records import structures
from speaking import request, send

from otel_bridge.collector import Server, ingest
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import TraceNotFound, open_store, otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

SECOND = 10**9
SPANS = [
    SpanRecord(1, 1, 0, "GET /", 2, SECOND, 2 * SECOND, resource={"service.name": "nova-api"}),
    SpanRecord(1, 2, 1, "SELECT", 3, SECOND + 5, 2 * SECOND - 5, resource={"service.name": "nova-api"}),
    SpanRecord(2, 1, 0, "boot", 2, 3 * SECOND, 4 * SECOND, 2, resource={"service.name": "nova-compute"}),
    SpanRecord(3, 1, 0, "<script>alert(1)</script>", 2, 5 * SECOND, 9 * SECOND),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(str(tmp_path_factory.mktemp("store") / "db"), otlp_port=0, viewer_port=0) as running:
        running._receiver.writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps(SPANS))), 10)
        yield running


@pytest.fixture(scope="module")
def url(server):
    return server.viewer_url


def test_it_is_well(url):
    reply = request(url, "GET", "/healthz")
    assert (reply.status, reply.body) == (200, b"ok")


def test_the_first_page_lists_traces_the_newest_first(url):
    page = request(url, "GET", "/").body.decode()
    assert 0 < page.index("alert(1)") < page.index("boot") < page.index("GET /")
    assert page.count("/trace/") == 3


def test_the_page_of_a_trace_shows_its_spans(url):
    reply = request(url, "GET", f"/trace/{1:032x}")
    page = reply.body.decode()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "SELECT" in page
    assert "nova-api" in page


@pytest.mark.parametrize("path", ["/", f"/trace/{1:032x}", f"/trace/{9:032x}", "/trace/x"])
def test_pages_may_load_nothing_and_run_nothing(url, path):
    reply = request(url, "GET", path)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Cache-Control"] == "no-store"
    for loaded in (b"<script", b"<link", b"<img", b"<iframe", b" src=", b"@import", b"url("):
        assert loaded not in reply.body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [3, 2, 1]),
        ("?limit=1", [3]),
        ("?limit=0", []),
        ("?limit=100000000", [3, 2, 1]),
        (f"?since_ns={3 * SECOND}", [3, 2]),
        ("?service=nova-api", [1]),
        ("?service=nova-api&service=nova-compute", [2]),
        ("?service=", [3, 2, 1]),
        ("?errors=1", [2]),
        ("?errors=0", [3, 2, 1]),
        (f"?min_duration_ns={SECOND + 1}", [3]),
        ("?unknown=1", [3, 2, 1]),
    ],
)
def test_the_api_lists_what_is_asked_for(url, query, found):
    traces = request(url, "GET", f"/api/traces{query}").json()["traces"]
    assert [int(trace["traceId"], 16) for trace in traces] == found


def test_a_line_of_the_api_is_as_agreed(url):
    (trace,) = request(url, "GET", "/api/traces?service=nova-compute").json()["traces"]
    assert trace == {
        "traceId": f"{2:032x}",
        "rootName": "boot",
        "rootService": "nova-compute",
        "startTimeUnixNano": str(3 * SECOND),
        "durationNano": str(SECOND),
        "spanCount": 1,
        "errorCount": 1,
        "services": ["nova-compute"],
    }


def test_the_api_hands_out_a_trace_as_otlp(url):
    reply = request(url, "GET", f"/api/traces/{1:032x}")
    assert otlp_json.decode(reply.json()) == SPANS[:2]


def test_ids_are_taken_as_uuids_too(url):
    assert request(url, "GET", "/api/traces/00000000-0000-0000-0000-000000000001").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nowhere", 404, "no such page"),
        ("GET", "/api", 404, "no such page"),
        ("GET", "/api/traces/1/2", 404, "no such page"),
        ("GET", f"/api/traces/{9:032x}", 404, "no trace"),
        ("GET", "/api/traces/xyz", 400, "no trace id"),
        ("GET", "/api/traces/" + "0" * 32, 400, "names no trace"),
        ("GET", "/api/traces?limit=x", 400, "limit='x' is not a number"),
        ("GET", "/api/traces?limit=-1", 400, "limit"),
        ("GET", "/api/traces?since_ns=%D9%A3", 400, "since_ns"),
        ("GET", "/api/traces?min_duration_ns=" + "9" * 30, 400, "min_duration_ns"),
        ("GET", "/api/traces?" + "&".join(["a=1"] * 30), 400, "too many parameters"),
        ("POST", "/", 405, "GET"),
        ("DELETE", f"/api/traces/{1:032x}", 405, "GET"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_json(url, method, path, status, says):
    reply = request(url, method, path)
    assert reply.status == status
    assert says in reply.json()["error"]


@pytest.mark.parametrize(("identity", "status"), [(f"{9:032x}", 404), ("x", 400)])
def test_a_trace_that_is_not_there_is_a_page_for_people(url, identity, status):
    reply = request(url, "GET", f"/trace/{identity}")
    assert reply.status == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert b"All traces" in reply.body


def test_a_query_with_markup_is_only_text(url):
    body = request(url, "GET", "/?service=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").body
    assert b"<script" not in body


def test_a_body_that_nobody_asked_for_is_not_taken_for_a_request(url):
    smuggled = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    (reply,) = send(url, raw + smuggled)
    assert (reply.status, reply.headers["Connection"]) == (200, "close")


def test_head_is_get_without_a_body(url):
    (reply,) = send(url, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 100


def test_a_store_that_went_away_is_503(tmp_path):
    path = tmp_path / "db"
    with Server(str(path), otlp_port=0, viewer_port=0) as server:
        for file in tmp_path.iterdir():
            file.unlink()
        reply = request(server.viewer_url, "GET", "/api/traces")
        assert reply.status == 503
        assert "no such file" in reply.json()["error"]


@given(structures())
@settings(max_examples=6, deadline=None)
def test_reading_over_http_is_reading_the_file(tmp_path_factory, spans):
    """Property: both kinds of store give the same trace and the same list."""
    path = tmp_path_factory.mktemp("store") / "db"
    with Server(str(path), otlp_port=0, viewer_port=0) as server:
        server._receiver.writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps(spans))), 10)
        by_file, by_http = SqliteStore(path), open_store(server.viewer_url)
        assert by_http.get(7) == by_file.get(7)
        for options in ({}, {"service": "a"}, {"errors_only": True}, {"min_duration_ns": 5}, {"since_ns": 9}):
            assert by_http.list(TraceQuery(**options)) == by_file.list(TraceQuery(**options))
        with pytest.raises(TraceNotFound):
            by_http.get(8)


def test_the_api_is_plain_json_of_finite_numbers(server, url):
    span = SpanRecord(0xFF, 1, 0, "x", 1, 1, 2, attributes={"inf": float("inf")})
    server._receiver.writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps([span]))), 10)
    body = request(url, "GET", f"/api/traces/{0xFF:032x}").body

    def refuse(constant):
        raise AssertionError(constant)

    assert otlp_json.decode(json.loads(body, parse_constant=refuse)) == [span]
