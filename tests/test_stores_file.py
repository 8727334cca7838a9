"""Traces in a file."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import traces

from otel_bridge.model.trace import Trace
from otel_bridge.stores import StoreError, TraceNotFound, open_store, otlp_json
from otel_bridge.stores.file import FileStore, is_sqlite
from otel_bridge.stores.protocol import TraceQuery

OLDER = Path(__file__).parent / "data" / "jaeger" / "older_trace.json"
BOOT = traces.boot()
OTHER = Trace.from_spans(9, [replace(span, trace_id=9) for span in traces.chain(3).spans])
LINES = otlp_json.dumps(BOOT.spans) + b"\n" + otlp_json.dumps(OTHER.spans) + b"\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "traces.json"
    path.write_bytes(LINES)
    return path


def test_a_file_of_several_traces_is_listed_and_read(path):
    store = FileStore(str(path))
    assert store.url == f"file:{path}"
    assert {one.trace_id: one for one in store.list()} == {
        BOOT.trace_id: BOOT.summary(),
        OTHER.trace_id: OTHER.summary(),
    }
    for trace in (BOOT, OTHER):
        found = store.get(trace.trace_id)
        assert {span.span_id: span for span in found.spans} == {span.span_id: span for span in trace.spans}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"limit": 1}, 1),
        ({"errors_only": True}, 1),
        ({"service": "nova-compute"}, 1),
        ({"operation": "level 1"}, 1),
        ({"operation": "level 1", "service": "nova-compute"}, 0),
        ({"since_ns": traces.START + 1}, 0),
    ],
)
def test_a_list_is_of_what_is_asked_for(path, asked, found):
    assert len(FileStore(str(path)).list(TraceQuery(**asked))) == found


def test_what_jaegers_page_downloads_is_read():
    (summary,) = FileStore(str(OLDER)).list()
    assert (summary.span_count, summary.error_count, summary.root_name) == (3, 1, "POST /servers")


@pytest.mark.parametrize("form", ["file:{}", "file://{}", "file://localhost{}", "{}"])
def test_each_spelling_names_the_file(path, form):
    store = open_store(form.format(path))
    assert len(store.list()) == 2
    assert store.ui_link(9) is None


def test_gzip_is_known_by_its_content(tmp_path):
    path = tmp_path / "traces.json"
    path.write_bytes(gzip.compress(LINES))
    assert len(FileStore(str(path)).list()) == 2


def test_a_missing_trace_says_where_it_was_looked_for(path):
    with pytest.raises(TraceNotFound, match=f"no trace {7:032x} in file:{path}"):
        FileStore(str(path)).get(7)


def test_the_last_line_may_be_in_the_making(path):
    path.write_bytes(LINES + otlp_json.dumps(BOOT.spans)[:-100])
    assert len(FileStore(str(path)).list()) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no spans: expected OTLP/JSON or Jaeger's JSON"),
        (b"{}", "holds no spans"),
        (b'{"resourceMetrics": []}', "holds no spans"),
        (b"\x00\xffELF" * 100, "cannot be read"),
        (LINES[:500], "cannot be read (it ends in the middle)"),
        (gzip.compress(LINES)[:-20], "is no whole gzip file"),
        (b"\x1f\x8b\xff\xff" + b"x" * 50, "is no whole gzip file"),
        (gzip.compress(b"nothing of the kind" * 10), "cannot be read"),
    ],
)
def test_a_file_that_is_none_of_these_is_one_line(tmp_path, content, says):
    path = tmp_path / "traces.json"
    path.write_bytes(content)
    for call in (FileStore(str(path)).list, lambda: FileStore(str(path)).get(7)):
        with pytest.raises(StoreError) as caught:
            call()
        assert str(caught.value).startswith(f"file:{path}")
        assert says in str(caught.value)
        assert not isinstance(caught.value, TraceNotFound)


def test_a_path_that_cannot_be_read_is_one_line(tmp_path):
    for path, says in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "is not a file"),
        (Path("/dev/null"), "is not a file"),
        ("nul\0", "is no path"),
    ):
        with pytest.raises(StoreError, match=says):
            FileStore(str(path)).list()


def test_a_pipe_is_read_as_often_as_need_be(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(LINES,))
    writer.start()
    store = open_store(str(path))
    assert len(store.list()) == 2
    assert store.get(9).spans
    writer.join()


def test_standard_input_is_a_file_as_well(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINES))))
    store = open_store("-")
    assert store.url == "file:-"
    assert len(store.list()) == 2
    assert store.get(9).spans


def test_nothing_is_left_of_standard_input(tmp_path):
    code = "from otel_bridge.stores import open_store; print(len(open_store('-').list()))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=LINES,
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert (done.stdout, done.stderr) == (b"2\n", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_told_from_json(tmp_path):
    path = tmp_path / "traces"
    path.write_bytes(b"SQLite format 3\0" + bytes(100))
    assert is_sqlite(str(path))
    assert open_store(str(path)).url == f"sqlite:{path}"
    path.write_text(json.dumps({}))
    assert not is_sqlite(str(path))
    assert not is_sqlite(str(tmp_path))
    assert not is_sqlite("nul\0")
