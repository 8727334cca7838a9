"""Reading traces back, from wherever they were kept.

``open_store("jaeger+http://jaeger:16686").get(trace_id)`` is the whole of it.
"""

from otel_bridge.stores.opening import open_store
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import StoreError, TraceNotFound, TraceQuery, TraceStore

__all__ = ["StoreError", "StoreOptions", "TraceNotFound", "TraceQuery", "TraceStore", "open_store"]
