"""The viewer: pages for people, JSON for programs."""

import base64
import hashlib
import html
import json
import re

import pytest
from hypothesis import given, settings
from span_records import structures
from speaking import request, send

from otel_bridge.collector import Server, ingest
from otel_bridge.collector.listener import Limits
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import TraceNotFound, open_store, otlp_json
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

SECOND = 10**9
A, B, C = f"{1:032x}", f"{2:032x}", f"{3:032x}"
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


class Growing:
    """A server of its own for what is stored during a test."""

    def __init__(self, server):
        self.url = server.viewer_url
        self._writer = server._receiver.writer

    def write(self, *spans):
        self._writer.write(ingest.batch(ingest.parse_json(otlp_json.dumps(spans))), 10)


@pytest.fixture
def growing(tmp_path):
    with Server(str(tmp_path / "db"), otlp_port=0, viewer_port=0) as running:
        yield Growing(running)


def test_it_is_well(url):
    reply = request(url, "GET", "/healthz")
    assert (reply.status, reply.body) == (200, b"ok")


def identities(page):
    return re.findall(r'<tr data-key="0*([0-9a-f]+)"', page.decode())


def test_the_first_page_lists_traces_the_newest_first(url):
    assert identities(request(url, "GET", "/").body) == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=SELECT", ["1"]),
        ("q=nova", ["2", "1"]),
        ("q=NOVA-Compute", ["2"]),
        ("q=%25", []),
        ("q=00000000", ["3", "2", "1"]),
        ("q=00000000-0000-0000-0000-00000000000", ["3", "2", "1"]),
        ("q=dead", []),
        ("service=nova-api", ["1"]),
        ("operation=SELECT", ["1"]),
        ("operation=SELEC", []),
        ("service=nova-compute&operation=SELECT", []),
        ("errors=1", ["2"]),
        ("min=1.5s", ["3"]),
        ("max=1.5s", ["2", "1"]),
        ("range=15m", []),
        ("since=1970-01-01T00:00:03", ["3", "2"]),
        ("range=custom&since=1970-01-01+00:00:03&until=1970-01-01T01:00:05%2B01:00", ["2"]),
        ("range=24h&since=1970-01-01", []),
        (f"before={3 * SECOND}-{B}", ["1"]),
        ("limit=3", ["3", "2", "1"]),
    ],
)
def test_the_page_lists_what_is_searched_for(url, query, found):
    reply = request(url, "GET", f"/?{query}")
    assert (reply.status, identities(reply.body)) == (200, found)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("min=5", "At least: "),
        ("max=soon", "At most: "),
        ("min=2s&max=1s", "the first is the longer one"),
        ("since=yesterday", "no time"),
        ("since=2026-01-02&until=2026-01-01", "the first is the later one"),
        ("before=x", "begin with the newest"),
    ],
)
def test_what_cannot_be_searched_for_is_said_beside_the_form(url, query, says):
    reply = request(url, "GET", f"/?{query}")
    assert reply.status == 400
    assert says in reply.body.decode()
    assert b"<form" in reply.body
    assert says in request(url, "GET", f"/api/list?{query}").json()["error"]


def test_pages_of_the_list_follow_each_other_without_gap_or_repetition(growing):
    growing.write(*(SpanRecord(number, 1, 0, "x", 2, SECOND, 2 * SECOND) for number in range(1, 61)))
    path, seen = "/?limit=20", []
    while path:
        page = request(growing.url, "GET", path).body
        seen += identities(page)
        older = re.search(rb'<a href="([^"]+)" id="older">', page)
        path = html.unescape(older[1].decode()) if older else ""
    assert seen == [f"{number:x}" for number in range(60, 0, -1)]


def test_the_list_is_sent_again_only_when_it_is_another(growing):
    url = growing.url
    first = request(url, "GET", "/api/list?service=late").json()
    path = f"/api/list?service=late&known={first['version']}"
    assert (first["rows"], request(url, "GET", path).status) == ([], 204)
    late = SpanRecord(0x77, 1, 0, "x", 2, 1, 2, resource={"service.name": "late"})
    growing.write(late)
    second = request(url, "GET", path).json()
    assert [row[1]["data-key"] for row in second["rows"]] == [f"{0x77:032x}"]
    assert second["version"] != first["version"]


