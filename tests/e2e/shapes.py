"""The trees that requests to the example have to leave, written as they are read.

A line is a span: its service, kind and name, and ``ERROR`` where its status is that. Two columns of
indentation mean a child; siblings stand in the order in which they began.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace

CREATE = """
compute-api SERVER POST /v2.1/servers
  compute-api CLIENT INSERT compute.instances
  compute-api PRODUCER record_action
    compute-conductor CONSUMER ConductorManager.record_action
      compute-conductor CLIENT INSERT compute.instance_actions
  compute-api CLIENT build_instance
    compute-conductor SERVER ConductorManager.build_instance
      compute-conductor CLIENT SELECT compute.services
      compute-conductor CLIENT build_and_run_instance
        compute-node SERVER ComputeManager.build_and_run_instance
          compute-node CLIENT GET
            image-api SERVER GET /v2/images/{image_id}
          compute-node CLIENT UPDATE compute.instances
      compute-conductor PRODUCER refresh_cache
        compute-node CONSUMER ComputeManager.refresh_cache
          compute-node CLIENT SELECT compute.services
        compute-node CONSUMER ComputeManager.refresh_cache
          compute-node CLIENT SELECT compute.services
"""

CREATE_FROM_BROKEN_IMAGE = """
compute-api SERVER POST /v2.1/servers ERROR
  compute-api CLIENT INSERT compute.instances
  compute-api PRODUCER record_action
    compute-conductor CONSUMER ConductorManager.record_action
      compute-conductor CLIENT INSERT compute.instance_actions
  compute-api CLIENT build_instance ERROR
    compute-conductor SERVER ConductorManager.build_instance ERROR
      compute-conductor CLIENT SELECT compute.services
      compute-conductor CLIENT build_and_run_instance ERROR
        compute-node SERVER ComputeManager.build_and_run_instance ERROR
          compute-node CLIENT GET
            image-api SERVER GET /v2/images/{image_id}
      compute-conductor CLIENT UPDATE compute.instances
"""

# The API answers 400, which is no error of the server; the calls below it have failed.
CREATE_FROM_UNKNOWN_IMAGE = """
compute-api SERVER POST /v2.1/servers
  compute-api CLIENT INSERT compute.instances
  compute-api PRODUCER record_action
    compute-conductor CONSUMER ConductorManager.record_action
      compute-conductor CLIENT INSERT compute.instance_actions
  compute-api CLIENT build_instance ERROR
    compute-conductor SERVER ConductorManager.build_instance ERROR
      compute-conductor CLIENT SELECT compute.services
      compute-conductor CLIENT build_and_run_instance ERROR
        compute-node SERVER ComputeManager.build_and_run_instance ERROR
          compute-node CLIENT GET ERROR
            image-api SERVER GET /v2/images/{image_id}
      compute-conductor CLIENT UPDATE compute.instances
"""

LIST = """
compute-api SERVER GET /v2.1/servers
  compute-api CLIENT SELECT compute.instances
"""

DELETE = """
compute-api SERVER DELETE /v2.1/servers/{server_id}
  compute-api CLIENT SELECT compute.instances
  compute-api PRODUCER terminate_instance
    compute-node CONSUMER ComputeManager.terminate_instance
      compute-node CLIENT UPDATE compute.instances
"""


def size(shape: str) -> int:
    """Spans of a tree."""
    return len(shape.strip().splitlines())


def shape_of(trace: Trace) -> str:
    """A trace in the notation of this module."""
    return "\n" + "".join(line + "\n" for root in trace.roots for line in _lines(trace, root, 0))


def _lines(trace: Trace, span: SpanRecord, level: int) -> Iterator[str]:
    error = " ERROR" if span.is_error else ""
    yield f"{'  ' * level}{span.service} {KIND_NAMES[span.kind]} {span.name}{error}"
    for child in trace.children(span):
        yield from _lines(trace, child, level + 1)
