"""Two real boots, kept by a real Jaeger, in every report that there is of them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from e2e import required
from otel_bridge.analysis import timing
from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace
from otel_bridge.stores import open_store
from otel_bridge.wire import ids

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("running", ["mixed"], indirect=True),
]


@pytest.fixture(scope="session")
def boots(running) -> tuple[Trace, Trace]:
    """What Jaeger has of two boots, one after the other."""
    made = [running.boot(name) for name in ("reported-1", "reported-2")]
    first, second = running.traces_of(made).values()
    return first, second


@pytest.fixture
def ask(running, capsys):
    """Runs ``otel-bridge`` on that Jaeger: what it prints, when all went well."""

    def run(*arguments: str, store: str | None = None) -> str:
        code = main([*arguments, "--from", store or running.backend.store_url])
        said = capsys.readouterr()
        assert (code, said.err) == (0, "")
        return said.out

    return run


def test_the_tree_has_each_span_on_a_line(boots, ask):
    trace = boots[0]
    lines = ask("trace", "show", ids.base_id(trace.trace_id), "--no-fold").splitlines()
    for span in trace.spans:
        assert any(span.service in line and span.name in line for line in lines), span.name
    assert any(f"{len(trace.spans)} spans" in line for line in lines)


def test_the_path_explains_the_whole_boot(boots):
    """It goes on through the casts, long after the request was answered."""
    trace = boots[0]
    segments = timing.critical_path(trace)
    assert segments[0].start_ns == trace.roots[0].start_ns
    assert segments[-1].end_ns == trace.end_ns
    assert all(before.end_ns == after.start_ns for before, after in pairwise(segments))
    by_id = {span.span_id: span for span in trace.spans}
    services = {by_id[segment.span_id].service for segment in segments}
    assert {"nova-conductor", "nova-compute", "nova-scheduler"} <= services
    assert trace.end_ns > trace.roots[0].end_ns


def test_an_id_may_be_cut(boots, ask):
    trace = boots[1]
    whole = ask("trace", "show", ids.base_id(trace.trace_id))
    assert ask("trace", "show", ids.format_trace_id(trace.trace_id)[:12]) == whole


def test_both_are_listed(boots, ask):
    listed = json.loads(ask("trace", "list", "--service", "nova-compute", "--since", "1h", "--json"))
    found = {one["traceId"] for one in listed["traces"]}
    assert {ids.format_trace_id(trace.trace_id) for trace in boots} <= found


def test_what_is_exported_is_read_back(boots, ask, tmp_path):
    trace = boots[0]
    path = tmp_path / "boot.json"
    path.write_text(ask("trace", "show", ids.base_id(trace.trace_id), "--otlp"))
    assert open_store(f"file:{path}").get(trace.trace_id) == trace
    on_file = ask("trace", "show", store=str(path))
    assert on_file == ask("trace", "show", ids.base_id(trace.trace_id))


def test_osprofilers_report_is_the_same(boots, ask, running):
    base_id = ids.base_id(boots[0].trace_id)
    done = running.command(
        "osprofiler",
        "trace",
        "show",
        base_id,
        "--json",
        "--connection-string=otel:",
        OTEL_BRIDGE_STORE=running.backend.store_url,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(ask("trace", "show", base_id, "--json"))


def test_the_comparison_adds_up(boots, ask):
    one, other = (ids.base_id(trace.trace_id) for trace in boots)
    compared = json.loads(ask("trace", "diff", one, other, "--json"))
    durations = [trace.summary().duration_ns for trace in boots]
    assert int(compared["deltaNano"]) == durations[1] - durations[0]
    assert sum(int(part["deltaNano"]) for part in compared["contributors"]) == durations[1] - durations[0]


def test_most_of_two_boots_is_found_in_both(boots, ask):
    """They do the same work, save for what a first time loads."""
    one, other = (ids.base_id(trace.trace_id) for trace in boots)
    parts = json.loads(ask("trace", "diff", one, other, "--json"))["parts"]
    alike = [part for part in parts if part["change"] in ("same", "multiplied")]
    assert len(alike) > 0.8 * len(parts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_a_browser(boots, ask, running, tmp_path, scheme):
    """Without a word on its console, and with a link to Jaeger's own page."""
    playwright = pytest.importorskip("playwright.sync_api")
    from e2e.browser.chromium import Browse, launched
    from e2e.browser.conftest import SCREENSHOTS

    program = required.program("chromium", "apt-get install chromium")
    trace = boots[0]
    written = ask("trace", "show", ids.base_id(trace.trace_id), "--html")
    with playwright.sync_playwright() as started, launched(started, program) as browser:
        browse = Browse(browser, tmp_path)
        page = browse.file(written, scheme=scheme)
        page.locator("#rows .row").first.wait_for()
        assert trace.roots[0].name in page.locator("h1").inner_text()
        link = page.get_by_role("link", name="Open in Jaeger").get_attribute("href")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"nova-{scheme}.png")
        browse.close()
    assert browse.problems == []
    address = running.backend.store_url.removeprefix("jaeger+")
    assert link == f"{address}/trace/{ids.format_trace_id(trace.trace_id)}"