def test_nothing_new_has_neither_a_body_nor_a_length(url):
    version = request(url, "GET", "/api/list").json()["version"]
    raw = f"GET /api/list?known={version} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    first, second = send(url, raw * 2, answers=2)
    assert (first.status, second.status, first.body) == (204, 204, b"")
    assert not {"Content-Length", "Content-Type"} & set(first.headers)


def test_the_page_of_a_trace_shows_its_spans(url):
    reply = request(url, "GET", f"/trace/{A}")
    page = reply.body.decode()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "SELECT" in page
    assert "nova-api" in page
    assert f"/api/traces/{A}/report" in page


def test_the_report_is_sent_again_only_when_there_are_more_spans(growing):
    url = growing.url
    path = f"/api/traces/{0x88:032x}/report"
    assert request(url, "GET", f"{path}?known=0-").status == 204
    assert request(url, "GET", path).status == 404
    assert request(url, "GET", f"{path}?known=3-abc").status == 404
    growing.write(SpanRecord(0x88, 1, 0, "root", 2, 1, 9))
    first = request(url, "GET", f"{path}?known=0-").json()
    assert (first["trace"]["spans"], request(url, "GET", f"{path}?known={first['version']}").status) == (
        1,
        204,
    )
    growing.write(SpanRecord(0x88, 2, 1, "child", 2, 2, 3))
    assert request(url, "GET", f"{path}?known={first['version']}").json()["trace"]["spans"] == 2


def test_asking_whether_there_is_more_does_not_read_the_trace(server, url, monkeypatch):
    path = f"/api/traces/{A}/report"
    version = request(url, "GET", path).json()["version"]

    def get(trace_id):
        raise AssertionError(trace_id)

    monkeypatch.setattr(server._viewer.store, "get", get)
    assert request(url, "GET", f"{path}?known={version}").status == 204
    assert request(url, "GET", f"/trace/{9:032x}").status == 404


def test_only_so_many_traces_are_made_into_pages_at_a_time(tmp_path):
    with Server(str(tmp_path / "db"), otlp_port=0, viewer_port=0, limits=Limits(response=0.2)) as running:
        Growing(running).write(SPANS[0])
        turns = running._viewer.rendering
        while turns.acquire(blocking=False):
            pass
        assert request(running.viewer_url, "GET", f"/trace/{A}").status == 503
        assert request(running.viewer_url, "GET", "/").status == 200
        turns.release()
        for _ in range(3):
            assert request(running.viewer_url, "GET", f"/trace/{A}").status == 200


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/trace/00000000-0000-0000-0000-000000000001", f"/trace/{A}"),
        ("/trace/00000000-0000-0000-0000-0000000000AB", f"/trace/{0xAB:032x}"),
        (f"/trace/{C[:-1]}", f"/?q={C[:-1]}"),
        ("/trace/00000000-0000", "/?q=00000000-0000"),
        ("/?q=00000000-0000-0000-0000-000000000001", f"/trace/{A}"),
        (f"/diff?trace={B}&trace={A}", f"/diff/{A}/{B}"),
        (f"/diff?a={B}&b={A}", f"/diff/{B}/{A}"),
        (f"/diff/00000000-0000-0000-0000-000000000001/{B}", f"/diff/{A}/{B}"),
    ],
)
def test_other_spellings_lead_to_the_one_address(url, path, target):
    reply = request(url, "GET", path)
    assert (reply.status, reply.headers["Location"]) == (302, target)


def test_the_beginning_of_one_id_leads_to_its_trace(growing):
    growing.write(SpanRecord(0xBEEF << 112, 1, 0, "x", 2, 1, 2))
    assert request(growing.url, "GET", "/trace/BEE").headers["Location"] == f"/trace/beef{0:028x}"


