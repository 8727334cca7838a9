"""translate.http: requests sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.translate import ClientRequest, finish, point_from_info, to_osprofiler

CLIENT = 3


def describe(**slots: Any) -> tuple[str, dict[str, Any]]:
    return ClientRequest(**{"method": "GET", "scheme": "http", "host": "h", "path": "/", **slots}).translate()


def test_all_of_a_request_becomes_the_attributes_of_the_conventions() -> None:
    assert describe(
        host="neutron",
        port=9696,
        path="/v2.0/ports?device_id=x&token=s",
        status=200,
        resend=2,
        protocol="1.1",
    ) == (
        "GET",
        {
            "http.request.method": "GET",
            "url.full": "http://neutron:9696/v2.0/ports?device_id=x&token=REDACTED",
            "server.address": "neutron",
            "server.port": 9696,
            "http.response.status_code": 200,
            "http.request.resend_count": 2,
            "network.protocol.version": "1.1",
        },
    )


@pytest.mark.parametrize(
    ("slots", "url", "address", "port"),
    [
        ({"port": 80}, "http://h/", "h", 80),
        ({"port": None}, "http://h/", "h", 80),
        ({"port": ""}, "http://h/", "h", 80),
        ({"scheme": "https", "port": "443"}, "https://h/", "h", 443),
        ({"scheme": "https", "port": 80}, "https://h:80/", "h", 80),
        ({"host": "::1", "port": 8774}, "http://[::1]:8774/", "::1", 8774),
        ({"host": "[::1]", "port": 8774}, "http://[::1]:8774/", "::1", 8774),
        ({"path": "/a", "query": "b=c"}, "http://h/a?b=c", "h", 80),
        ({"path": ""}, "http://h/", "h", 80),
        ({"path": "a"}, "http://h/a", "h", 80),
        ({"path": "?a=b"}, "http://h?a=b", "h", 80),
        (
            {"url": "https://u:p@k:5000/v3?sig=x#f"},
            "https://REDACTED:REDACTED@k:5000/v3?sig=REDACTED#f",
            "k",
            5000,
        ),
        ({"url": "https://[fe80::1]/v3"}, "https://[fe80::1]/v3", "fe80::1", 443),
    ],
)
def test_the_url_is_whole_and_shows_no_credentials(
    slots: dict[str, Any], url: str, address: str, port: int
) -> None:
    attributes = describe(**slots)[1]
    assert (attributes["url.full"], attributes["server.address"], attributes["server.port"]) == (
        url,
        address,
        port,
    )


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (302, None), (404, "404"), (500, "500"), (None, None)]
)
def test_client_and_server_errors_are_errors(status: int | None, error: str | None) -> None:
    assert describe(status=status)[1].get("error.type") == error


def test_an_unknown_method_is_kept_beside() -> None:
    name, attributes = describe(method="BREW")
    assert (name, attributes["http.request.method"]) == ("HTTP", "_OTHER")
    assert attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        (
            "http",
            {"method": "GET", "query": "a=b", "path": "/v3", "hostname": "k", "port": 5000, "scheme": "http"},
        ),
        (
            "https",
            {
                "method": "POST",
                "query": "",
                "path": "/v3/x",
                "hostname": "::1",
                "port": 443,
                "scheme": "https",
            },
        ),
    ],
)
def test_the_point_of_osprofiler_comes_back_as_it_was(name: str, requests: dict[str, Any]) -> None:
    point = point_from_info(name, {"requests": requests})
    finish(point, {"requests": {"status_code": 201}})
    span, attributes = point.translate()
    assert to_osprofiler(span, CLIENT, attributes) == (
        name,
        {"requests": requests},
        {"requests": {"status_code": 201}},
    )


def test_a_native_span_reads_as_the_point_of_its_scheme() -> None:
    name, attributes = describe(scheme="https", port=443, status=500)
    assert to_osprofiler(name, CLIENT, attributes) == (
        "https",
        {
            "requests": {
                "method": "GET",
                "query": "",
                "path": "/",
                "hostname": "h",
                "port": 443,
                "scheme": "https",
            }
        },
        {"requests": {"status_code": 500}},
    )


def test_spans_with_the_older_http_attributes_are_understood() -> None:
    attributes = {"http.method": "GET", "http.url": "http://h:1/a?b=c", "http.status_code": 200}
    assert to_osprofiler("HTTP GET", CLIENT, attributes) == (
        "http",
        {
            "requests": {
                "method": "GET",
                "query": "b=c",
                "path": "/a",
                "hostname": "h",
                "port": 1,
                "scheme": "http",
            }
        },
        {"requests": {"status_code": 200}},
    )


def test_a_url_that_cannot_be_parsed_is_reported_as_it_is() -> None:
    assert (
        to_osprofiler("GET", CLIENT, {"http.request.method": "GET", "url.full": "http://[x"})[1]["requests"][
            "path"
        ]
        == "http://[x"
    )


ODD = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.booleans())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(ClientRequest.__slots__), ODD))
def test_whatever_is_in_the_slots_a_span_comes_out(slots: dict[str, Any]) -> None:
    name, attributes = ClientRequest(**slots).describe()
    to_osprofiler(name, CLIENT, attributes)
