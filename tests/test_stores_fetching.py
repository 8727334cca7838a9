"""One bounded HTTP request, against servers that do everything wrong."""

import gzip
import socket
import ssl
import threading
from dataclasses import replace
from time import monotonic

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import answer, serving

from otel_bridge.stores.address import Address
from otel_bridge.stores.fetching import Answer, Fetcher
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import StoreError


def fetcher(server, **options):
    more = {name: options.pop(name) for name in ("max_answer",) if name in options}
    return Fetcher(
        Address.parse(f"http://{server.netloc}"), StoreOptions(**{"timeout": 10, **options}), **more
    )


def failure(script, **options):
    """The message with which fetching from a server fails."""
    with serving(script) as server:
        with pytest.raises(StoreError) as caught:
            fetcher(server, **options).get("/x")
        message = str(caught.value)
        assert message.startswith(f"http://{server.netloc}: ")
        return message


def test_an_answer_is_handed_over_as_it_is():
    with serving(lambda head: [answer('{"a": 1}', status=404)]) as server:
        got = fetcher(server).get("/path", {"a": "b c", "d": "&"})
    assert (got.status, got.content_type, got.json()) == (404, "application/json", {"a": 1})
    assert server.heads[0].startswith("GET /path?a=b+c&d=%26 HTTP/1.1\r\n")


def test_the_media_type_is_without_parameters_and_empty_when_missing():
    with serving(lambda head: [answer("", content_type="Text/HTML; charset=utf-8")]) as server:
        assert fetcher(server).get("/").content_type == "text/html"
    with serving(lambda head: [b"HTTP/1.1 200 OK\r\n\r\n{}"]) as server:
        assert fetcher(server).get("/") == Answer(200, "", b"{}")


def test_the_base_path_comes_first():
    with serving(lambda head: [answer("{}")]) as server:
        Fetcher(Address.parse(f"jaeger+http://{server.netloc}/base/")).get("/api")
    assert server.heads[0].startswith("GET /base/api HTTP")


def test_credentials_are_sent_as_basic_authentication():
    with serving(lambda head: [answer("{}")]) as server:
        Fetcher(Address.parse(f"http://Aladdin:open%20sesame@{server.netloc}")).get("/")
    assert "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in server.heads[0]


def test_chunks_are_put_together():
    pieces = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n{}\r\n", b"0\r\n\r\n"]
    with serving(lambda head: pieces) as server:
        assert fetcher(server).get("/").body == b"{}"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (lambda head: [answer("", status=401)], "asks for credentials (status 401): put USER:PASSWORD@"),
        (lambda head: [answer("", status=403)], "asks for credentials (status 403)"),
        (
            lambda head: [answer("", status=302, Location="http://u:secret@else.example.org/")],
            "sends us on to 'http://***@else.example.org/'",
        ),
        (lambda head: [], "cut off"),
        (lambda head: [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], "cut off"),
        (lambda head: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"], "cut off"),
        (lambda head: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nha"], "cut off"),
        (lambda head: [b"SSH-2.0-OpenSSH_9.2\r\n"], "not HTTP"),
        (lambda head: [b"\x00" * 5000], "not HTTP"),
        (lambda head: [b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500], "not HTTP"),
        (lambda head: [answer("x" * 2_000_000)], "longer than 1 MiB"),
        (lambda head: [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000], "longer than 1 MiB"),
    ],
)
def test_a_bad_answer_is_one_line_that_says_what_to_do(script, says):
    message = failure(script, max_answer=1024 * 1024)
    assert says in message
    assert "secret" not in message


def test_refused_credentials_are_told_from_missing_ones():
    with serving(lambda head: [answer("", status=401)]) as server:
        with pytest.raises(StoreError, match="refuses these credentials") as caught:
            Fetcher(Address.parse(f"http://u:secret@{server.netloc}")).get("/")
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]
)
def test_a_server_that_hangs_is_given_up_in_time(first):
    over = threading.Event()

    def script(head):
        yield first
        over.wait(10)

    started = monotonic()
    with serving(script) as server:
        with pytest.raises(StoreError, match=r"no complete answer within 0\.2 s"):
            fetcher(server, timeout=0.2).get("/")
        over.set()
    assert monotonic() - started < 5


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX-Trickle: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_trickles_is_given_up_in_time(first):
    over = threading.Event()

    def script(head):
        yield first
        while not over.wait(0.01):
            yield b"x"

    started = monotonic()
    with serving(script) as server:
        with pytest.raises(StoreError, match="no complete answer"):
            fetcher(server, timeout=0.3).get("/")
        over.set()
    assert monotonic() - started < 5


