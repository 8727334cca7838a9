"""otel_bridge.cli.source: which store a reading command reads."""

from __future__ import annotations

import argparse
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli import source
from otel_bridge.cli.errors import CommandError, UsageError
from otel_bridge.model.trace import Trace
from otel_bridge.stores import TraceNotFound, TraceQuery, selecting
from otel_bridge.stores.protocol import EVERYTHING, Summaries


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    source.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture
def service_conf(tmp_path: Path) -> str:
    path = tmp_path / "service.conf"
    path.write_text("[otel_bridge]\nstore = sqlite:/of/configuration\n")
    return str(path)


@pytest.fixture
def default_database(tmp_path: Path) -> Path:
    path = tmp_path / "otel_bridge" / "traces.sqlite"
    path.parent.mkdir()
    path.touch()
    return path


def test_what_is_named_first_wins(tmp_path: Path, service_conf: str, default_database: Path) -> None:
    """--from, the variable, the configuration, the default: each only where those before are missing."""
    state = {"XDG_STATE_HOME": str(tmp_path)}
    variable = {source.VARIABLE: "sqlite:/of/variable"}
    all_options = parse("--from", "sqlite:/of/option", "--config-file", service_conf)
    config_only = parse("--config-file", service_conf)
    found = [
        source.find(args, environ)[:2]
        for args, environ in (
            (all_options, {**state, **variable}),
            (config_only, {**state, **variable}),
            (config_only, state),
            (parse(), state),
        )
    ]
    assert found == [
        ("sqlite:/of/option", "--from"),
        ("sqlite:/of/variable", source.VARIABLE),
        ("sqlite:/of/configuration", "[otel_bridge] store"),
        (f"sqlite:{default_database}", "the default of otel-bridge serve"),
    ]


def test_a_second_store_has_an_option_of_its_own(service_conf: str) -> None:
    args = parse("--from", "sqlite:/first", "--config-file", service_conf)
    assert source.find(args, {}, url="sqlite:/second", option="--from-b")[:2] == (
        "sqlite:/second",
        "--from-b",
    )
    assert source.find(args, {}, url=None, option="--from-b")[:2] == ("sqlite:/first", "--from")
    with pytest.raises(UsageError, match="--from-b is empty"):
        source.find(args, {}, url=" ", option="--from-b")


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        ("jaeger+https://a", "jaeger+https://b", {}),
        ("jaeger+https://a", "https://a:8443", {}),
        ("jaeger+https://a", "jaeger+http://a:443", {}),
        ("jaeger+https://a", "tempo+https://A:443/base", {"a": "b"}),
        # A file has no use for them, so they were meant for the other.
        ("file:before.json", "jaeger+https://b", {"a": "b"}),
    ],
)
def test_credentials_of_the_first_store_are_not_for_another_server(
    first: str, second: str, sent: dict[str, str]
) -> None:
    args = parse("--from", first, "--header", "a: b", "--client-cert", "c.pem", "--ca-file", "ca.pem")
    found = source.find(args, {}, url=second, option="--from-b", beside=source.find(args, {}))
    assert found.options.headers == sent
    assert found.options.cert_file == ("c.pem" if sent else None)
    assert found.options.ca_file == "ca.pem"


def test_credentials_of_the_environment_are_for_the_store_that_it_names() -> None:
    environ = {source.VARIABLE: "https://named", "OTEL_BRIDGE_STORE_HEADERS": "x=1"}
    assert source.find(parse("--from", "https://other"), environ).options.headers == {}
    assert source.find(parse("--from", "https://named/base"), environ).options.headers == {"x": "1"}
    assert source.find(parse(), environ).options.headers == {"x": "1"}


