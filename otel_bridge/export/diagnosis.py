"""What to tell an operator whose collector cannot be reached, or refuses: the cause, and what to check."""

from __future__ import annotations

import http.client
import ssl
from _socket import gaierror
from os import strerror
from typing import Final

_HINTS: Final = {
    401: "check headers",
    403: "check headers",
    404: "check the path of endpoint, usually /v1/traces",
    405: "check the path of endpoint, usually /v1/traces",
    413: "lower max_export_batch_size",
    415: "it takes no OTLP in protobuf",
}
_NOT_TLS = ("HTTP_REQUEST", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER")


def of_status(status: int, message: str) -> str:
    """What an answer says that is no success.

    Args:
        status: of the answer.
        message: the server's own words, fit to be shown; may be empty.
    """
    text = f"answered {status} {http.client.responses.get(status, '')}".rstrip()
    if message:
        text += f": {message}"
    hint = _HINTS.get(status)
    if 300 <= status < 400:
        hint = "redirects are not followed, set endpoint to the final address"
    return f"{text} ({hint})" if hint else text


def of_error(exc: Exception) -> str:
    """Why an attempt got no answer; nothing of what was sent or received is in it."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {exc.verify_message} (check certificate)"
    if isinstance(exc, ssl.SSLError):
        hint = " (is this port for http://?)" if exc.reason in _NOT_TLS else ""
        return f"TLS failed: {(exc.reason or 'unexpected end').replace('_', ' ').lower()}{hint}"
    if isinstance(exc, gaierror):
        return f"the host name cannot be resolved: {exc.strerror}"
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "closed the connection without a whole answer"
    if isinstance(exc, http.client.HTTPException):
        return "the answer is not HTTP/1.1 (is this port for gRPC or https://?)"
    if isinstance(exc, OSError) and exc.errno:
        return strerror(exc.errno)
    return f"no usable answer: {type(exc).__name__}"
