"""What a process was configured to do: frozen values, and what was wrong with the configuration.

:mod:`otel_bridge.config` builds them; everything else only reads them. Secrets are left out of ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from otel_bridge.policy import Policy
from otel_bridge.wire.signing import KeyRing

Protocol = Literal["http/protobuf", "grpc", "console", "none"]
Compression = Literal["gzip", "none", "auto"]
RpcTraceInfo = Literal["off", "unkeyed", "keyed"]

#: What ``[otel_bridge] instrument`` may name, in the order in which it is done.
INSTRUMENTATIONS: Final = ("messaging", "sqlalchemy", "requests", "httpx", "threads", "logs")


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the configuration; ``str`` of it is the line for the operator."""

    #: The option or variable, as the operator writes it: ``[otel_bridge] endpoint``, ``OTEL_SERVICE_NAME``.
    option: str
    #: What is wrong with it and what to do. Never holds a secret.
    message: str
    #: The service starts, but untraced.
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.option}: {self.message}"


class ConfigError(Exception):
    """Configuration that cannot be used at all; ``str`` of it is one line that names the option."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option
        self.message = message


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Where finished spans go, and how."""

    protocol: Protocol = "http/protobuf"
    #: ``http/protobuf``: the full URL for traces, without credentials (they are in ``headers``).
    #: ``grpc``: the target, a URL or what gRPC accepts as one.
    endpoint: str = field(default="http://localhost:4318/v1/traces", repr=False)
    #: Sent with every request; names in lower case.
    headers: Mapping[str, str] = field(default_factory=_empty, repr=False)
    #: Seconds for one batch, every attempt and wait included.
    timeout: float = 10.0
    #: ``auto`` compresses to another host and not to this one.
    compression: Compression = "auto"
    #: PEM file of the certificate authorities to trust; None: those of the system.
    certificate: str | None = None
    #: PEM file of this client's certificate chain, for mutual TLS.
    client_certificate: str | None = None
    #: PEM file of the key that belongs to it; None: it is in the same file.
    client_key: str | None = None
    #: gRPC without encryption, by the endpoint's scheme or, where it has none, by the option.
    insecure: bool = False

    @property
    def target(self) -> str:
        """The endpoint as it may be shown to people: a query could hold a token."""
        return self.endpoint.partition("?")[0]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How finished spans wait for their export."""

    #: Spans that may wait. When it is full the newest-arriving ones are dropped and counted.
    max_queue_size: int = 32768
    #: Spans in one request at most; never more than the queue holds.
    max_export_batch_size: int = 8192
    #: Seconds between two exports; at least 0.01.
    schedule_delay: float = 0.2
    #: Seconds that the exit of the process may wait for the last spans to leave.
    exit_timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds that protect a service even from those who hold a key; what exceeds them is counted."""

    #: Spans of one trace in one process.
    max_spans_per_trace: int = 10_000
    #: Attributes of one span.
    attribute_count: int = 128
    #: Characters of a string attribute.
    attribute_length: int = 16_384
    #: Events of one span.
    event_count: int = 128
    #: Links of one span.
    link_count: int = 128


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What spans say beyond what they always say."""

    #: Arguments and results of traced functions, masked and cut, and nested info of trace points.
    args: bool = False
    #: The thread that a span started on.
    thread: bool = False
    #: Parameters of SQL statements, masked and cut.
    sql_parameters: bool = False
    #: How many rows an SQL statement returned or changed, as far as the driver tells.
    row_counts: bool = False


@dataclass(frozen=True, slots=True)
class KeysFile:
    """A file of keys that is read again when it has changed."""

    path: str
    #: What names it: ``[otel_bridge] hmac_keys_file`` or ``OTEL_BRIDGE_HMAC_KEYS_FILE``.
    option: str
    #: What its keys sign with.
    algorithm: str = "sha1"
    #: The keys in it at start.
    keys: KeyRing = field(default_factory=KeyRing)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Who may have requests traced."""

    enabled: bool = False
    #: All keys: at start, if some of them stand in a file. Those of the file come first.
    keys: KeyRing = field(default_factory=KeyRing)
    keys_file: KeysFile | None = None
    #: Where there is a file: the keys that were configured apart from it.
    beside_file: KeyRing = field(default_factory=KeyRing)
    #: What becomes of requests that are not signed.
    policy: Policy = field(default_factory=Policy)
    #: Seconds for which signed requests that come in are good, once; 0: always.
    freshness_window: int = 0
    #: Signed requests that go out are marked with their time, and for one use.
    stamps: bool = False

    @property
    def fixed_keys(self) -> KeyRing:
        """The keys that stay as they are while the service runs."""
        return self.keys if self.keys_file is None else self.beside_file


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was configured."""

    export: ExportSettings = field(default_factory=ExportSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    #: The static resource attributes. They win over :func:`otel_bridge.resource.process_attributes`.
    resource: Mapping[str, str] = field(default_factory=_empty)
    gate: GateSettings = field(default_factory=GateSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    #: Names whose values are hidden, besides the built-in ones.
    redact_keys: tuple[str, ...] = ()
    #: Hosts that outgoing requests carry the trace to (:mod:`otel_bridge.wire.destinations`); None: all.
    propagate_to: tuple[str, ...] | None = None
    #: What osprofiler's ``trace_info`` messages carry for services on plain osprofiler: nothing, ids without
    #: a key, or the key as well.
    rpc_trace_info: RpcTraceInfo = "off"
    #: URL of the store that traces are read from.
    store: str | None = field(default=None, repr=False)
    #: Libraries to instrument, a selection of :data:`INSTRUMENTATIONS`.
    instrument: tuple[str, ...] = INSTRUMENTATIONS
    #: Make the provider and our propagator OpenTelemetry's global ones, where nobody has set others.
    set_global: bool = False
    #: Let the last spans leave on SIGTERM, where nothing else handles that signal.
    flush_on_sigterm: bool = True
    #: What was wrong, in the order in which it was found.
    problems: tuple[Problem, ...] = ()
