"""export/diagnosis.py: each kind of trouble is told in one line that says what to check."""

from __future__ import annotations

import http.client
import ssl
from _socket import gaierror

import pytest

from otel_bridge.export import diagnosis


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL] failed")
    error.verify_message = "certificate has expired"
    return error


def tls_error(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL] failed")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (certificate_error(), "its certificate is not accepted: certificate has expired (check certificate)"),
        (tls_error("WRONG_VERSION_NUMBER"), "TLS failed: wrong version number (is this port for http://?)"),
        (tls_error("NO_SHARED_CIPHER"), "TLS failed: no shared cipher"),
        (tls_error(None), "TLS failed: unexpected end"),
        (
            gaierror(-2, "Name or service not known"),
            "the host name cannot be resolved: Name or service not known",
        ),
        (TimeoutError("timed out"), "no answer in time"),
        (http.client.RemoteDisconnected("x"), "closed the connection without a whole answer"),
        (
            http.client.BadStatusLine("s3cret"),
            "the answer is not HTTP/1.1 (is this port for gRPC or https://?)",
        ),
        (ConnectionRefusedError(111, "s3cret"), "Connection refused"),
        (OSError("s3cret"), "no usable answer: OSError"),
    ],
)
def test_error(error: Exception, said: str) -> None:
    """The cause is named, with a hint where a wrong setting is likely, and without anything received."""
    assert diagnosis.of_error(error) == said


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (503, "", "answered 503 Service Unavailable"),
        (503, "disk full", "answered 503 Service Unavailable: disk full"),
        (401, "", "answered 401 Unauthorized (check headers)"),
        (307, "",
         "answered 307 Temporary Redirect (redirects are not followed, set endpoint to the final address)"),
        (599, "", "answered 599"),
    ],
)  # fmt: skip
def test_status(status: int, message: str, said: str) -> None:
    """A status is told with its phrase, the server's words, and what to check."""
    assert diagnosis.of_status(status, message) == said
