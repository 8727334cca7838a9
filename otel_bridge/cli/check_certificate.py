"""What a TLS server shows: why it is not accepted, and how long it will be."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from time import time
from typing import Any, Final

from otel_bridge.cli.check_way import Way, deadline
from otel_bridge.cli.findings import Finding, note, ok
from otel_bridge.config.sources import shorten
from otel_bridge.export import native
from otel_bridge.export.stream import TlsStream

_ABOUT: Final = "TLS"
#: Seconds for a second look at a certificate that is not accepted.
_LOOK: Final = 2.0
_DAY: Final = 86400
#: Days before its end from which a certificate is told about.
_SOON: Final = 14
#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_CHECK_TIME: Final = 0x200000
#: Names of one certificate that are shown.
_MOST_NAMES: Final = 20
# OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h).
_NOT_YET, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_WRONG_NAME: Final = (62, 64)
_UNKNOWN_ISSUER: Final = (2, 19, 20, 21)
_PLAIN: Final = ("HTTP_REQUEST", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG")
_CERTIFICATE: Final = "[otel_bridge] certificate"


def accepted(stream: TlsStream) -> Iterator[Finding]:
    """What there is to say about a certificate that is trusted."""
    shown = stream.certificate
    names = _names(shown)[:_MOST_NAMES]
    end = _end(shown)
    until = f" until {_date(end)}" if end else ""
    yield ok(
        _ABOUT,
        f"{stream.version}, with a certificate for {shorten(', '.join(names)) or 'no name'} that is"
        f" trusted{until}",
        version=stream.version,
        names=names,
        until=_date(end) if end else None,
    )
    if end and end - time() < _SOON * _DAY:
        days = max(0, int((end - time()) // _DAY))
        yield note(
            _ABOUT, f"its certificate expires in {days} day{'' if days == 1 else 's'}: have it renewed"
        )


def refusal(error: Exception, way: Way, address: str) -> str:
    """Why there is no TLS, and what to do.

    Args:
        error: of the hand-shake.
        way: that was taken.
        address: that of its host which took the connection; it is asked for its certificate.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, way, _look(way, address))
    if isinstance(error, ssl.SSLError):
        return alert(error, way.named_by)
    if isinstance(error, TimeoutError):
        return "no answer in time: does it speak TLS at this port at all?"
    if isinstance(error, OSError):
        return (
            f"it closed the connection ({error.strerror or 'no reason'}): is this port for http://"
            " without TLS?"
        )
    return f"{way.host} cannot be asked for in TLS ({error}): correct it in {way.named_by}"


def alert(error: ssl.SSLError, named_by: str) -> str:
    """What a TLS error that is not about the server's certificate means."""
    reason = error.reason or ""
    said = reason.replace("_", " ").lower() or "an unexpected end"
    if reason in _PLAIN:
        return (
            f"it does not speak TLS at this port: use the one that does, or http:// in {named_by} (otel://)"
        )
    if isinstance(error, ssl.SSLEOFError) or not reason:
        return "it closed the connection: is this port for http:// without TLS?"
    if "CERTIFICATE_REQUIRED" in reason or reason == "SSLV3_ALERT_HANDSHAKE_FAILURE":
        return (
            f"it asks for a certificate of this service ({said}): set [otel_bridge] client_certificate and"
            " client_key"
        )
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return (
            f"it does not accept the certificate of this service ({said}): see [otel_bridge]"
            " client_certificate"
        )
    return f"no agreement with the server: {said}"


def _untrusted(error: ssl.SSLCertVerificationError, way: Way, shown: Mapping[str, Any]) -> str:
    code = error.verify_code
    issuer = _name(shown.get("issuer"))
    by = f" of {issuer}" if issuer else ""
    if code == _EXPIRED:
        end = _end(shown)
        when = f" on {_date(end)}" if end else ""
        return (
            f"its certificate{by} has expired{when}: have it renewed over there (or is this host's clock"
            " wrong?)"
        )
    if code == _NOT_YET:
        return f"its certificate{by} is not valid yet: is the clock of this host right?"
    if code in _WRONG_NAME:
        names = ", ".join(_names(shown)) or "another name"
        return (
            f"its certificate is for {shorten(names)}, and not for {way.host}: name it so in"
            f" {way.named_by}, or have the certificate issued for this name"
        )
    if code == _SELF_SIGNED:
        return f"its certificate is self-signed and not trusted: set {_CERTIFICATE} to a PEM file with it"
    if code in _UNKNOWN_ISSUER:
        trusted = f"in {way.certificate}" if way.certificate else "among the authorities of the system"
        return (
            f"the authority that signed its certificate{by} is not {trusted}: set {_CERTIFICATE} to its"
            " PEM file"
        )
    return f"its certificate{by} is not accepted: {error.verify_message}"


def _look(way: Way, address: str) -> Mapping[str, Any]:
    """What a server's certificate says, without trusting it; empty where that cannot be found out.

    The ssl module takes apart trusted certificates only: it is asked for first, and trusted then.
    """
    remaining = deadline(_LOOK)
    try:
        anything = ssl.create_default_context()
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        with closing(_stream(anything, way, address, remaining)) as stream:
            raw = stream.raw_certificate
        only_it = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        only_it.check_hostname = False
        only_it.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        only_it.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(raw))
        with closing(_stream(only_it, way, address, remaining)) as stream:
            return stream.certificate
    except (OSError, ValueError):
        return {}


def _stream(context: ssl.SSLContext, way: Way, address: str, remaining: Callable[[], float]) -> TlsStream:
    return TlsStream(native.create_connection(address, way.port, remaining), remaining, context, way.host)


def _names(shown: Mapping[str, Any]) -> list[str]:
    """Hosts that a certificate is for."""
    names = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    return names or [name for name in [_name(shown.get("subject"))] if name]


def _name(distinguished: Any) -> str:
    """The common name of a subject or an issuer, or else its organisation."""
    entries = {key: str(value) for part in distinguished or () for key, value in part}
    return shorten(entries.get("commonName") or entries.get("organizationName") or "")


def _end(shown: Mapping[str, Any]) -> float:
    try:
        return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))
    except (KeyError, ValueError):
        return 0.0


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
