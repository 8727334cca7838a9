"""The cases, in the order of the table."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import (
    burst,
    closed_point,
    database,
    encoder,
    html_report,
    http_client,
    lateness,
    logs,
    memory,
    rpc,
    store_list,
    threads,
    trace_point,
    wsgi_closed,
    wsgi_open,
)

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        wsgi_closed.CASE,
        wsgi_open.CASE,
        trace_point.CASE,
        closed_point.CASE,
        encoder.CASE,
        burst.CASE,
        lateness.CASE,
        memory.QUEUED,
        memory.DAY,
        database.CASE,
        http_client.CASE,
        rpc.CASE,
        threads.CASE,
        logs.CASE,
        store_list.CASE,
        html_report.FILE,
        html_report.PAGE,
    )
}
