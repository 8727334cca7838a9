"""cli/check_export.py: from the endpoint to the store, in one go."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import loopback
import pytest
from checking import Write, lines, without_tracing_variables, writer
from http_origins import unused_port

from otel_bridge.cli import check_export, defaults
from otel_bridge.cli.check_service import read
from otel_bridge.cli.errors import UsageError
from otel_bridge.collector import Server


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    without_tracing_variables(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # no database of somebody's
    return writer(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(str(tmp_path / "traces.sqlite"), otlp_port=0, viewer_port=0) as server:
        yield server


def of(path: str, store: str | None = None, *, probe: bool = True, timeout: float = 10) -> list[str]:
    args = argparse.Namespace(config_file=[path], store=store, probe=probe, timeout=timeout)
    return lines(check_export.findings(read([path]), args))


def connection(server: Server, store: str | None = None) -> str:
    address = server.otlp_endpoint.replace("http:", "otel:")
    return address if store is None else f"{address}?store={store}"


def subjects(found: list[str]) -> list[tuple[str, str]]:
    return [(line[:9].strip(), line[9:].partition(":")[0]) for line in found]


WHOLE_WAY = [("ok", "connection"), ("ok", "answer"), ("ok", "probe"), ("ok", "read back")]


def without_clock(found: list[str]) -> list[tuple[str, str]]:
    return [each for each in subjects(found) if each[1] != "clock"]


@pytest.mark.parametrize("named_by", ["connection", "option", "variable", "--from", "default"])
def test_the_whole_way(
    named_by: str, write: Write, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, given, bridge = server.viewer_url, None, ""
    if named_by == "option":
        bridge = f"store = {store}"
    elif named_by == "variable":
        monkeypatch.setenv("OTEL_BRIDGE_STORE", store)
    elif named_by == "--from":
        given = store
    elif named_by == "default":
        database = defaults.database()
        database.parent.mkdir(parents=True)
        database.symlink_to(tmp_path / "traces.sqlite")
    path = write(connection(server, store if named_by == "connection" else None), bridge)
    found = of(path, given)
    assert without_clock(found) == WHOLE_WAY, found


def test_no_store_is_known(write: Write, server: Server) -> None:
    found = of(write(connection(server)))
    assert without_clock(found) == [
        ("ok", "connection"),
        ("ok", "answer"),
        ("note", "read back"),
        ("ok", "probe"),
    ]
    assert any("no store to read from" in line for line in found)


def test_somebody_s_database_is_no_store_of_a_collector_elsewhere(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = defaults.database()
    database.parent.mkdir(parents=True)
    database.touch()
    monkeypatch.setattr(check_export, "_is_here", lambda host: False)
    found = of(write(f"otel://127.0.0.1:{unused_port()}"))
    assert any("nothing is read back, since no store is known" in line for line in found)


def test_the_store_of_another_collector(write: Write, server: Server, tmp_path: Path) -> None:
    with Server(str(tmp_path / "other.sqlite"), otlp_port=0, viewer_port=0) as other:
        found = of(write(connection(server, other.viewer_url)), timeout=0.5)
    assert subjects(found)[-1] == ("problem", "read back")
    assert "answers, and has no trace" in found[-1]


def test_no_probe(write: Write, server: Server) -> None:
    found = of(write(connection(server, server.viewer_url)), probe=False)
    assert without_clock(found) == [("ok", "connection"), ("ok", "answer")]


def test_no_probe_to_where_none_would_be_taken(write: Write) -> None:
    found = of(write(f"otel://127.0.0.1:{unused_port()}"))
    assert subjects(found) == [("problem", "connection"), ("note", "read back"), ("note", "probe")]


@pytest.mark.parametrize(
    "options", [{"bridge": "protocol = none"}, {"bridge": "protocol = console"}, {"enabled": "x"}]
)
def test_nothing_is_asked_where_nothing_is_sent(options: dict[str, str], write: Write) -> None:
    assert of(write("otel:", **options)) == []


@pytest.mark.parametrize("store", ["nonsense://", ""])
def test_a_store_that_is_none(store: str, write: Write, server: Server) -> None:
    with pytest.raises(UsageError, match="--from"):
        of(write(connection(server)), store)


def test_a_configured_store_that_is_none(write: Write, server: Server) -> None:
    found = of(write(connection(server), "store = nonsense://x"))
    assert ("problem", "read back") in subjects(found)


def test_a_store_that_cannot_be_reached_as_configured(write: Write, server: Server) -> None:
    found = of(write(connection(server, server.viewer_url), "store_timeout = soon"))
    assert ("problem", "read back") in subjects(found)


def test_a_file_is_no_store_of_a_service(write: Write, server: Server, tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text("{}")
    found = of(write(connection(server)), f"file:{tmp_path / 'trace.json'}")
    assert any("is a file, into which nothing arrives (--from)" in line for line in found)
    assert subjects(found)[-1] == ("ok", "probe")


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (60, "note")])
def test_the_clocks_of_both(ahead: float, level: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_export, "_host", lambda url: "elsewhere")  # so that the store is asked, too

    def answer(head: str) -> list[bytes]:
        return [loopback.answer("{}", Date=formatdate(time() + ahead, usegmt=True))]

    with loopback.serving(answer) as server:
        found = of(write(f"otel://{server.netloc}?store=http://{server.netloc}"), probe=False)
    assert [each for each in subjects(found) if each[1] == "clock"] == [(level, "clock")] * 2


def test_grpc(write: Write) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    found = of(write(f"otel+grpc://127.0.0.1:{unused_port()}"))
    assert subjects(found) == [("problem", "connection"), ("note", "read back"), ("note", "probe")]
