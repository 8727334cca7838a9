"""export/exporters.py: stock exporters behind our pipeline."""

from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from otel_bridge.export.exporters import DiscardingExporter, StockExporter, console_exporter, grpc_exporter
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.settings import ExportSettings
from otel_bridge.tracing.provider import TracerProvider


class Captured:
    def translate(self, name):
        return "translated", {"http.response.status_code": 503, "error.type": "503"}


def export_one(exporter):
    """A span with a point, through a pipeline of its own; gives the pipeline's counts."""
    pipeline = Pipeline(exporter, interval=0.01)
    tracer = TracerProvider(pipeline, record_unsigned=True).get_tracer("t")
    with tracer.start_as_current_span("root", attributes={"a": 1, "password": "p"}):
        tracer.leaf(None, SpanKind.SERVER, Captured()).end()
    assert pipeline.force_flush(20)
    stats = pipeline.stats()
    pipeline.shutdown()
    return stats


def test_the_in_memory_exporter_gets_translated_spans():
    memory = InMemorySpanExporter()
    assert export_one(StockExporter(memory)).exported == 2
    point, root = memory.get_finished_spans()
    assert (point.name, point.status.is_ok, point.attributes["error.type"]) == ("translated", False, "503")
    assert point.parent.span_id == root.context.span_id


def test_the_console_exporter_prints(capsys):
    assert export_one(console_exporter()).exported == 2
    shown = capsys.readouterr().out
    assert '"translated"' in shown
    assert '"password": "***"' in shown


def test_a_failure_of_the_exporter_is_counted():
    class Failing(SpanExporter):
        def export(self, spans):
            return SpanExportResult.FAILURE

    assert export_one(StockExporter(Failing())).dropped == {"unreachable": 2}


def test_without_an_exporter_spans_are_counted_as_dropped():
    assert export_one(DiscardingExporter()).dropped == {"no_exporter": 2}


@pytest.fixture
def grpc_server():
    received = []

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):
            received.append((request, dict(context.invocation_metadata())))
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", received
    server.stop(None).wait(10)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_stock_grpc_exporter_delivers(grpc_server, compression):
    endpoint, received = grpc_server
    settings = ExportSettings(
        protocol="grpc",
        endpoint=f"http://{endpoint}",
        headers={"x-token": "t"},
        compression=compression,
        insecure=True,
    )
    assert export_one(grpc_exporter(settings)).exported == 2
    ((request, metadata),) = received
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == ["translated", "root"]
    assert metadata["x-token"] == "t"
