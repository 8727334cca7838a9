"""Jaeger v2.13, by its API v3, and by the older one behind a proxy that hides the new one."""

from __future__ import annotations

import secrets
import ssl
import urllib.request
from dataclasses import replace
from time import monotonic

import pytest
import trustme

from e2e.stores import made
from e2e.stores.proxy import proxying
from otel_bridge.cli.main import main
from otel_bridge.model.trace import Trace
from otel_bridge.stores import StoreError, TraceNotFound, open_store
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import TraceQuery

pytestmark = pytest.mark.e2e

OLDER = ("/api/v3",)


@pytest.fixture(scope="module")
def address(jaeger):
    """Where Jaeger's query service is, for a proxy."""
    return jaeger.store_url.removeprefix("jaeger+")


@pytest.fixture(params=["v3", "older"])
def either(request, jaeger, address):
    """The store, in each dialect."""
    if request.param == "v3":
        yield open_store(jaeger.store_url)
    else:
        with proxying(address, hidden=OLDER) as netloc:
            yield open_store(f"jaeger+http://{netloc}")


def test_a_trace_comes_back_as_it_was_sent(either, jaeger):
    sent = made.boot(error=True)
    made.send(jaeger.endpoint, sent)
    assert made.content(either.get(sent.trace_id).spans) == made.content(sent.spans)


def test_times_are_those_that_were_recorded_whatever_the_clocks(either, jaeger):
    """A child on another host that seems to be over before its parent began is not moved."""
    sent = made.boot()
    root, call, served = sent.spans
    skewed = replace(served, start_ns=root.start_ns - 5000 * made.MS, end_ns=root.start_ns - 4990 * made.MS)
    made.send(jaeger.endpoint, Trace.from_spans(sent.trace_id, [root, call, skewed]))
    found = made.content(either.get(sent.trace_id).spans)
    assert found[3] == skewed


def test_a_missing_trace_is_told_from_a_store_that_is_none(either):
    with pytest.raises(TraceNotFound):
        either.get(secrets.randbits(127))


def test_ten_thousand_spans_come_back(either, jaeger):
    sent = made.wide(10_000)
    made.send(jaeger.endpoint, sent)
    began = monotonic()
    found = either.get(sent.trace_id)
    took = monotonic() - began
    assert len(found.spans) == 10_000
    assert len(found.children(found.roots[0])) == 9_999
    print(f"10,000 spans in {took:.2f} s")


@pytest.fixture(scope="module")
def three(jaeger):
    """Three traces of a service of their own, a second apart, the newest first: one short, one that fails,
    one long."""
    service = f"svc-{secrets.token_hex(4)}"
    start = made.now()
    traces = [
        made.boot(service=service, start=start, ms=20),
        made.boot(service=service, start=start - 1000 * made.MS, ms=50, error=True),
        made.boot(service=service, start=start - 2000 * made.MS, ms=700),
    ]
    made.send(jaeger.endpoint, *traces)
    return service, traces


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        (lambda traces: {}, [0, 1, 2]),
        (lambda traces: {"limit": 2}, [0, 1]),
        (lambda traces: {"errors_only": True}, [1]),
        (lambda traces: {"min_duration_ns": 50 * made.MS}, [1, 2]),
        (lambda traces: {"max_duration_ns": 50 * made.MS}, [0, 1]),
        (lambda traces: {"since_ns": traces[1].start_ns}, [0, 1]),
        (lambda traces: {"until_ns": traces[1].start_ns}, [2]),
        (lambda traces: {"operation": "POST /servers"}, [0, 1, 2]),
        (lambda traces: {"operation": "conductor.build"}, []),  # it is another service's
        (lambda traces: {"id_prefix": f"{traces[2].trace_id:032x}"[:12]}, [2]),
        (lambda traces: {"errors_only": True, "max_duration_ns": 20 * made.MS}, []),
    ],
)
def test_each_filter(either, three, asked, numbers):
    service, traces = three
    found = either.list(TraceQuery(service=service, **asked(traces)))
    assert found == [traces[number].summary() for number in numbers]


def test_without_a_service_those_of_all_are_listed(either, three):
    service, traces = three
    since = traces[2].start_ns
    found = either.list(TraceQuery(limit=1000, since_ns=since, operation="POST /servers"))
    ours = [summary for summary in found if service in summary.services]
    assert ours == [trace.summary() for trace in traces]


def test_the_page_that_a_link_names_is_there(store, three):
    link = store.ui_link(three[1][0].trace_id)
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert answer.status == 200


def test_behind_tls_credentials_and_a_base_path(address, three, tmp_path):
    _, traces = three
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    options = StoreOptions(ca_file=str(tmp_path / "ca.pem"))
    with proxying(address, base="/tracing/jaeger", credentials="reader:pass", tls=tls) as netloc:
        store = open_store(f"jaeger+https://reader:pass@{netloc}/tracing/jaeger/", options)
        assert store.get(traces[0].trace_id).spans
        assert store.ui_link(1) == f"https://{netloc}/tracing/jaeger/trace/{1:032x}"
        with pytest.raises(StoreError, match="asks for credentials"):
            open_store(f"jaeger+https://{netloc}/tracing/jaeger", options).get(1)
        with pytest.raises(StoreError, match="certificate is not trusted"):
            open_store(f"jaeger+https://reader:pass@{netloc}/tracing/jaeger").get(1)
        with pytest.raises(StoreError, match="correct the address"):
            open_store(f"jaeger+https://reader:pass@{netloc}/elsewhere", options).get(1)


def test_the_command_lists_and_finds_by_the_beginning_of_an_id(jaeger, three, capsys):
    service, traces = three
    assert main(["trace", "list", "--from", jaeger.store_url, "--service", service, "--errors"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 2
    prefix = listed[1][:13]
    assert main(["trace", "show", "--from", jaeger.store_url, prefix]) == 0
    assert "No valid host" in capsys.readouterr().out
    assert traces[1].trace_id == int(listed[1].split()[0].replace("-", ""), 16)
