"""The embedded backend: takes OTLP over HTTP, keeps the spans in SQLite, shows them in the browser."""

from otel_bridge.collector.retention import Retention
from otel_bridge.collector.server import ListenError, Server

__all__ = ["ListenError", "Retention", "Server"]
