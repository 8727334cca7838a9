"""Trace points and captured calls into span names, kinds and attributes, and back.

One module per kind (:mod:`wsgi`, :mod:`rpc`, :mod:`db`, :mod:`http`, :mod:`function`), and
:mod:`table` that joins them.
"""

from __future__ import annotations

from otel_bridge.model.translate.db import Details, KnownQuery, Query, query_target
from otel_bridge.model.translate.function import FunctionCall
from otel_bridge.model.translate.http import ClientRequest
from otel_bridge.model.translate.notification import ReceivedNotification, SentNotification
from otel_bridge.model.translate.point import Point
from otel_bridge.model.translate.rpc import IncomingMessage, OutgoingMessage, Served, outgoing_kind
from otel_bridge.model.translate.table import begin, finish, point_from_info, span_kind, to_osprofiler
from otel_bridge.model.translate.wsgi import ServerRequest

__all__ = [
    "ClientRequest",
    "Details",
    "FunctionCall",
    "IncomingMessage",
    "KnownQuery",
    "OutgoingMessage",
    "Point",
    "Query",
    "ReceivedNotification",
    "SentNotification",
    "Served",
    "ServerRequest",
    "begin",
    "finish",
    "outgoing_kind",
    "point_from_info",
    "query_target",
    "span_kind",
    "to_osprofiler",
]
