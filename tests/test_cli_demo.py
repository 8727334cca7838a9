import argparse
import sys
from dataclasses import replace

import pytest

from otel_bridge.cli import demo, example
from otel_bridge.cli.errors import CommandError
from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace

_RPC = {"rpc.system.name": "oslo_messaging"}
_HTTP = {"http.request.method": "GET"}


def _span(span_id, parent_id, kind, name="", attributes=None):
    number = KIND_NAMES.index(kind)
    return SpanRecord(7, span_id, parent_id, name, number, span_id, span_id + 1, attributes=attributes or {})


_WHOLE = [
    _span(1, 0, "SERVER", "POST /v2.1/servers", _HTTP),
    _span(2, 1, "CLIENT", "INSERT instances"),
    _span(3, 1, "CLIENT", "build_instance", _RPC),
    _span(4, 3, "SERVER", "ConductorManager.build_instance", _RPC),
    _span(5, 4, "CLIENT", "GET", _HTTP),
    _span(6, 5, "SERVER", "GET /v2/images/{image_id}", _HTTP),
    _span(7, 4, "PRODUCER", "refresh_cache", _RPC),
    _span(8, 7, "CONSUMER", "ComputeManager.refresh_cache", _RPC),
    _span(9, 7, "CONSUMER", "ComputeManager.refresh_cache", _RPC),
]


class TestIsComplete:
    def test_a_trace_with_all_its_spans_is(self):
        assert demo.is_complete(Trace.from_spans(7, _WHOLE), hosts=2)

    @pytest.mark.parametrize("missing", [1, 3, 4, 5, 6, 7, 8, 9])
    def test_a_trace_is_not_while_another_process_has_spans_of_it(self, missing):
        spans = [span for span in _WHOLE if span.span_id != missing]
        assert not demo.is_complete(Trace.from_spans(7, spans), hosts=2)

    def test_a_fanout_has_as_many_receivers_as_there_are_nodes(self):
        assert not demo.is_complete(Trace.from_spans(7, _WHOLE), hosts=3)

    def test_a_cast_has_one_receiver(self):
        spans = [replace(span, name="record_action") if span.span_id == 7 else span for span in _WHOLE]
        assert demo.is_complete(Trace.from_spans(7, spans[:-1]), hosts=2)


def _run(directory):
    return demo.run(argparse.Namespace(keep=False, dir=str(directory)))


class TestRun:
    def test_missing_packages_are_named_with_the_command_that_installs_them(self, monkeypatch, tmp_path):
        monkeypatch.setitem(example._NEEDED, "no_such_package.module", "no-such-package")
        with pytest.raises(CommandError, match=r"no-such-package; pip install 'otel-bridge\[demo\]'"):
            _run(tmp_path)

    def test_a_directory_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(CommandError, match=r"--dir .*file"):
            _run(tmp_path / "file" / "demo")

    def test_a_backend_that_does_not_start_is_reported_with_its_logs(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(CommandError) as error:
            _run(tmp_path)
        assert "the backend ended with exit code 1" in str(error.value)
        assert str(error.value).endswith(f"logs are in {tmp_path}")
        assert error.value.exit_code == 1

    def test_what_an_earlier_run_left_is_removed_and_nothing_else(self, monkeypatch, tmp_path):
        """Traces of an earlier run would be taken for those of requests that nobody signed."""
        for name in ("traces.sqlite", "traces.sqlite-wal", "api.log", "trace.html", "mine.txt"):
            (tmp_path / name).touch()
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(CommandError):
            _run(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["backend.log", "mine.txt"]
