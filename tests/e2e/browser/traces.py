"""Traces for the pages: the creation of servers in Nova, of any number of spans, always the same."""

from __future__ import annotations

from e2e.browser.timeline import TRACE_ID, Timeline
from otel_bridge.model.trace import SpanEvent, SpanLink, SpanRecord, Trace

_TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/sqlalchemy/engine/base.py", line 1967, in _exec_single_context
    self.dialect.do_execute(cursor, str_statement, effective_parameters, context)
  File "/usr/lib/python3/dist-packages/pymysql/cursors.py", line 153, in execute
    result = self._query(query)
pymysql.err.OperationalError: (1213, 'Deadlock found when trying to get lock; try restarting transaction')
"""


def boot(spans: int = 600, seed: int = 7) -> Trace:
    """A request for servers, as many as it takes for this number of spans."""
    return Trace.from_spans(TRACE_ID, boot_spans(spans, seed))


def boot_spans(spans: int, seed: int = 7) -> list[SpanRecord]:
    """See :func:`boot`: the spans alone, each after its parent."""
    line = Timeline(seed)
    with line.request(None, "nova-api", "POST", "/v2.1/servers", 202):
        _token(line, "nova-api", 37)
        with line.span(
            "nova-api",
            "ServersController.create",
            code__function__name="nova.api.openstack.compute.servers.create",
        ):
            _prepare(line)
            with line.cast("nova-api", "nova-conductor", "schedule_and_build_instances"):
                number = 0
                while len(line.spans) < spans:
                    number += 1
                    _build(line, number)
    return [SpanRecord(**span) for span in line.spans[:spans]]


def _token(line: Timeline, caller: str, queries: int) -> None:
    validation = line.span("keystone", "TokenManager.validate_token")
    with line.request(caller, "keystone", "GET", "/v3/auth/tokens"), validation:
        for table in ("user", "project", "assignment", "role"):
            line.query("keystone", "SELECT", table, 0.4, times=queries if table == "user" else 4)


def _prepare(line: Timeline) -> None:
    line.query("nova-api", "SELECT", "flavors", 0.9)
    line.query("nova-api", "SELECT", "quota_usages", 0.5, times=3)
    with line.request("nova-api", "glance-api", "GET", "/v2/images/7d3c1f8e-1c1e-4c0b-9a53-0f7b5a1f2d10"):
        _token(line, "glance-api", 5)
        line.query("glance-api", "SELECT", "images", 1.2)
        line.query("glance-api", "SELECT", "image_properties", 0.6, times=4)
    with line.request("nova-api", "neutron-server", "GET", "/v2.0/networks"):
        line.query("neutron-server", "SELECT", "networks", 1.5)
        line.query("neutron-server", "SELECT", "subnets", 0.7, times=6)
    line.query("nova-api", "INSERT", "build_requests", 1.3)
    line.query("nova-api", "INSERT", "request_specs", 1.1)


def _build(line: Timeline, number: int) -> None:
    with line.call("nova-conductor", "nova-scheduler", "select_destinations"):
        with line.request("nova-scheduler", "placement-api", "GET", "/allocation_candidates"):
            line.query("placement-api", "SELECT", "resource_providers", 2.8)
            line.query("placement-api", "SELECT", "inventories", 0.9, times=14)
        with line.span("nova-scheduler", "FilterScheduler._schedule"):
            for name in ("ComputeFilter", "ImagePropertiesFilter", "ServerGroupAntiAffinityFilter"):
                with line.span("nova-scheduler", f"{name}.filter_all"):
                    line.work(1.7)
        with line.request(
            "nova-scheduler", "placement-api", "PUT", "/allocations/0f9a2b7c-55d0-4b0e-8a56-2f6f6d1f3d77"
        ):
            line.query("placement-api", "INSERT", "allocations", 1.1, times=3)
            line.query("placement-api", "UPDATE", "resource_providers", 1.0)
    line.query("nova-conductor", "INSERT", "instances", 1.8)
    line.query("nova-conductor", "INSERT", "instance_extra", 1.2)
    line.query("nova-conductor", "SELECT", "block_device_mapping", 0.6, times=5)
    with line.cast("nova-conductor", "nova-compute", "build_and_run_instance"):
        _spawn(line, number)
    line.work(3)


def _spawn(line: Timeline, number: int) -> None:
    for _ in range(6):
        with line.call("nova-compute", "nova-conductor", "object_action"):
            line.query("nova-conductor", "UPDATE", "instances", 1.4)
            line.query("nova-conductor", "SELECT", "instance_extra", 0.6, times=3)
    with line.span("nova-compute", "ComputeManager._allocate_network"):
        with line.request("nova-compute", "neutron-server", "POST", "/v2.0/ports", 201):
            _token(line, "neutron-server", 12)
            for table in ("ports", "ipallocations", "ml2_port_bindings", "securitygroupportbindings"):
                line.query("neutron-server", "SELECT", table, 0.7, times=5)
                line.query("neutron-server", "INSERT", table, 1.3)
        if number % 3 == 0:
            _deadlock(line)
        with line.request(
            "nova-compute", "neutron-server", "PUT", "/v2.0/ports/51b2e6a7-9d0c-4f0d-8f43-bd41c9c0ad10"
        ):
            line.query("neutron-server", "SELECT", "ports", 0.7, times=7)
            line.query("neutron-server", "UPDATE", "ml2_port_bindings", 2.2)
    with line.span(
        "nova-compute",
        "LibvirtDriver.spawn",
        code__function__name="nova.virt.libvirt.driver.LibvirtDriver.spawn",
    ):
        with line.request(
            "nova-compute", "glance-api", "GET", "/v2/images/7d3c1f8e-1c1e-4c0b-9a53-0f7b5a1f2d10/file"
        ):
            line.query("glance-api", "SELECT", "image_locations", 0.9, times=3)
            line.work(180)
        for name, ms in (("_create_image", 95), ("_create_guest_with_network", 140), ("_wait_for_boot", 60)):
            with line.span("nova-compute", f"LibvirtDriver.{name}") as span:
                line.work(ms)
                span["events"] = (SpanEvent("libvirt.lifecycle", line.now, {"state": name.strip("_")}),)
        with line.cast("nova-compute", "neutron-agent", "port_update", delay=9):
            for chain in range(3):
                with line.span("neutron-agent", "IptablesManager._apply", chain=chain):
                    line.work(11)
    for _ in range(4):
        with line.call("nova-compute", "nova-conductor", "object_action"):
            line.query("nova-conductor", "UPDATE", "instances", 1.4)
    with line.span("nova-compute", "ResourceTracker.update_usage") as span:
        span["links"] = (SpanLink(TRACE_ID + 1, 0x51B2E6A79D0C4F0D, {"why": "periodic task"}),)
        line.work(14)


def _deadlock(line: Timeline) -> None:
    path = "/v2.0/ports/51b2e6a7-9d0c-4f0d-8f43-bd41c9c0ad10"
    message = "(1213, 'Deadlock found when trying to get lock; try restarting transaction')"
    with line.request("nova-compute", "neutron-server", "PUT", path, 503):
        line.query("neutron-server", "SELECT", "ports", 0.7, times=2)
        line.query("neutron-server", "UPDATE", "ml2_port_bindings", 52)
        line.fail(line.spans[-1], "pymysql.err.OperationalError", message, _TRACEBACK)