def test_nobody_there_is_said():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match="connection refused: nothing listens there"):
        Fetcher(Address.parse(f"http://127.0.0.1:{port}")).get("/")


def test_a_name_that_is_not_known_is_said():
    with pytest.raises(StoreError, match="host name is not known"):
        Fetcher(Address.parse("http://no-such-host.invalid:1")).get("/")


def test_http_where_tls_was_meant_is_said():
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def refuse():
            connection, _ = plain.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(StoreError, match=r"TLS failed .*: is http:// meant"):
            Fetcher(Address.parse(f"https://127.0.0.1:{plain.getsockname()[1]}")).get("/")
        thread.join()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_certificate_that_nobody_vouches_for_is_said(tls):
    with serving(lambda head: [answer("{}")], tls) as server:
        with pytest.raises(StoreError, match=r"certificate is not trusted .*: name the file of the CA"):
            Fetcher(Address.parse(f"https://{server.netloc}")).get("/")
        assert server.heads == []


def test_a_trusted_server_is_read_by_tls(tls, authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(lambda head: [answer("{}")], tls) as server:
        assert Fetcher(Address.parse(f"https://{server.netloc}")).get("/").body == b"{}"


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_an_answer_or_a_store_error(garbage):
    """Property: whatever a server sends, what comes out is an Answer or a StoreError of one line."""
    with serving(lambda head: [garbage]) as server:
        try:
            got = fetcher(server).get("/")
        except StoreError as error:
            got = error
    assert isinstance(got, Answer) or str(got).isprintable()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, "b"]}', {"a": [1, "b"]}),
        (b'"\\ud800 alone"', "? alone"),
        (b'{"\\uDC00": "\\ud83d\\ude00"}', {"?": "\U0001f600"}),
    ],
)
def test_json_holds_nothing_that_cannot_be_encoded(body, value):
    assert Answer(200, "", body).json() == value


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_a_value_error(body):
    with pytest.raises(ValueError):
        Answer(200, "", body).json()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (Answer(500, "application/json", b'{"error": "out of disk"}'), "status 500 (out of disk)"),
        (
            Answer(400, "text/plain", b'{"error": {"httpCode": 400, "message": "start missing"}}'),
            "status 400 (start missing)",
        ),
        (Answer(502, "text/html", b"<h1>Bad gateway</h1>"), "answered status 502: see the log"),
        (Answer(200, "text/html", b"<h1>Hello</h1>"), "answered a web page, not tea: correct the address"),
        (Answer(404, "text/plain", b"nothing"), "answered something else, not tea: correct the address"),
        (Answer(200, "", b"nothing"), "answered something else, not tea"),
    ],
)
def test_an_unexpected_answer_is_explained(given, says):
    assert says in str(Fetcher(Address.parse("http://host:1")).unexpected(given, "tea"))


def test_headers_are_sent_as_they_were_given():
    options = StoreOptions(headers={"X-Scope-OrgID": "tenant", "Authorization": "Bearer abc"})
    with serving(lambda head: [answer("{}")]) as server:
        Fetcher(Address.parse(f"http://u:p@{server.netloc}"), options).get("/")
    assert "\r\nx-scope-orgid: tenant\r\n" in server.heads[0]
    # Who gives a header means that, and not what the URL says.
    assert "\r\nauthorization: Bearer abc\r\n" in server.heads[0]
    assert server.heads[0].lower().count("authorization") == 1


def test_credentials_follow_no_redirect():
    """Nothing at all is sent to where an answer points."""
    options = StoreOptions(headers={"x-token": "s3cr3t"})
    with serving(lambda head: [answer("{}")]) as there:
        sent = answer("", status=307, Location=f"http://{there.netloc}/")
        with serving(lambda head: [sent]) as server, pytest.raises(StoreError, match="sends us on"):
            Fetcher(Address.parse(f"http://u:s3cr3t@{server.netloc}"), options).get("/")
    assert there.heads == []


