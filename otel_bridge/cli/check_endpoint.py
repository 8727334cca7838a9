"""Whether the endpoint takes spans: the way to it, and what it answers to an export without a span."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from time import monotonic, time
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_bridge.cli import check_certificate, check_connection
from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.cli.findings import Finding, note, ok, problem
from otel_bridge.export import answer
from otel_bridge.export.http import MAX_BODY
from otel_bridge.export.stream import Stream
from otel_bridge.export.target import Target

if TYPE_CHECKING:
    from otel_bridge.settings import ExportSettings

ANSWER: Final = "answer"
#: Seconds that the endpoint has for all of it.
TIMEOUT: Final = 5.0
#: How a TLS record and an HTTP/2 connection begin, as http.client shows a line that is none of HTTP.
_TLS_ALERT, _SETTINGS = "\x15\x03", "\x00\x00"
#: What servers say to plain HTTP where they want TLS.
_WANTS_TLS: Final = (b"HTTPS server", b"HTTPS port", b"SSL-enabled server port")


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: Unix time when it was asked, and when the head of the answer was there.
    asked: float
    answered: float

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").lower()


class Reached(NamedTuple):
    """How it ended."""

    #: Spans can be sent there.
    takes_spans: bool
    reply: Reply | None = None


_NOT: Final = Reached(False)


def findings(export: ExportSettings, named_by: str) -> Generator[Finding, None, Reached]:
    """Ask an endpoint of OTLP over HTTP.

    Args:
        export: where to, and with what.
        named_by: the option or variable that names the endpoint.
    """
    try:
        target = Target(
            export.endpoint,
            headers=export.headers,
            certificate=export.certificate,
            client_certificate=export.client_certificate,
            client_key=export.client_key,
        )
    except (OSError, ValueError) as error:
        yield problem(ANSWER, f"the exporter cannot be made: {error}")
        return _NOT
    remaining = deadline(TIMEOUT)
    way = Way(target.host, target.port, target.context, named_by, export.certificate)
    stream = yield from check_connection.reach(way, remaining)
    if stream is None:
        return _NOT
    began = monotonic()
    try:
        with closing(stream):
            reply = exchange(stream, target.head(0, gzip=False))
    except (OSError, http.client.HTTPException) as error:
        yield problem(ANSWER, _no_answer(error, way))
        return _NOT
    found = list(_judge(reply, export, named_by, target.mask, monotonic() - began))
    yield from found
    return Reached(all(finding.is_ok for finding in found), reply)


def exchange(stream: Stream, request: bytes) -> Reply:
    """Send a request without a body, and read the answer.

    Raises:
        OSError: there is none in time.
        http.client.HTTPException: it is no HTTP.
    """
    asked = time()
    stream.sendall(request)
    method = request.partition(b" ")[0].decode("ascii")
    with http.client.HTTPResponse(stream, method=method) as response:  # type: ignore[arg-type]
        response.begin()
        answered = time()
        if stream.ended:  # http.client takes a head that was cut off for a whole one
            raise http.client.RemoteDisconnected("in the head of the answer")
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            body = response.read(MAX_BODY)
        except (OSError, http.client.HTTPException):  # the status says enough
            body = b""
    return Reply(response.status, headers, body, asked, answered)


def _judge(
    reply: Reply, export: ExportSettings, named_by: str, clean: Callable[[str], str], took: float
) -> Iterator[Finding]:
    status = reply.status
    said = answer.one_line(clean(answer.error_message(reply.body, reply.content_type)))
    if 200 <= status < 300:
        if reply.content_type.startswith("text/html"):
            yield problem(
                ANSWER,
                f"{status} with a web page, so something else listens there: the address of a user interface,"
                f" perhaps; correct port and path in {named_by}",
                status=status,
            )
            return
        text = f"{status}: an empty export was accepted within {took * 1000:.0f} ms"
        yield ok(ANSWER, text, status=status, milliseconds=round(took * 1000, 1))
        rejected, message = answer.partial_success(reply.body, reply.content_type)
        if message:
            yield note(ANSWER, f"it says: {answer.one_line(clean(message))}", rejected=rejected)
        return
    reason = http.client.responses.get(status, "")
    text = f"{status} {reason}".rstrip() + (f" ({said})" if said else "")
    yield problem(ANSWER, f"{text}: {_advice(reply, export, named_by)}", status=status)


def _advice(reply: Reply, export: ExportSettings, named_by: str) -> str:
    status = reply.status
    if any(words in reply.body for words in _WANTS_TLS):
        return f"it wants TLS: use https:// in {named_by} (otel+https://)"
    if 300 <= status < 400:
        return f"redirects are not followed: use the final address in {named_by}"
    if status in (401, 403, 407):
        sent = ", ".join(export.headers)
        what = f"what is sent does not suffice ({sent})" if sent else "no header is sent"
        return f"it asks for credentials, and {what}: put them into [otel_bridge] headers"
    if status in (404, 405, 501):
        return (
            "nothing takes spans at this path: OTLP is usually at /v1/traces; correct path and port in"
            f" {named_by}"
        )
    if status == 413:
        return (
            "a proxy on the way limits what is sent: raise that, or lower [otel_bridge] max_export_batch_size"
        )
    if status == 415:
        return "it takes no OTLP in protobuf: see the protocols of its receiver"
    if status in (502, 504):
        return "a proxy is there, and the collector behind it is not: see the log over there"
    if status in (429, 503):
        return "it is overloaded, or not ready: spans are sent again for a while, and lost after that"
    return "see the log over there"


def _no_answer(error: Exception, way: Way) -> str:
    if isinstance(error, ssl.SSLError):
        return check_certificate.alert(error, way.named_by)
    if isinstance(error, TimeoutError):
        return "none in time: it takes connections and says nothing; is it a collector, and does it hang?"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
        tls = "" if way.context is not None else " or for https://"
        return f"it closed the connection without one: is this port for gRPC{tls}? {_hint(way)}"
    if isinstance(error, http.client.BadStatusLine):
        line = str(error).strip("'\"")
        if line.startswith((_TLS_ALERT, repr(_TLS_ALERT)[1:-1])):
            return f"it speaks TLS: use https:// in {way.named_by} (otel+https://)"
        if line.startswith((_SETTINGS, repr(_SETTINGS)[1:-1])):
            return f"it speaks HTTP/2: is this port for gRPC? {_hint(way)}"
        return f"it is no HTTP: something else listens there; correct the port in {way.named_by}"
    return f"it is no HTTP that can be read: is this port for gRPC? {_hint(way)}"


def _hint(way: Way) -> str:
    return f"Use the one for HTTP, mostly 4318, in {way.named_by}, or protocol grpc (otel+grpc://)"
