"""``otel-bridge check`` with a real Jaeger: the probe arrives, and wrong addresses are told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checking import Write, without_tracing_variables, writer

from otel_bridge.cli.main import main
from otel_bridge.stores import open_store

pytestmark = pytest.mark.e2e


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    without_tracing_variables(monkeypatch)
    return writer(tmp_path)


def check(capsys: pytest.CaptureFixture[str], path: str, *options: str) -> dict[str, dict[str, Any]]:
    """What is said of each thing."""
    main(["check", "--config-file", path, "--json", *options])
    return {found["about"]: found for found in json.loads(capsys.readouterr().out)["checks"]}


def ours(address: str) -> str:
    return address.replace("http:", "otel:")


def test_the_probe_can_be_read_in_jaeger(
    jaeger: Any, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(f"{ours(jaeger.endpoint)}?store={jaeger.store_url.replace('+', '%2B')}")
    found = check(capsys, path, "--service", "check-me")
    assert {found[about]["level"] for about in ("connection", "answer", "clock", "probe", "read back")} == {
        "ok"
    }
    trace_id = int(found["probe"]["data"]["trace_id"], 16)
    [span] = open_store(jaeger.store_url).get(trace_id).spans
    assert (span.name, span.service, span.attributes["otel_bridge.probe"]) == (
        "otel-bridge check",
        "check-me",
        True,
    )


def test_jaeger_s_page_is_no_endpoint(jaeger: Any, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(capsys, write(ours(jaeger.store_url.partition("+")[2])))
    assert found["answer"]["level"] == "problem"
    assert "probe" in found
    assert found["probe"]["level"] == "note"


def test_a_wrong_path(jaeger: Any, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(capsys, write(f"{ours(jaeger.endpoint)}/v1/trace"))
    assert found["answer"]["data"] == {"status": 404}


def test_tls_where_there_is_none(jaeger: Any, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(capsys, write(jaeger.endpoint.replace("http:", "otel+https:")))
    assert "it does not speak TLS at this port" in found["TLS"]["text"]


def test_a_store_without_the_endpoint_s_traces(
    jaeger: Any, backend: Any, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(ours(backend.endpoint))
    found = check(capsys, path, "--from", jaeger.store_url, "--timeout", "1")
    assert found["probe"]["level"] == "ok"
    assert found["read back"]["level"] == "problem"
    assert "answers, and has no trace" in found["read back"]["text"]