def test_a_header_that_was_refused_is_told_from_a_missing_one():
    options = StoreOptions(headers={"authorization": "Bearer s3cr3t"})
    with (
        serving(lambda head: [answer("", status=403)]) as server,
        pytest.raises(StoreError, match="refuses these credentials") as caught,
    ):
        Fetcher(Address.parse(f"http://{server.netloc}"), options).get("/")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", "identity"), ("::1", "identity"), ("localhost.", "identity"), ("h", "gzip, identity")],
)
def test_compression_is_asked_for_where_a_network_lies_between(host, wanted):
    address = replace(Address.parse("http://h:1"), host=host)
    assert Fetcher(address)._encodings == wanted


def test_what_is_compressed_is_unpacked():
    body = b"[" + b"1," * 500_000 + b"1]"
    with serving(lambda head: [answer(gzip.compress(body), Content_Encoding="gzip")]) as server:
        assert fetcher(server).get("/").body == body


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (answer(gzip.compress(b"x" * 500)[:-9], Content_Encoding="gzip"), "cut off"),
        (answer(b"nothing of the kind", Content_Encoding="gzip"), "not HTTP"),
        (answer(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip"), "longer than 1 MiB"),
        (answer(b"{}", Content_Encoding="br"), "in the encoding 'br', which was not asked for"),
    ],
)
def test_what_cannot_be_unpacked_is_one_line(sent, says):
    assert says in failure(lambda head: [sent], max_answer=1024 * 1024)


def test_an_answer_can_be_read_as_it_comes():
    go_on = threading.Event()

    def script(head):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirst"
        go_on.wait(10)
        yield b"end"

    with serving(script) as server, fetcher(server).open("/") as arriving:
        assert next(arriving.pieces) == b"first"
        go_on.set()
        assert b"".join(arriving.pieces) == b"end"


def test_the_end_is_known_without_waiting_for_it():
    """A server that keeps the connection open although it was told not to."""
    over = threading.Event()

    def script(head):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        over.wait(10)

    started = monotonic()
    with serving(script) as server:
        assert fetcher(server, timeout=5).get("/").body == b"{}"
        assert monotonic() - started < 4
        over.set()


def test_an_answer_that_is_left_half_read_leaves_nothing_open():
    sent = answer(b"x" * 3_000_000)
    with serving(lambda head: [sent]) as server, fetcher(server).open("/") as arriving:
        assert next(arriving.pieces)


@pytest.mark.parametrize("body", [b"[]", b"5", b"{", b""])
def test_a_document_is_an_object(body):
    assert Answer(200, "application/json", body).document() is None
    assert Answer(200, "text/html", b"{}").document() is None
    assert Answer(200, "", b'{"a": 1}').document() == {"a": 1}


def test_a_certificate_of_a_named_authority_is_trusted(tls, authority, tmp_path):
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with serving(lambda head: [answer("{}")], tls) as server:
        options = StoreOptions(ca_file=str(ca_file))
        assert Fetcher(Address.parse(f"https://{server.netloc}"), options).get("/").body == b"{}"


def test_a_client_shows_its_certificate_where_it_has_one(authority, tmp_path):
    demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(demanding)
    authority.configure_trust(demanding)
    demanding.verify_mode = ssl.CERT_REQUIRED
    files = {name: str(tmp_path / name) for name in ("ca", "cert", "key")}
    reader = authority.issue_cert("reader")
    authority.cert_pem.write_to_path(files["ca"])
    reader.cert_chain_pems[0].write_to_path(files["cert"])
    reader.private_key_pem.write_to_path(files["key"])
    shown = StoreOptions(ca_file=files["ca"], cert_file=files["cert"], key_file=files["key"])
    with serving(lambda head: [answer("{}")], demanding) as server:
        address = Address.parse(f"https://{server.netloc}")
        assert Fetcher(address, shown).get("/").body == b"{}"
        with pytest.raises(StoreError, match=r"client certificate asked for|cut off"):
            Fetcher(address, StoreOptions(ca_file=files["ca"])).get("/")


def test_files_of_certificates_do_not_matter_without_tls():
    with serving(lambda head: [answer("{}")]) as server:
        assert fetcher(server, ca_file="/nowhere").get("/").body == b"{}"
