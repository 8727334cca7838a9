"""What ``trace show --otlp`` writes is what Jaeger's user interface takes: its upload posts the file to
``/api/transform``, which answers with the trace as the interface draws it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import report_traces
import requests
import stored
import traces

from e2e.jaeger import Jaeger
from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace
from otel_bridge.wire import ids

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("trace", [report_traces.creation(), traces.boot(), traces.fan(5000)])
def test_jaeger_takes_the_file_for_upload(trace: Trace, jaeger: Jaeger, tmp_path: Path) -> None:
    store = stored.store(tmp_path / "traces.sqlite", trace)
    file = tmp_path / "trace.json"
    assert main(["trace", "show", traces.BASE_ID, "--from", store, "--otlp", "--out", str(file)]) == 0
    url = jaeger.store_url.removeprefix("jaeger+") + "/api/transform"
    answer = requests.post(
        url, data=file.read_bytes(), headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    (found,) = json.loads(answer.text)["data"]
    assert found["traceID"] == ids.format_trace_id(trace.trace_id)
    services = {key: process["serviceName"] for key, process in found["processes"].items()}
    assert sorted(
        (span["spanID"], services[span["processID"]], span["operationName"], span["duration"])
        for span in found["spans"]
    ) == sorted(
        (ids.format_span_id(span.span_id), span.service, span.name, span.duration_ns // 1000)
        for span in trace.spans
    )
