"""What an error of a connection means for the person who named the address."""

from __future__ import annotations

import http.client
import socket
import ssl


def explained(error: Exception, timeout: float) -> str:
    """One line: what went wrong, and what to do.

    Args:
        error: what connecting, sending or reading raised.
        timeout: seconds that were waited, if it was in vain.
    """
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({error.verify_message}): "
                "name the file of the CA that signed it, or set SSL_CERT_FILE to it"
            )
        case ssl.SSLError():
            reason = error.reason or error
            return f"TLS failed ({reason}): is http:// meant, or is a client certificate asked for?"
        case TimeoutError():
            return (
                f"no complete answer within {timeout:g} s: see whether it is overloaded or the address is "
                "another program's"
            )
        case ConnectionRefusedError():
            return "connection refused: nothing listens there; start it or correct the address"
        case socket.gaierror():
            return f"the host name is not known ({error.strerror}): correct the address"
        case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionError():
            return "the answer was cut off: try again, and see the log over there"
        case OSError():
            return f"cannot be reached ({error.strerror or error}): correct the address"
    return "answered something that is not HTTP: correct the address"
