"""From URLs to stores."""

import subprocess
import sys

import pytest
import stored
import traces

from otel_bridge.stores import StoreError, open_store, otlp_json
from otel_bridge.stores.options import StoreOptions


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        ("sqlite:/var/lib/traces.sqlite", "SqliteStore", "sqlite:/var/lib/traces.sqlite"),
        ("sqlite:///var/lib/traces.sqlite", "SqliteStore", "sqlite:/var/lib/traces.sqlite"),
        ("sqlite:traces.sqlite", "SqliteStore", "sqlite:traces.sqlite"),
        ("jaeger+http://jaeger:16686", "JaegerStore", "jaeger+http://jaeger:16686"),
        ("jaeger+https://u:p@jaeger/base", "JaegerStore", "jaeger+https://***@jaeger/base"),
        ("http://127.0.0.1:16687", "EmbeddedStore", "http://127.0.0.1:16687"),
        ("HTTPS://u:p@example.org", "EmbeddedStore", "HTTPS://***@example.org"),
        ("tempo+http://tempo:3200", "TempoStore", "tempo+http://tempo:3200"),
        ("TEMPO+https://u:p@tempo/base", "TempoStore", "TEMPO+https://***@tempo/base"),
        ("file:traces.json", "FileStore", "file:traces.json"),
        ("file:///var/traces.json.gz", "FileStore", "file:/var/traces.json.gz"),
        ("-", "FileStore", "file:-"),
    ],
)
def test_each_form_of_url_opens_its_store(url, kind, shown):
    store = open_store(url)
    assert type(store).__name__ == kind
    assert store.url == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "traces.sqlite",
        "no/such/file",
        "nul\0",
        "file:",
        "sqlite:",
        "mongodb://u:secret@host",
        "jaeger://host",
    ],
)
def test_any_other_is_refused_and_named(url):
    with pytest.raises(StoreError) as caught:
        open_store(url)
    for form in ("sqlite:PATH", "jaeger+http://HOST:16686", "tempo+http://HOST:3200", "file:PATH"):
        assert form in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_there_needs_no_scheme(tmp_path):
    path = tmp_path / "traces.json"
    path.touch()
    assert open_store(str(path)).url == f"file:{path}"


@pytest.mark.parametrize("url", ["jaeger+https://h", "tempo+https://h", "https://h"])
def test_options_are_looked_at_at_once(url):
    with pytest.raises(StoreError, match="CA file /nowhere: cannot be read"):
        open_store(url, StoreOptions(ca_file="/nowhere"))


def test_stores_load_nothing_until_opened():
    """A reader of Jaeger loads neither sqlite3 nor protobuf."""
    code = (
        "import sys; from otel_bridge.stores import open_store; open_store('jaeger+http://h:1');"
        "assert not {'sqlite3', 'google.protobuf', 'opentelemetry.sdk'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_who_watches_is_told_of_each_kind(tmp_path):
    class Observer:
        spans = open = 0

        def start(self):
            self.open += 1

        def update(self, received, spans):
            self.spans = spans

        def note(self, text): ...

        def finish(self):
            self.open -= 1

    trace = traces.fan(600)
    path = tmp_path / "traces.json"
    path.write_bytes(otlp_json.dumps(trace.spans))
    for url in (stored.store(tmp_path / "traces.sqlite", trace), f"file:{path}"):
        observer = Observer()
        open_store(url, StoreOptions(observer=observer)).get(trace.trace_id)
        assert (observer.spans, observer.open) == (500, 0)
