"""export/target.py: settings of no use are refused with one clear line, the others make the request head."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from otel_bridge.export.target import USER_AGENT, Target, tls_context

URL = "http://127.0.0.1:4318/v1/traces"
CA = trustme.CA()
OTHER = trustme.CA()
CLIENT = CA.issue_cert("client.example")


def make(endpoint: Any = URL, **settings: Any) -> Target:
    settings = {
        "certificate": None,
        "client_certificate": None,
        "client_key": None,
        "headers": {},
        **settings,
    }
    return Target(endpoint, **settings)


def fields(target: Target) -> tuple[str, dict[str, str]]:
    head = target.head(7, gzip=False).decode("latin-1")
    assert head.endswith("\r\n\r\n")
    request, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs)
    return request, {line[0]: line[1] for line in pairs}


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "",
        4318,
        "collector:4318",
        "127.0.0.1:4318",
        "ftp://collector/v1/traces",
        "unix:///run/otlp.sock",
        "http://",
        "http:///v1/traces",
        "http://:4318/v1/traces",
        "http://collector:65536/v1/traces",
        "http://collector:port/v1/traces",
        "http://collector:0/v1/traces",
        "http://[::1/v1/traces",
        "http://a..b/v1/traces",
        "http://" + "a" * 64 + ".example/v1/traces",
        "http://col%0d%0alector/v1/traces",
        "http://collector/v1/traces\r\nX: y",
        "http://collector/v1/ traces",
        "http://collector/\udcff",
    ],
)
def test_bad_endpoint(endpoint: Any) -> None:
    """A URL that cannot be sent to is refused in one line that names the setting."""
    with pytest.raises(ValueError, match=r"^endpoint: ") as caught:
        make(endpoint)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "endpoint", ["ftp://me:s3cret@collector/v1", "http://me:s3cret@/v1", "http://me:s3cret@h:x/?t=t0ken"]
)
def test_refusing_an_endpoint_shows_no_credentials(endpoint: str) -> None:
    """Neither the credentials nor the query of a refused URL are in the message."""
    with pytest.raises(ValueError, match="endpoint") as caught:
        make(endpoint)
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"x-key": "s3cret\r\nx: y"}, "x-key"),
        ({"x-key": "s3cret\n"}, "x-key"),
        ({"x-key": "s3cret\0"}, "x-key"),
        ({"x-key": "s3cret €"}, "x-key"),
        ({"x-key": None}, "x-key"),
        ({"x key": "s3cret"}, "x key"),
        ({"x-key\r\n": "s3cret"}, "x-key"),
        ({"": "s3cret"}, "''"),
        ({"schlüssel": "s3cret"}, "schlüssel"),
        ({"Content-Length": "5"}, "Content-Length"),
        ({"Transfer-Encoding": "chunked"}, "Transfer-Encoding"),
        ({"content-type": "application/json"}, "content-type"),
    ],
)
def test_bad_header(headers: Any, named: str) -> None:
    """A header that cannot be sent is refused by name; its value is not shown."""
    with pytest.raises(ValueError, match=r"^headers: ") as caught:
        make(headers=headers)
    assert named in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "request_line", "host_header", "shown"),
    [
        (URL, "127.0.0.1", 4318, "POST /v1/traces HTTP/1.1", "127.0.0.1:4318", URL),
        ("http://h", "h", 80, "POST / HTTP/1.1", "h", "http://h"),
        ("https://h/a", "h", 443, "POST /a HTTP/1.1", "h", "https://h/a"),
        ("HTTP://H:443/a", "h", 443, "POST /a HTTP/1.1", "h:443", "http://H:443/a"),
        ("http://[::1]:4318/a", "::1", 4318, "POST /a HTTP/1.1", "[::1]:4318", "http://[::1]:4318/a"),
        ("http://[fe80::1%25eth0]/a", "fe80::1%eth0", 80, "POST /a HTTP/1.1", "[fe80::1]", "http://[fe80::1%25eth0]/a"),
        ("http://bücher.example/ä?k=ö#f", "xn--bcher-kva.example", 80, "POST /%C3%A4?k=%C3%B6 HTTP/1.1",
         "xn--bcher-kva.example", "http://bücher.example/ä"),
        ("http://u:p@h/a?k=v", "h", 80, "POST /a?k=v HTTP/1.1", "h", "http://h/a"),
        ("http://my_collector/a%2Fb", "my_collector", 80, "POST /a%2Fb HTTP/1.1", "my_collector", "http://my_collector/a%2Fb"),
    ],
)  # fmt: skip
def test_endpoint(
    endpoint: str, host: str, port: int, request_line: str, host_header: str, shown: str
) -> None:
    """A URL becomes resolver host, port, request line, Host header, and a form that may be shown."""
    target = make(endpoint)
    line, named = fields(target)
    assert (target.host, target.port, line, named["host"], target.shown) == (
        host,
        port,
        request_line,
        host_header,
        shown,
    )


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("[fe80::1]", False),
        ("localhost.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Only names and addresses that cannot leave the machine count as loopback."""
    assert make(f"http://{host}/").loopback is loopback


