"""What an error of a connection means for the person who named the address."""

import http.client
import socket
import ssl

import pytest

from otel_bridge.stores import failures


def tls_error(kind, **details):
    """As the module ssl raises it."""
    error = kind(1, "failed")
    for name, value in details.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            tls_error(ssl.SSLCertVerificationError, verify_message="self-signed certificate"),
            "its certificate is not trusted (self-signed certificate)",
        ),
        (tls_error(ssl.SSLError, reason="WRONG_VERSION_NUMBER"), "TLS failed (WRONG_VERSION_NUMBER)"),
        (TimeoutError(), "no complete answer within 2.5 s"),
        (ConnectionRefusedError(), "nothing listens there"),
        (socket.gaierror(-2, "Name or service not known"), "host name is not known"),
        (http.client.IncompleteRead(b"", 5), "cut off"),
        (http.client.RemoteDisconnected(), "cut off"),
        (ConnectionResetError(), "cut off"),
        (OSError(113, "No route to host"), "cannot be reached (No route to host)"),
        (http.client.BadStatusLine("SSH-2.0"), "not HTTP"),
        (ValueError("invalid literal"), "not HTTP"),
    ],
)
def test_each_kind_is_a_line_that_says_what_to_do(error, says):
    text = failures.explained(error, 2.5)
    assert says in text
    assert ": " in text
    assert "\n" not in text
