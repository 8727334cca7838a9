"""Where an OTLP/HTTP exporter sends to, and how it proves who it is: settings, checked once.

Every ``ValueError`` of this module is one line that begins with the setting at fault (``endpoint``,
``headers``, ``certificate``, ...) and holds no secret.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from otel_bridge.version import __version__
from otel_bridge.wire.destinations import is_loopback

#: What the specification of OTLP exporters asks for: exporter, language, version.
USER_AGENT: Final = f"otel-bridge-OTLP-Exporter-Python/{__version__}"

_CONTENT_TYPE = "application/x-protobuf"
#: Headers that belong to the message framing; a setting that changed them would break every request.
_FRAMING = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


class Target:
    """An endpoint with everything that is constant about the requests to it."""

    __slots__ = ("_head", "_secrets", "context", "host", "loopback", "port", "shown")

    def __init__(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str],
        certificate: str | None,
        client_certificate: str | None,
        client_key: str | None,
    ) -> None:
        """See :class:`otel_bridge.export.http.OtlpHttpExporter`.

        Raises:
            ValueError: a setting is of no use.
        """
        parts, host, port = _parse(endpoint)
        secure = parts.scheme == "https"
        #: As the resolver takes it.
        self.host = host
        self.port = port
        #: Whether what is sent stays on this machine.
        self.loopback = is_loopback(host)
        #: Scheme, host and path, for messages: neither credentials nor query.
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        fields = {"host": _host_header(host, port, 443 if secure else 80)}
        if parts.username:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            fields["authorization"] = "Basic " + base64.b64encode(credentials).decode("ascii")
        fields.update({"user-agent": USER_AGENT, "accept-encoding": "identity"})
        given = _checked(headers)
        in_url = (unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query)))
        self._secrets = _secrets((*given.values(), fields.get("authorization", ""), *in_url))
        fields.update(given)
        fields["content-type"] = _CONTENT_TYPE
        path = quote(parts.path, safe=_PATH_SAFE) or "/"
        query = "?" + quote(parts.query, safe=_PATH_SAFE + "?") if parts.query else ""
        lines = [f"POST {path}{query} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self._head = "\r\n".join(lines).encode("latin-1")
        #: None: no TLS.
        self.context: ssl.SSLContext | None = None
        if secure:
            self.context = tls_context(certificate, client_certificate, client_key)
        else:  # of no effect, but a file that was named and is not there is a mistake all the same
            check_readable(
                certificate=certificate, client_certificate=client_certificate, client_key=client_key
            )

    def head(self, length: int, gzip: bool) -> bytes:
        """The head of a request whose body has ``length`` bytes."""
        coding = b"\r\ncontent-encoding: gzip" if gzip else b""
        return b"%b%b\r\ncontent-length: %d\r\n\r\n" % (self._head, coding, length)

    def mask(self, text: str) -> str:
        """A server's text without the credentials that it may have sent back."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _parse(endpoint: object) -> tuple[Any, str, int]:
    """The split URL, its host as the resolver takes it, its port."""
    if not isinstance(endpoint, str) or not endpoint:
        raise ValueError("endpoint: a URL is needed, such as http://127.0.0.1:4318/v1/traces")
    shown = repr(re.sub(r"//[^/?#]*@", "//***@", endpoint).partition("?")[0])
    if _NOT_IN_URL.search(endpoint):
        raise ValueError(f"endpoint: {shown} contains white space or control characters")
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError(f"endpoint: {shown} is no valid URL: {exc}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"endpoint: {shown} does not begin with http:// or https://")
    if not host:
        raise ValueError(f"endpoint: {shown} has no host")
    if port == 0:
        raise ValueError(f"endpoint: {shown} has port 0")
    host = unquote(host)
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:  # also for an ASCII name with an empty or overlong label
        host = ""
    if not host or _NOT_IN_URL.search(host):
        raise ValueError(f"endpoint: {shown} has a host that is no valid name")
    return parts, host, port or (443 if parts.scheme == "https" else 80)


def _host_header(host: str, port: int, default: int) -> str:
    if ":" in host:
        host = f"[{host.partition('%')[0]}]"  # the zone of an address means nothing to the other side
    return host if port == default else f"{host}:{port}"


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """The operator's headers with lower-case names. Messages never show a value."""
    checked = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"headers: {name!r} is no header name")
        key = name.lower()
        if not isinstance(value, str):
            raise ValueError(f"headers: the value of {name!r} is no text")
        if _CONTROL.search(value):
            raise ValueError(f"headers: the value of {name!r} contains a line break or control character")
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError(f"headers: the value of {name!r} has characters outside latin-1") from None
        if key in _FRAMING or (key == "content-type" and value.strip().lower() != _CONTENT_TYPE):
            raise ValueError(f"headers: {name!r} is set by the exporter itself; remove it")
        checked[key] = value.strip()
    return checked


def _secrets(values: tuple[str, ...]) -> tuple[str, ...]:
    """What of these values must not be shown: all of it, and each longer word (a token after ``Bearer``)."""
    found = {value for value in values if len(value) >= 4}
    found.update(word for value in values for word in value.split() if len(word) >= 8)
    return tuple(sorted(found, key=len, reverse=True))


def check_readable(**files: str | None) -> None:
    """Open each file once; keywords are settings.

    Raises:
        ValueError: one cannot be read.
    """
    for setting, path in files.items():
        if path is not None:
            try:
                with open(path, "rb") as file:
                    file.read(1)
            except (OSError, ValueError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else exc
                raise ValueError(f"{setting}: cannot read {path!r}: {reason}") from None


def tls_context(
    certificate: str | None, client_certificate: str | None, client_key: str | None
) -> ssl.SSLContext:
    """What to trust and what to show in TLS.

    Args:
        certificate: PEM file of the CA certificates to trust; None: those of the system.
        client_certificate: PEM file of our own certificate chain, for mTLS.
        client_key: PEM file of its private key; None: it is in ``client_certificate``.

    Raises:
        ValueError: a file cannot be read or used; the message names the setting.
    """
    check_readable(certificate=certificate, client_certificate=client_certificate, client_key=client_key)
    if client_key is not None and client_certificate is None:
        raise ValueError("client_key: is set, but client_certificate is not")
    try:
        context = ssl.create_default_context(cafile=certificate)
    except ssl.SSLError:
        raise ValueError(f"certificate: {certificate!r} holds no certificates in PEM form") from None
    context.set_alpn_protocols(["http/1.1"])
    if client_certificate is not None:
        try:
            context.load_cert_chain(client_certificate, client_key, password=_no_password)
        except ssl.SSLError as exc:
            if exc.reason == "KEY_VALUES_MISMATCH":
                raise ValueError(
                    f"client_key: {client_key or client_certificate!r} does not belong to client_certificate"
                ) from None
            raise ValueError(
                f"client_certificate: {client_certificate!r}"
                f"{f' with client_key {client_key!r}' if client_key else ''}"
                " holds no certificate and private key in PEM form"
            ) from None
    return context


def _no_password() -> str:
    # Without a callback OpenSSL would ask on the terminal.
    raise ValueError("client_key: is encrypted; a service cannot ask for its password, so decrypt it")