def test_default_head() -> None:
    """Without settings of headers the head holds what OTLP/HTTP asks for, and no more."""
    assert fields(make())[1] == {
        "host": "127.0.0.1:4318",
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
        "content-type": "application/x-protobuf",
        "content-length": "7",
    }


def test_gzip_is_named_in_the_head() -> None:
    """Content-Encoding says gzip exactly when the body is compressed."""
    assert b"\r\ncontent-encoding: gzip\r\n" in make().head(1, gzip=True)
    assert b"encoding: gzip" not in make().head(1, gzip=False)


def test_headers_of_the_operator_win() -> None:
    """Names are compared without case, values are stripped, and ours give way; latin-1 is kept."""
    headers = {
        "User-Agent": "mine",
        "Host": "virtual",
        "X-A": "  ä ",
        "Content-Type": "application/x-protobuf",
    }
    named = fields(make(headers=headers))[1]
    assert (named["user-agent"], named["host"], named["x-a"]) == ("mine", "virtual", "ä")


def test_credentials_of_the_url_become_basic_authentication() -> None:
    """User and password are unquoted and sent as RFC 7617 says, unless a header says otherwise."""
    expected = "Basic " + base64.b64encode(b"me:pa:ss@").decode()
    url = "http://me:pa%3Ass%40@h/"
    assert fields(make(url))[1]["authorization"] == expected
    assert fields(make(url, headers={"Authorization": "Bearer x"}))[1]["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    "echo",
    ["bad header Bearer t0ken-t0ken!", "bad token t0ken-t0ken", "user me:pa55word", "key=qu3ry-key refused"],
)
def test_mask(echo: str) -> None:
    """Whatever credential a server sends back is masked, whole headers, single words and URL parts alike."""
    target = make("http://me:pa55word@h/?key=qu3ry-key", headers={"authorization": "Bearer t0ken-t0ken"})
    masked = target.mask(echo)
    assert "***" in masked
    assert not any(secret in masked for secret in ("t0ken", "pa55word", "qu3ry"))


def pem(path: Path, *blobs: trustme.Blob) -> str:
    path.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return str(path)


@pytest.mark.parametrize("setting", ["certificate", "client_certificate", "client_key"])
@pytest.mark.parametrize("kind", ["missing", "directory", "nul"])
def test_unreadable_file(tmp_path: Path, setting: str, kind: str) -> None:
    """A file that cannot be read is named with its setting."""
    path = {"missing": str(tmp_path / "no.pem"), "directory": str(tmp_path), "nul": "a\0b"}[kind]
    files: Any = {"certificate": None, "client_certificate": None, "client_key": None, setting: path}
    with pytest.raises(ValueError, match=rf"^{setting}: cannot read ") as caught:
        tls_context(**files)
    assert repr(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not PEM\n", CLIENT.private_key_pem.bytes()])
def test_certificate_without_certificates(tmp_path: Path, content: bytes) -> None:
    """A CA file that holds none is refused."""
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^certificate: .*holds no certificates"):
        tls_context(str(path), None, None)


def test_client_key_without_certificate(tmp_path: Path) -> None:
    """A key alone is of no use."""
    with pytest.raises(ValueError, match=r"^client_key: .*client_certificate"):
        tls_context(None, None, pem(tmp_path / "key.pem", CLIENT.private_key_pem))


def test_client_key_of_another_certificate(tmp_path: Path) -> None:
    """A key that does not fit its certificate is named."""
    cert = pem(tmp_path / "cert.pem", *CLIENT.cert_chain_pems)
    key = pem(tmp_path / "key.pem", CA.issue_cert("other.example").private_key_pem)
    with pytest.raises(ValueError, match=r"^client_key: .*does not belong"):
        tls_context(None, cert, key)


def test_client_certificate_without_any_key(tmp_path: Path) -> None:
    """A certificate without its private key is refused."""
    cert = pem(tmp_path / "cert.pem", *CLIENT.cert_chain_pems)
    with pytest.raises(ValueError, match=r"^client_certificate: .*private key"):
        tls_context(None, cert, None)


def test_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    """Nobody is asked for a password on the terminal of a service."""
    key = serialization.load_pem_private_key(CLIENT.private_key_pem.bytes(), None)
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    cert = pem(tmp_path / "cert.pem", *CLIENT.cert_chain_pems)
    with pytest.raises(ValueError, match=r"^client_key: is encrypted"):
        tls_context(None, cert, str(path))


def test_key_in_the_certificate_file(tmp_path: Path) -> None:
    """Certificate and key may share a file."""
    both = pem(tmp_path / "both.pem", CLIENT.private_key_and_cert_chain_pem)
    assert tls_context(None, both, None).verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize("endpoint", ["http://h/", "https://h/"])
def test_unreadable_file_is_an_error_without_tls_too(endpoint: str) -> None:
    """A file that was named and is not there is refused, whether or not the endpoint uses it."""
    with pytest.raises(ValueError, match=r"^certificate: cannot read"):
        make(endpoint, certificate="/nonexistent")


def test_context_only_for_https() -> None:
    """The scheme alone decides about TLS."""
    assert make("http://h/").context is None
    assert make("https://h/").context is not None
