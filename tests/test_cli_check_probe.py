"""cli/check_probe.py: the span that is sent, and what is told when it does or does not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import loopback
import pytest
from checking import blunt_server, ended, lines
from http_origins import unused_port

from otel_bridge.cli import check_probe
from otel_bridge.cli.check_probe import Sent, read_back, send
from otel_bridge.collector import Server
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.settings import ExportSettings, Settings
from otel_bridge.stores import StoreError, TraceNotFound, open_store

RESOURCE = {"service.name": "nova-api", "host.name": "node-7"}


def settings(endpoint: str, **export: Any) -> Settings:
    return Settings(export=ExportSettings(endpoint=f"{endpoint}/v1/traces", **export), resource=RESOURCE)


class Store:
    """Answers with one thing after the other, and then with the last one."""

    url = "http://store"

    def __init__(self, *answers: Callable[[int], Trace]) -> None:
        self.answers = list(answers)

    def get(self, trace_id: int) -> Trace:
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(trace_id)

    def list(self, query: Any = None) -> Any:
        raise AssertionError("nobody asks for a list")


def missing(trace_id: int) -> Trace:
    raise TraceNotFound("no such trace")


def failing(trace_id: int) -> Trace:
    raise StoreError("http://store: connection refused")


def empty(trace_id: int) -> Trace:
    return Trace.from_spans(trace_id, [])


def there(trace_id: int, service: str = "nova-api") -> Trace:
    span = SpanRecord(trace_id, 1, 0, check_probe.NAME, 1, 1, 2, resource={"service.name": service})
    return Trace.from_spans(trace_id, [span])


def sent() -> Sent:
    return Sent(0xABC, "nova-api", monotonic())


def test_the_span_arrives_and_can_be_recognised(tmp_path: Path) -> None:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        [line], found = ended(send(settings(server.otlp_endpoint)))
        assert line == (
            f"ok       probe: span 'otel-bridge check' was accepted, of service nova-api on node-7, trace"
            f" {found.trace_id:032x}"
        )
        store = open_store(server.viewer_url)
        [back] = lines(read_back(found, store, "--from", 10))
        [span] = store.get(found.trace_id).spans
    assert back.startswith(f"ok       read back: it could be read from {server.viewer_url} (--from) after ")
    assert back.endswith(" s, as service 'nova-api'")
    assert (span.name, span.service, span.resource["host.name"]) == (
        "otel-bridge check",
        "nova-api",
        "node-7",
    )
    assert span.attributes["otel_bridge.probe"] is True


def test_an_unnamed_service_is_told_how_to_name_it(tmp_path: Path) -> None:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        unnamed = Settings(
            export=ExportSettings(endpoint=f"{server.otlp_endpoint}/v1/traces"),
            resource={"service.name": "otel-bridge-check"},
        )
        [line], _ = ended(send(unnamed))
    assert line.endswith("(--service names it)")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (loopback.answer("", status=404), "answered 404 Not Found"),
        (
            loopback.answer('{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}}'),
            "rejected spans: no",
        ),
    ],
)
def test_a_span_that_is_refused(answer: bytes, said: str) -> None:
    with blunt_server(answer) as port:
        [line], found = ended(send(settings(f"http://127.0.0.1:{port}")))
    assert found is None
    assert line.startswith("problem  probe: a span could not be sent: ")
    assert said in line


def test_sending_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_probe, "TIMEOUT", 0.3)
    [line], found = ended(send(settings(f"http://127.0.0.1:{unused_port()}", timeout=3600)))
    assert found is None
    assert "Connection refused" in line


def test_an_exporter_that_cannot_be_made() -> None:
    [line], found = ended(send(settings("https://h", certificate="/no/such/file")))
    assert found is None
    assert "the exporter cannot be made: ValueError: certificate: " in line


def test_a_stock_exporter_says_why(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    monkeypatch.setattr(check_probe, "TIMEOUT", 0.3)
    export = ExportSettings(protocol="grpc", endpoint=f"http://127.0.0.1:{unused_port()}", insecure=True)
    [line], found = ended(send(Settings(export=export, resource=RESOURCE)))
    assert found is None
    assert "OTLPSpanExporter could not deliver spans; " in line
    assert caplog.records == []


# -- read back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        (there,),
        (missing, missing, there),
        (empty, there),
        (failing, failing, there),
        (failing, missing, failing, there),
    ],
)
def test_it_is_waited_for(answers: tuple[Any, ...]) -> None:
    [line] = lines(read_back(sent(), Store(*answers), "--from", 10))
    assert line.startswith("ok       read back: it could be read from http://store (--from) after ")
    assert float(line.rpartition(" after ")[2].partition(" s,")[0]) < 10


@pytest.mark.parametrize("answer", [missing, empty])
def test_it_does_not_come(answer: Any) -> None:
    [line] = lines(read_back(sent(), Store(answer), "[otel_bridge] store", 0.3))
    assert line.startswith(
        "problem  read back: http://store ([otel_bridge] store) answers, and has no trace"
        f" {0xABC:032x} after 0.3 s: "
    )
    for reason in ("another collector", "another tenant", "samples", "--timeout"):
        assert reason in line


def test_a_store_that_nobody_named_may_be_the_wrong_one() -> None:
    [line] = lines(read_back(sent(), Store(missing), "the default", 0, sure=False))
    assert line.startswith("note     read back: ")


def test_a_store_that_fails_is_given_up() -> None:
    began = monotonic()
    [line] = lines(read_back(sent(), Store(failing), "--from", 60))
    assert line == "problem  read back: the store cannot be read: http://store: connection refused (--from)"
    assert monotonic() - began < 30


def test_a_collector_that_renames_the_service() -> None:
    found = lines(read_back(sent(), Store(lambda trace_id: there(trace_id, "renamed")), "--from", 1))
    assert found[1] == (
        "note     read back: the collector has made service 'renamed' of nova-api: search for that"
    )