def test_a_comparison_shows_both_traces(url):
    reply = request(url, "GET", f"/diff/{A}/{B}")
    assert reply.status == 200
    assert f"/trace/{A}" in reply.body.decode()
    assert f"/trace/{B}" in reply.body.decode()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        (f"/diff/{A}/{9:032x}", 404, f"there is no trace {9:032x}"),
        (f"/diff/{A}/dead", 404, "no trace&#x27;s id begins with dead"),
        (f"/diff/{A}/0000", 400, "several ids begin with 0000"),
        (f"/diff/{A}/x", 400, "no trace id"),
        ("/diff", 400, "not 0: tick two"),
        (f"/diff?trace={A}", 400, "not 1: tick two"),
        (f"/diff?trace={A}&trace={A}&trace={B}", 400, "not 3: tick two"),
        ("/trace/x", 400, "no trace id"),
        ("/trace/dead", 404, "no trace&#x27;s id begins with dead"),
        ("/trace/" + "0" * 32, 400, "names no trace"),
        ("/?" + "&".join(["a=1"] * 30), 400, "too many parameters"),
    ],
)
def test_what_cannot_be_shown_is_a_page_for_people(url, path, status, says):
    reply = request(url, "GET", path)
    assert (reply.status, reply.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert says in reply.body.decode()
    assert b"All traces" in reply.body


def test_a_trace_that_is_not_there_yet_is_waited_for(url):
    reply = request(url, "GET", f"/trace/{9:032x}")
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f"/api/traces/{9:032x}/report" in reply.body.decode()
    assert b"hmac_keys" in reply.body


PAGES = ["/", "/?q=nova&min=x", f"/trace/{A}", f"/trace/{9:032x}", "/trace/x", f"/diff/{A}/{B}"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_and_run_only_their_own(url, path):
    reply = request(url, "GET", path)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Cache-Control"] == "no-store"
    for loaded in (b"<link", b"<img", b"<iframe", b" src=", b"@import", b"url("):
        assert loaded not in reply.body
    for script in re.findall(r"<script>(.*?)</script>", reply.body.decode(), re.DOTALL):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


@pytest.mark.parametrize(
    ("path", "site", "status"),
    [
        ("/api/traces", "cross-site", 403),
        (f"/api/traces/{A}", "cross-site", 403),
        ("/api/list", "cross-site", 403),
        ("/api/traces", "same-origin", 200),
        ("/api/traces", "none", 200),
        ("/", "cross-site", 200),
        (f"/trace/{A}", "cross-site", 200),
    ],
)
def test_only_pages_may_be_come_to_from_elsewhere(url, path, site, status):
    assert request(url, "GET", path, headers={"Sec-Fetch-Site": site}).status == status


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
        (f"?max_duration_ns={SECOND}", [2, 1]),
        (f"?until_ns={3 * SECOND}", [1]),
        ("?operation=SELECT", [1]),
        ("?operation=SELECT&service=nova-compute", []),
        (f"?id_prefix={'0' * 31}", [3, 2, 1]),
        ("?id_prefix=f", []),
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
        ("GET", "/api/traces?until_ns=1.5", 400, "until_ns"),
        ("GET", "/api/traces?max_duration_ns=5ms", 400, "max_duration_ns"),
        ("GET", "/api/traces?id_prefix=xyz", 400, "id_prefix"),
        ("GET", f"/api/traces/{1:032x}/spans", 404, "no such page"),
        ("GET", "/api/traces/xyz/report", 400, "no trace id"),
        ("GET", "/api/traces?min_duration_ns=" + "9" * 30, 400, "min_duration_ns"),
        ("GET", "/api/traces?" + "&".join(["a=1"] * 30), 400, "too many parameters"),
        ("POST", "/api/traces", 405, "GET"),
        ("DELETE", f"/api/traces/{1:032x}", 405, "GET"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_json(url, method, path, status, says):
    reply = request(url, method, path)
    assert reply.status == status
    assert says in reply.json()["error"]


@pytest.mark.parametrize("field", ["q", "service", "operation", "min", "since", "before"])
def test_a_query_with_markup_is_only_text(url, field):
    body = request(url, "GET", f"/?{field}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").body
    assert b"<script>alert" not in body


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
