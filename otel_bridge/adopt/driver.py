"""The drivers by which ``[profiler] connection_string`` chooses us: ``otel://collector:4318`` and its kin.

A driver of OSProfiler's writes trace points or reads traces back, and is made for either. Ours writes
nothing itself: when ``osprofiler.notifier`` takes its ``notify``, that is a service that has chosen it, and
OSProfiler's core is adopted (:mod:`otel_bridge.adopt.osprofiler`). ``osprofiler trace show`` and Horizon make
a driver and ask it for reports only: then nothing is adopted.

Imported in every process that imports osprofiler, so it imports nothing of weight itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from osprofiler.drivers import base


class OtelDriver(base.Driver):  # type: ignore[misc, unused-ignore]
    """``otel://`` — OTLP over HTTP; a bare ``otel:`` takes all from ``[otel_bridge]`` and ``OTEL_*``."""

    scheme = "otel"

    def __init__(
        self,
        connection_str: str,
        project: str | None = None,
        service: str | None = None,
        host: str | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            connection_str: the connection string (:mod:`otel_bridge.config.connection`).
            project: ``nova``.
            service: ``nova-compute``.
            host: name of the host as the service knows it.
            kwargs: ``conf``, the service's ``ConfigOpts``, and what other drivers take.
        """
        self._conf = kwargs.get("conf")
        if self._conf is None:
            kwargs.pop("conf", None)  # osprofiler asks what is there for its options
        super().__init__(connection_str, project=project, service=service, host=host, **kwargs)

    @classmethod
    def get_name(cls) -> str:
        return cls.scheme

    @property
    def notify(self) -> Callable[..., None]:
        """What osprofiler's notifier calls for each trace point of a service that has chosen this driver."""
        from otel_bridge.adopt.osprofiler import adopt_service

        adopt_service(
            self.connection_str, self._conf, project=self.project, service=self.service, host=self.host
        )
        return _stray_point

    def get_report(self, base_id: str) -> dict[str, Any]:
        """The report of one trace, read from the store (:mod:`otel_bridge.adopt.reports`)."""
        from otel_bridge.adopt import reports

        return reports.get_report(self.connection_str, base_id, conf=self._conf)

    def list_traces(self, fields: set[str] | None = None) -> list[dict[str, Any]]:
        """The newest traces of the store."""
        from otel_bridge.adopt import reports

        return reports.list_traces(self.connection_str, fields, conf=self._conf)

    def list_error_traces(self) -> list[dict[str, Any]]:
        """The newest traces of the store that have an error."""
        from otel_bridge.adopt import reports

        return reports.list_error_traces(self.connection_str, conf=self._conf)


class OtelHttpsDriver(OtelDriver):
    """``otel+https://`` — OTLP over HTTP, encrypted."""

    scheme = "otel+https"


class OtelGrpcDriver(OtelDriver):
    """``otel+grpc://`` — OTLP over gRPC; needs ``otel-bridge[grpc]``."""

    scheme = "otel+grpc"


class OtelGrpcsDriver(OtelDriver):
    """``otel+grpcs://`` — OTLP over gRPC, encrypted."""

    scheme = "otel+grpcs"


def _stray_point(info: Any, context: Any = None) -> None:
    """A trace point past osprofiler's profiler, which is adopted: of code that notifies by itself."""
    from otel_bridge.log import warn

    warn("a trace point that did not come from osprofiler.profiler was not exported")
