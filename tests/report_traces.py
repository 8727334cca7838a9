"""Traces that have what a reader meets in those of real services, for the tests of what shows them."""

from __future__ import annotations

import traces
from traces import CLIENT, CONSUMER, PRODUCER, SERVER

from otel_bridge.model.trace import STATUS_ERROR, Trace


def creation() -> Trace:
    """A server is created: the request is answered early, the work goes on by casts and in a thread.

    Keystone's part is runs of alike queries, the compute's part hangs below a span that ended long before,
    one call fails, and the clock of one host is ahead.
    """
    spans = [
        traces.span(1, 0, "POST /v2.1/servers", kind=SERVER, end=60),
        traces.span(2, 1, "GET", kind=CLIENT, start=1, end=21, attributes={"url.full": "http://keystone/v3"}),
        traces.span(3, 2, "GET /v3/auth/tokens", service="keystone", kind=SERVER, start=2, end=20),
        traces.span(50, 1, "compute.API.create", start=22, end=58),
        traces.span(51, 50, "ComputeTaskAPI.build", kind=PRODUCER, start=56, end=57),
        traces.span(
            52,
            51,
            "ComputeTaskManager.build",
            service="nova-conductor",
            kind=CONSUMER,
            start=67,
            end=150,
        ),
        traces.span(53, 52, "select_destinations", service="nova-conductor", kind=CLIENT, start=70, end=120),
        traces.span(
            54,
            53,
            "SchedulerManager.select_destinations",
            service="nova-scheduler",
            kind=SERVER,
            start=69,  # before its client
            end=118,
        ),
        traces.span(60, 52, "ComputeAPI.build", service="nova-conductor", kind=PRODUCER, start=148, end=149),
        traces.span(
            61, 60, "ComputeManager.build", service="nova-compute", kind=CONSUMER, start=155, end=156
        ),
        traces.span(
            70,
            61,
            "GET",
            service="nova-compute",
            kind=CLIENT,
            start=400,
            end=460,
            status=STATUS_ERROR,
            attributes={
                "url.full": "http://neutron:9696/v2.0/ports?device_id=1",
                "error.type": "ConnectFailure",
            },
            status_message="Unable to establish connection to http://neutron:9696/v2.0/ports",
        ),
    ]
    query = {"service": "keystone", "kind": CLIENT}
    spans += [
        traces.span(10 + n, 3, "SELECT keystone.user", start=3 + n / 4, end=3.1 + n / 4 + n / 100, **query)
        for n in range(20)
    ]
    for n in range(4):
        begin = 10 + 2 * n
        spans.append(traces.span(30 + n, 3, "SELECT keystone.role", start=begin, end=begin + 0.5, **query))
        spans.append(
            traces.span(40 + n, 3, "SELECT keystone.project", start=begin + 1, end=begin + 1.2, **query)
        )
    for n in range(3):
        begin = 170 + 70 * n
        spans.append(
            traces.span(
                80 + n,
                61,
                "object_action",
                service="nova-conductor",
                kind=SERVER,
                start=begin,
                end=begin + 30 + n,
            )
        )
        spans.append(
            traces.span(
                90 + n,
                80 + n,
                "UPDATE nova.instances",
                service="nova-conductor",
                kind=CLIENT,
                start=begin + 5,
                end=begin + 15 + n,
            )
        )
    return traces.trace(*spans)