def test_credentials_of_the_configuration_are_for_its_store_alone(tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text("[otel_bridge]\nstore = https://configured\nstore_headers = authorization=s3cr3t\n")
    config_file = ("--config-file", str(path))
    reader = {"OTEL_BRIDGE_STORE_HEADERS": "x-mine=1"}
    elsewhere = {source.VARIABLE: "https://elsewhere"}
    configured = source.find(parse(*config_file), {})
    assert configured.options.headers == {"authorization": "s3cr3t"}
    assert source.find(parse(*config_file, "--from", "https://elsewhere"), {}).options.headers == {}
    assert source.find(parse(*config_file), elsewhere).options.headers == {}
    # What the reader has set, without naming a store, is for whatever is read.
    for args in (parse(*config_file), parse(*config_file, "--from", "https://elsewhere")):
        assert source.find(args, reader).options.headers == {"x-mine": "1"}
    assert source.find(parse("--header", "a: b", "--from", "https://h"), {}).options.headers == {"a": "b"}


@pytest.mark.parametrize("environ", [{"OTEL_BRIDGE_STORE_TIMEOUT": "soon"}])
def test_a_variable_that_is_of_no_use_is_wrong_usage(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="OTEL_BRIDGE_STORE_TIMEOUT"):
        source.find(parse("--from", "sqlite:/a"), environ)


def test_the_connection_string_names_a_store_where_nothing_else_does(
    tmp_path: Path, service_conf: str
) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[profiler]\nconnection_string = otel://h?store=sqlite:/of/connection\n")
    alone = parse("--config-file", str(path))
    assert source.find(alone, {})[:2] == ("sqlite:/of/connection", "[profiler] connection_string")
    both = parse("--config-file", str(path), "--config-file", service_conf)
    assert source.find(both, {})[:2] == ("sqlite:/of/configuration", "[otel_bridge] store")


def test_the_last_configuration_file_that_says_so_wins(tmp_path: Path, service_conf: str) -> None:
    second = tmp_path / "second.conf"
    second.write_text("[otel_bridge]\nstore = http://second:16687\n")
    args = parse("--config-file", service_conf, "--config-file", str(second))
    assert source.find(args, {}).url == "http://second:16687"


def test_nothing_named_is_an_error_that_names_the_ways(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        source.find(parse(), {"XDG_STATE_HOME": str(tmp_path), source.VARIABLE: " "})
    for way in ("--from", "OTEL_BRIDGE_STORE", "[otel_bridge]", "--config-file", str(tmp_path)):
        assert way in str(error.value)


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_option_is_an_error(given: str) -> None:
    with pytest.raises(UsageError, match="--from is empty"):
        source.find(parse("--from", given), {source.VARIABLE: "sqlite:/elsewhere"})


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("this is no configuration\n")
    for path in (broken, tmp_path / "missing.conf", tmp_path):
        with pytest.raises(UsageError) as error:
            source.find(parse("--config-file", str(path)), {})
        assert str(path) in str(error.value)


@pytest.mark.parametrize("url", ["nosuch:thing", "plain", "jaeger://host", "sqlite:", "http://"])
def test_a_store_that_is_none_is_told_with_the_one_who_named_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"^OTEL_BRIDGE_STORE: "):
        source.open_store(source.Source(url, "OTEL_BRIDGE_STORE"))


def test_credentials_are_not_shown() -> None:
    with pytest.raises(UsageError) as error:
        source.open_store(source.Source("ftp://user:s3cr3t@host/", "--from"))
    assert "s3cr3t" not in str(error.value)


class Store:
    """What a command has opened, with these traces in it."""

    def __init__(self, *stored: Trace, url: str = "file:/traces.json") -> None:
        self.url = url
        self.stored = {trace.trace_id: trace for trace in stored}
        self.asked: list[TraceQuery] = []

    def get(self, trace_id: int) -> Trace:
        if trace_id not in self.stored:
            raise TraceNotFound(f"no trace {trace_id} in {self.url}")
        return self.stored[trace_id]

    def list(self, query: TraceQuery = EVERYTHING) -> Summaries:
        self.asked.append(query)
        return selecting.newest((trace.summary() for trace in self.stored.values()), query)

    def ui_link(self, trace_id: int) -> str | None:
        return None


def numbered(trace_id: int, name: str = "root") -> Trace:
    return Trace.from_spans(trace_id, [replace(traces.span(1, name=name), trace_id=trace_id)])


@given(st.integers(1, (1 << 128) - 1))
def test_an_id_in_any_spelling_is_not_looked_for(trace_id: int) -> None:
    """Property: what names a trace as a whole needs no store."""
    uuid_text = str(uuid.UUID(int=trace_id))
    store = Store()
    for text in (
        uuid_text,
        uuid_text.upper(),
        uuid_text.replace("-", ""),
        f"{{{uuid_text}}}",
        f" {uuid_text} ",
    ):
        assert source.resolve(store, text) == trace_id
    assert source.resolve(store, f"urn:uuid:{uuid_text}") == trace_id
    assert store.asked == []


@given(st.integers(1, (1 << 128) - 1), st.integers(4, 31), st.booleans(), st.booleans())
def test_the_beginning_of_an_id_is_enough(trace_id: int, digits: int, dashes: bool, upper: bool) -> None:
    """Property: at least four digits of it, with dashes where a UUID has them or without any."""
    plain = f"{trace_id:032x}"[:digits]
    text = str(uuid.UUID(int=trace_id)) if dashes else plain
    while dashes and text.replace("-", "") != plain:
        text = text[:-1]
    store = Store(numbered(trace_id))
    assert source.resolve(store, text.upper() if upper else text) == trace_id
    assert [query.id_prefix for query in store.asked] == [plain]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "a-b-c-d",
        "xyz12",
        "0d06e2bc1-234",
        "0d06e2bc--1234",
        "-0d06",
        "0d06e2bc-12-34",
        "0" * 33,
        "0" * 32,
    ],
)
def test_what_begins_no_id_is_wrong_usage(text: str) -> None:
    store = Store()
    with pytest.raises(UsageError):
        source.resolve(store, text)
    assert store.asked == []


