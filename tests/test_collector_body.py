"""Bodies of requests, within bounds."""

import gzip
import io
import zlib
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.collector import body
from otel_bridge.collector.body import Refusal


def headers(*pairs):
    made = Message()
    for name, value in pairs:
        made[name] = value
    return made


def refused(call, *arguments):
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    assert caught.value.reason
    return caught.value.status


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ([("Content-Length", "0")], 0),
        ([("Content-Length", "12")], 12),
        ([("Content-Length", "12"), ("content-length", "12")], 12),
        ([("Transfer-Encoding", "chunked")], None),
        ([("Transfer-Encoding", " Chunked ")], None),
    ],
)
def test_the_length_is_what_the_header_says(given, length):
    assert body.declared_length(headers(*given)) == length


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([], 411),
        ([("Content-Length", "-1")], 400),
        ([("Content-Length", "+1")], 400),
        ([("Content-Length", "1_0")], 400),
        ([("Content-Length", "\u0663")], 400),
        ([("Content-Length", "")], 400),
        ([("Content-Length", "9" * 30)], 400),
        ([("Content-Length", "1"), ("Content-Length", "2")], 400),
        ([("Content-Length", "1"), ("Transfer-Encoding", "chunked")], 400),
        ([("Transfer-Encoding", "gzip, chunked")], 501),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], 501),
    ],
)
def test_a_length_that_is_none_is_refused(given, status):
    assert refused(body.declared_length, headers(*given)) == status


@pytest.mark.parametrize("length", [0, 1, 3_000_000])
def test_a_body_of_known_length_is_read_and_no_more(length):
    stream = io.BytesIO(b"x" * length + b"next request")
    assert body.read(stream, length, 3_000_000) == b"x" * length
    assert stream.read() == b"next request"


def test_a_body_that_is_announced_too_long_is_not_read():
    stream = io.BytesIO(b"12345")
    assert refused(body.read, stream, 5, 4) == 413
    assert stream.tell() == 0


def test_a_body_that_ends_early_is_refused():
    assert refused(body.read, io.BytesIO(b"123"), 5, 10) == 400


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from([b"", b";ext=1", b" "]))
def test_chunks_are_put_together(chunks, extension):
    """Property: whatever the chunks, what was cut is whole again."""
    sent = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    stream = io.BytesIO(sent + b"0\r\nTrailer: x\r\n\r\nnext request")
    assert body.read(stream, None, 1000) == b"".join(chunks)
    assert stream.read() == b"next request"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400),
        (b"\r\n", 400),
        (b"5\r\n123", 400),
        (b"zz\r\n", 400),
        (b"-1\r\n", 400),
        (b"0x1\r\na\r\n0\r\n\r\n", 400),
        (b"1\r\nab\r\n0\r\n\r\n", 400),
        (b"1\r\na\r\n0\r\n" + b"t: 1\r\n" * 1000, 400),
        (b"1" + b";" * 5000, 400),
        (b"ffffffffffffffff\r\n", 400),
        (b"b\r\n12345678901\r\n0\r\n\r\n", 413),
        (b"6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n", 413),
        (b"fffffffff\r\n", 413),
    ],
)
def test_chunks_that_are_none_are_refused(sent, status):
    assert refused(body.read, io.BytesIO(sent), None, 10) == status


PLAIN = bytes(range(256)) * 10


@pytest.mark.parametrize(
    ("sent", "encoding"),
    [
        (PLAIN, ""),
        (PLAIN, "identity"),
        (gzip.compress(PLAIN), "gzip"),
        (gzip.compress(PLAIN), " GZIP "),
        (gzip.compress(PLAIN), "x-gzip"),
        (gzip.compress(PLAIN[:100]) + gzip.compress(b"") + gzip.compress(PLAIN[100:]), "gzip"),
    ],
)
def test_compression_is_undone(sent, encoding):
    assert body.decoded(sent, encoding, len(PLAIN)) == PLAIN


@pytest.mark.parametrize(
    ("sent", "encoding", "status"),
    [
        (PLAIN, "br", 415),
        (PLAIN, "gzip, gzip", 415),
        (PLAIN, "gzip", 400),
        (zlib.compress(PLAIN), "gzip", 400),
        (gzip.compress(PLAIN)[:-1], "gzip", 400),
        (gzip.compress(PLAIN)[:5], "gzip", 400),
        (gzip.compress(PLAIN)[:-8] + b"\0" * 8, "gzip", 400),
        (gzip.compress(PLAIN) + b"rubbish", "gzip", 400),
        (gzip.compress(PLAIN + b"x"), "gzip", 413),
        (gzip.compress(PLAIN) * 2, "gzip", 413),
    ],
)
def test_compression_that_is_none_is_refused(sent, encoding, status):
    assert refused(body.decoded, sent, encoding, len(PLAIN)) == status


def test_no_more_is_unpacked_than_is_allowed():
    """A bomb of a thousandfold costs its limit, not its size."""
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        assert refused(body.decoded, bomb, "gzip", 1_000_000) == 413
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=100), st.sampled_from(["", "gzip"]))
@settings(max_examples=100)
def test_any_bytes_are_a_body_or_refused(sent, encoding):
    """Property: nothing but a Refusal comes out."""
    for call in (
        lambda: body.read(io.BytesIO(sent), None, 50),
        lambda: body.decoded(sent, encoding, 50),
        lambda: body.decoded(gzip.compress(b"")[:10] + sent, "gzip", 50),
    ):
        try:
            call()
        except Refusal:
            pass
