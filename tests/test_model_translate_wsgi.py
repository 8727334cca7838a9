"""translate.wsgi: served requests."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.translate import ServerRequest, finish, point_from_info, to_osprofiler
from otel_bridge.model.translate.wsgi import split_host, status_code

UUID = "6f1c3e7e-5a3c-4f6e-9f1c-3e7e5a3c4f6e"
SERVER = 2


def describe(**slots: Any) -> tuple[str, dict[str, Any]]:
    return ServerRequest(**{"method": "GET", "path": "/", "scheme": "http", **slots}).translate()


def test_all_of_a_request_becomes_the_attributes_of_the_conventions() -> None:
    name, attributes = describe(
        method="POST",
        script="/compute",
        path=f"/v2.1/servers/{UUID}/action",
        query="a=1&token=secret",
        scheme="https",
        host="controller:8774",
        port="8775",
        client="10.0.0.1",
        agent="python-novaclient",
        protocol="HTTP/1.1",
        status="202 Accepted",
        request_id="req-1",
        global_request_id="req-2",
        project_id="p1",
    )
    assert name == "POST /compute/v2.1/servers/{id}/action"
    assert attributes == {
        "http.request.method": "POST",
        "url.path": f"/compute/v2.1/servers/{UUID}/action",
        "url.scheme": "https",
        "url.query": "a=1&token=REDACTED",
        "server.address": "controller",
        "server.port": 8774,
        "client.address": "10.0.0.1",
        "user_agent.original": "python-novaclient",
        "openstack.request_id": "req-1",
        "openstack.global_request_id": "req-2",
        "openstack.project_id": "p1",
        "network.protocol.version": "1.1",
        "http.response.status_code": 202,
    }


def test_a_route_that_a_router_knows_names_the_span() -> None:
    name, attributes = describe(route="/servers/{server_id}", path=f"/servers/{UUID}")
    assert name == "GET /servers/{server_id}"
    assert attributes["http.route"] == "/servers/{server_id}"


def test_the_route_is_never_made_from_the_path() -> None:
    assert "http.route" not in describe(path="/servers")[1]


def test_the_path_in_the_name_is_a_template() -> None:
    assert describe(path=f"/v2.1/servers/{UUID}")[0] == "GET /v2.1/servers/{id}"
    assert describe(script="/compute", path="/v2.1/flavors/m1.tiny")[0] == "GET /compute/v2.1/flavors/{id}"


@pytest.mark.parametrize(
    ("host", "port", "scheme", "expected"),
    [
        ("controller:8774", 80, "http", ("controller", 8774)),
        ("controller", 8774, "http", ("controller", 8774)),
        ("controller", None, "http", ("controller", 80)),
        ("controller", None, "https", ("controller", 443)),
        ("controller", None, "gopher", ("controller", None)),
        ("[::1]:8774", None, "http", ("::1", 8774)),
        ("[::1]", 8774, "http", ("::1", 8774)),
        ("::1", None, "http", ("::1", 80)),
        ("controller:x", 1, "http", ("controller", 1)),
        ("[::1", None, "http", ("::1", 80)),
        ("", None, "http", ("", 80)),
    ],
)
def test_the_host_header_is_split(
    host: str, port: int | None, scheme: str, expected: tuple[str, int | None]
) -> None:
    assert split_host(host, port, scheme) == expected


def test_without_a_host_there_is_no_port_either() -> None:
    assert not {"server.address", "server.port"} & describe(port="80")[1].keys()


@pytest.mark.parametrize(
    ("method", "name", "attributes"),
    [
        ("QUERY", "QUERY /", {"http.request.method": "QUERY"}),
        ("get", "HTTP /", {"http.request.method": "_OTHER", "http.request.method_original": "get"}),
        ("BREW", "HTTP /", {"http.request.method": "_OTHER", "http.request.method_original": "BREW"}),
        (None, "HTTP /", {"http.request.method": "_OTHER"}),
    ],
)
def test_unknown_methods_do_not_make_names(method: str | None, name: str, attributes: dict[str, Any]) -> None:
    made, found = describe(method=method)
    assert made == name
    assert {key: value for key, value in found.items() if key.startswith("http.request")} == attributes


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        ("200 OK", 200, None),
        ("404 Not Found", 404, None),
        (404, 404, None),
        ("500 Internal Server Error", 500, "500"),
        (503, 503, "503"),
        ("", None, None),
        (None, None, None),
        ("abc", None, None),
        (7, None, None),
    ],
)
def test_only_server_errors_are_errors(status: Any, code: int | None, error: str | None) -> None:
    attributes = describe(status=status)[1]
    assert attributes.get("http.response.status_code") == code
    assert attributes.get("error.type") == error
    assert status_code(status) == code


def test_an_exception_is_the_error_even_of_a_500() -> None:
    assert describe(status="500 x", error="KeyError")[1]["error.type"] == "KeyError"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/caf\xc3\xa9", "/café"),
        ("/caf\xe9", "/café"),
        ("/plain", "/plain"),
        ("/☃", "/☃"),
        ("/%C3%A9", "/%C3%A9"),
    ],
)
def test_the_path_is_read_as_utf8_where_it_is(path: str, shown: str) -> None:
    assert describe(path=path)[1]["url.path"] == shown


def test_a_token_in_a_path_is_hidden_in_name_and_attribute() -> None:
    name, attributes = describe(path="/v2.0/tokens/gAAAAABkabcdefghijklmnopqrstuvwxyz")
    assert "gAAAA" not in name + attributes["url.path"]


def test_the_point_of_osprofiler_comes_back_as_it_was() -> None:
    info = {
        "request": {"path": f"/v2.1/servers/{UUID}", "query": "limit=1", "method": "GET", "scheme": "http"}
    }
    point = point_from_info("wsgi", info)
    assert finish(point, {"host": "h"}) is None
    name, attributes = point.translate()
    assert name == "GET /v2.1/servers/{id}"
    assert to_osprofiler(name, SERVER, attributes) == ("wsgi", info, {})


def test_a_failed_point_of_osprofiler_comes_back_with_its_type() -> None:
    info = {"request": {"path": "/", "query": "", "method": "BREW", "scheme": "http"}}
    point = point_from_info("wsgi", info)
    assert finish(point, {"etype": "KeyError", "message": "'a'"}) == ("KeyError", "'a'")
    name, attributes = point.translate()
    assert to_osprofiler(name, SERVER, attributes) == ("wsgi", info, {"etype": "KeyError"})


def test_a_native_span_reads_as_a_wsgi_point_and_its_status_is_no_exception() -> None:
    name, attributes = describe(script="/a", path="/b", status="500 x")
    assert to_osprofiler(name, SERVER, attributes) == (
        "wsgi",
        {"request": {"path": "/a/b", "query": "", "method": "GET", "scheme": "http"}},
        {},
    )


def test_spans_with_the_older_http_attributes_are_understood() -> None:
    attributes = {"http.method": "GET", "http.target": "/a?b=c", "http.scheme": "https"}
    assert to_osprofiler("GET", SERVER, attributes)[1] == {
        "request": {"path": "/a", "query": "b=c", "method": "GET", "scheme": "https"}
    }


ODD = st.one_of(
    st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.tuples(st.text())
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(ServerRequest.__slots__), ODD))
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any]) -> None:
    name, attributes = ServerRequest(**slots).describe()
    assert len(name) <= 255
    assert all(isinstance(value, str | int) for value in attributes.values())


@pytest.mark.parametrize("unit", ["/", "1", "/1", "a", "abcdef12", "-", "ffffffff-", "_f"])
def test_long_hostile_paths_are_read_in_linear_time(unit: str) -> None:
    started = process_time()
    describe(path=unit * (300_000 // len(unit)))
    assert process_time() - started < 10


def test_what_is_remembered_of_a_request_is_not_what_the_next_one_changes() -> None:
    first = ServerRequest(method="GET", path="/", host="h", agent="a").translate(None)[1]
    first["user_agent.original"] = first["mine"] = "changed"
    second = ServerRequest(method="GET", path="/", host="h", agent="a").translate(None)[1]
    assert second["user_agent.original"] == "a"
    assert "mine" not in second


@pytest.mark.parametrize("odd", [["x"], {"x": 1}, 5, 1.5, object()])
def test_odd_values_are_not_remembered_and_do_no_harm(odd: object) -> None:
    assert (
        ServerRequest(method="GET", path="/", host=odd, agent=odd, project_id=odd).translate(None)[0]
        == "GET /"
    )