def test_several_that_begin_alike_are_listed() -> None:
    stored = [numbered(0xABCD << 112 | number, f"name {number}\x1b[2J\n") for number in range(1, 13)]
    with pytest.raises(UsageError) as caught:
        source.resolve(Store(*stored), "abcd")
    first, *lines = str(caught.value).splitlines()
    assert first == "several ids begin with abcd: give more digits"
    assert len(lines) == 11
    assert lines[0].startswith(
        "  abcd0000-0000-0000-0000-000000000001  2026-11-22 14:06:01.123 UTC  nova-api  name 1"
    )
    assert lines[-1] == "  ..."
    assert "\x1b" not in str(caught.value)


def test_none_that_begins_like_this_is_not_found() -> None:
    with pytest.raises(source.NotFound, match=r"no trace whose id begins with abcd in file:/traces\.json"):
        source.resolve(Store(numbered(5)), "ABCD")


def test_the_only_trace_of_a_file_needs_no_id() -> None:
    assert source.resolve(Store(numbered(5)), None) == 5
    with pytest.raises(UsageError, match="holds several traces: say which"):
        source.resolve(Store(numbered(5), numbered(6)), None)
    with pytest.raises(source.NotFound, match="holds no trace"):
        source.resolve(Store(), None)
    with pytest.raises(UsageError, match="say which trace"):
        source.resolve(Store(numbered(5), url="http://h:1"), None)


def test_a_trace_is_fetched() -> None:
    trace = numbered(5)
    assert source.fetch(Store(trace), 5) is trace


def test_a_missing_trace_is_told_with_the_reasons() -> None:
    for store in (Store(), Store(Trace.from_spans(5, []))):
        with pytest.raises(source.NotFound) as caught:
            source.fetch(store, 5)
        assert "file:/traces.json" in str(caught.value).splitlines()[0]
        assert str(caught.value).splitlines()[1:] == list(source.WHY_MISSING)
        assert caught.value.exit_code == 1


def test_a_store_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    store = source.open_store(source.Source(f"sqlite:{tmp_path}/missing", "--from"))
    for call in (lambda: source.fetch(store, 5), lambda: source.resolve(store, "abcd")):
        with pytest.raises(CommandError, match="no such file"):
            call()
