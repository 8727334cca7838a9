"""Endpoint URLs and headers as the OTLP exporter specification writes them."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.config import endpoint


@pytest.mark.parametrize(
    ("text", "base", "traces", "option"),
    [
        (
            "http://collector:4318",
            "http://collector:4318/v1/traces",
            "http://collector:4318/",
            "http://collector:4318/v1/traces",
        ),
        (
            "http://collector:4318/",
            "http://collector:4318/v1/traces",
            "http://collector:4318/",
            "http://collector:4318/v1/traces",
        ),
        (
            "http://collector:4318/mycollector/",
            "http://collector:4318/mycollector/v1/traces",
            "http://collector:4318/mycollector/",
            "http://collector:4318/mycollector/",
        ),
        (
            "https://collector.example.com/v1/traces",
            "https://collector.example.com/v1/traces/v1/traces",
            "https://collector.example.com/v1/traces",
            "https://collector.example.com/v1/traces",
        ),
        (
            "HTTPS://[::1]:4318/a?tenant=x#part",
            "https://[::1]:4318/a/v1/traces?tenant=x",
            "https://[::1]:4318/a?tenant=x",
            "https://[::1]:4318/a?tenant=x",
        ),
        ("http://h:", "http://h/v1/traces", "http://h/", "http://h/v1/traces"),
    ],
)
def test_http_urls(text, base, traces, option):
    """v1/traces goes below a base URL; a URL for traces is used as it is (specification, examples 1 to 3)."""
    assert endpoint.base_url(text).url == base
    assert endpoint.traces_url(text).url == traces
    assert endpoint.any_url(text).url == option


@pytest.mark.parametrize(("text", "secure"), [("http://h", False), ("https://h", True)])
def test_scheme_decides_encryption(text, secure):
    """Both for HTTP and for gRPC."""
    assert endpoint.any_url(text).secure is secure
    assert endpoint.grpc_target(text).secure is secure


def test_credentials_become_a_header():
    """What stands before the @ leaves the URL, decoded, as Basic authorisation."""
    found = endpoint.any_url("https://me:p%40ss@h:1/x")
    assert found.url == "https://h:1/x"
    assert found.authorization == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert endpoint.any_url("https://@h/x") == ("https://h/x", None, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("collector:4318", "begins with http:// or https://"),
        ("localhost", "begins with http:// or https://"),
        ("ftp://h/", "begins with http:// or https://"),
        ("http://", "names no host"),
        ("http://:4318", "names no host"),
        ("http:///v1/traces", "names no host"),
        ("http://h:port", "check its host and port"),
        ("http://h:99999", "check its host and port"),
        ("http://[::1", "check its host and port"),
        ("http://h:0", "port 0"),
        ("http://h/a b", "characters"),
        ("http://h\n/a", "characters"),
        ("http://h\u00e9", "characters"),
        ("http://h/\udcff", "characters"),
    ],
)
@pytest.mark.parametrize("parse", [endpoint.base_url, endpoint.traces_url, endpoint.any_url])
def test_bad_urls(text, reason, parse):
    """The reason shows the URL, escaped, and says what is the matter."""
    with pytest.raises(ValueError, match=reason) as caught:
        parse(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "target", "secure"),
    [
        ("http://collector:4317", "http://collector:4317", False),
        ("https://collector:4317/", "https://collector:4317", True),
        ("collector:4317", "collector:4317", None),
        ("dns:///collector:4317", "dns:///collector:4317", None),
        ("unix:/run/collector.sock", "unix:/run/collector.sock", None),
    ],
)
def test_grpc_targets(text, target, secure):
    """gRPC takes URLs and everything that its resolvers understand."""
    assert endpoint.grpc_target(text) == (target, None, secure)


@pytest.mark.parametrize("text", ["u:s3cr3t@h:4317", "a b", "h\u00e9:4317", "http://h:x"])
def test_bad_grpc_targets(text):
    """Credentials have no place in a target that is no URL."""
    with pytest.raises(ValueError) as caught:
        endpoint.grpc_target(text)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h:1/x", "'http://h:1/x'"),
        ("http://u:s3cr3t@h:1/x", "'http://***@h:1/x'"),
        ("http://u:s3cr3t//x@h", "'http://***@h'"),
        ("http://u:s3c@r3t@h", "'http://***@h'"),
        ("http://u:?s3cr3t@h", "'http://***'"),
        ("u:s3cr3t@h", "'***@h'"),
        ("http://h/?token=s3cr3t", "'http://h/'"),
        ("http://h/#s3cr3t", "'http://h/'"),
        ("a\nb", "'a\\nb'"),
    ],
)
def test_mask(text, shown):
    """A message shows neither credentials nor a query, nor anything that breaks its line."""
    assert endpoint.mask(text) == shown


URL_LIKE = st.from_regex(r"\A(https?://|//|)[a-z0-9:/?#@%\[\]. ]{0,12}\Z") | st.text(max_size=12)


@given(URL_LIKE, URL_LIKE)
def test_no_url_fails_otherwise_or_leaks(before, after):
    """Any text gives a URL without credentials, or a reason without them."""
    text = f"{before}s3cr3t@{after}"
    for parse in (endpoint.base_url, endpoint.traces_url, endpoint.any_url, endpoint.grpc_target):
        try:
            authority = urlsplit(parse(text).url).netloc
        except ValueError as error:
            authority = str(error)
        assert "s3cr3t" not in authority
        assert authority.isprintable()


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        (" Api-Key = x , B=y,", {"api-key": "x", "b": "y"}),
        ("authorization=Bearer%20abc", {"authorization": "Bearer abc"}),
        ("authorization=Basic dXNlcjpwYXNz=", {"authorization": "Basic dXNlcjpwYXNz="}),
        ("a=1%2C2", {"a": "1,2"}),
        ("a=+", {"a": "+"}),
        ("a=", {"a": ""}),
        ("a=1,A=2", {"a": "2"}),
    ],
)
def test_headers(text, headers):
    """W3C Baggage's format, percent-decoded, names in lower case."""
    assert endpoint.parse_headers(text) == (headers, [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("s3cr3t", "entry 2 is not name=value"),
        ("=s3cr3t", "entry 2 is not name=value"),
        ("a b=s3cr3t", "entry 2 is not name=value"),
        ("s3cr3t\u00e9=x", "entry 2 is not name=value"),
        ("a=s3cr3t%0d%0aevil:x", "entry 2 has a value with characters"),
        ("a=s3cr3t\u00e9", "entry 2 has a value with characters"),
        ("a=s3cr3t%ff", "entry 2 is not name=value"),
        ("Content-Type=s3cr3t", "entry 2 is a header that the exporter sets itself"),
    ],
)
def test_bad_headers(text, complaint):
    """A bad entry is left out, the others stay, and the complaint shows nothing of it."""
    headers, complaints = endpoint.parse_headers(f"ok=1,{text}")
    assert headers == {"ok": "1"}
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)
    assert "s3cr3t" not in complaints[0]


@given(st.text())
def test_headers_never_fail(text):
    """What comes back can be sent by any HTTP client."""
    headers, _ = endpoint.parse_headers(text)
    for name, value in headers.items():
        assert name == name.lower()
        assert (name + value).isascii()
        assert not {"\r", "\n", "\0"} & set(name + value)
