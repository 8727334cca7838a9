"""adopt/driver.py: the drivers are found, and only a service that chooses one is adopted."""

from __future__ import annotations

import json

import pytest
from adopting import run

SCHEMES = {
    "otel://collector": "OtelDriver",
    "otel://collector:4318/v1/traces?store=sqlite%3A%2Fx": "OtelDriver",
    "OTEL://collector": "OtelDriver",
    "otel": "OtelDriver",
    "otel:": "OtelDriver",
    "otel://": "OtelDriver",
    "otel:?store=http%3A%2F%2Fjaeger%3A16686": "OtelDriver",
    "otel+https://collector": "OtelHttpsDriver",
    "otel+grpc://collector": "OtelGrpcDriver",
    "otel+grpcs://collector": "OtelGrpcsDriver",
}


def test_each_scheme_is_found_by_osprofiler_and_adopts_nothing():
    """As ``osprofiler trace show`` and Horizon make a driver."""
    found = run(
        """
        import json, sys
        from oslo_config import cfg
        from osprofiler import opts
        from osprofiler.drivers import base
        conf = cfg.ConfigOpts()
        opts.set_defaults(conf)
        conf([], project="test", default_config_files=[])
        made = {text: type(base.get_driver(text, conf=conf)).__name__ for text in json.loads(sys.argv[1])}
        import osprofiler.profiler
        print(json.dumps([
            made,
            osprofiler.profiler.get.__module__,
            sorted(name for name in sys.modules if name.startswith(("otel_bridge", "opentelemetry"))),
        ]))
        """,
        json.dumps(list(SCHEMES)),
    )
    made, core, modules = found
    assert made == SCHEMES
    assert core == "osprofiler.profiler"
    assert set(modules) <= {"otel_bridge", "otel_bridge.version", "otel_bridge.adopt"} | {
        f"otel_bridge.adopt.{name}" for name in ("activate", "driver")
    }


@pytest.mark.parametrize("text", ["otel+ftp://collector", "hotel://collector", "otelx://c", "x+otel://c"])
def test_no_other_scheme_is_ours(text):
    assert run(
        """
        import json, sys
        from osprofiler.drivers import base
        try:
            base.get_driver(sys.argv[1])
        except ValueError as error:
            print(json.dumps(str(error)))
        """,
        text,
    ).startswith("Driver not found")


@pytest.mark.parametrize(
    "text", ["otel://127.0.0.1:9", "otel", "otel:", "otel://", "otel+https://127.0.0.1:9"]
)
def test_a_service_that_chooses_one_is_adopted_once(text):
    """By ``notifier.create``, which all services call; some do more than once, with other arguments."""
    found = run(
        """
        import json, logging, sys
        logging.basicConfig(stream=sys.stdout, level=logging.INFO)
        from osprofiler import notifier, profiler
        import osprofiler.drivers.base
        assert profiler.get.__module__ == "osprofiler.profiler"
        first = notifier.create(sys.argv[1], context=None, project="nova", service="compute", host="h")
        core = profiler.get
        notifier.set(first)
        second = notifier.create(sys.argv[1], project="nova", service="compute", host="h")
        third = notifier.create(sys.argv[1] + ("" if "://" in sys.argv[1] else "://"), project="glance")
        from otel_bridge import runtime
        print(json.dumps([
            core.__module__, profiler.get is core, first is second is third,
            dict(runtime.setup().settings.resource)["service.name"],
        ]))
        """,
        text,
    )
    assert found == ["otel_bridge.profiler", True, True, "nova-compute"]


def test_a_driver_may_be_made_without_configuration():
    """By position, and with ``conf=None``."""
    found = run(
        """
        import json
        from osprofiler.drivers import base
        driver = base.get_driver("otel://collector", "nova", "compute", "h", conf=None, context={})
        print(json.dumps([driver.connection_str, driver.project, driver.service, driver.host]))
        """
    )
    assert found == ["otel://collector", "nova", "compute", "h"]


def test_what_the_connection_string_says_is_what_the_service_works_with():
    found = run(
        """
        import json
        from osprofiler import notifier
        notifier.create("otel+https://user:s3cret@collector:99/base", project="nova", service="api", host="h")
        from otel_bridge import runtime
        settings = runtime.setup().settings
        print(json.dumps([settings.export.endpoint, settings.resource["host.name"]]))
        """
    )
    assert found == ["https://collector:99/base", "h"]


@pytest.mark.parametrize("text", ["otel://bad host", "otel+grpc://h/path", "otel://h:99999", "otel://h?x=1"])
def test_a_bad_connection_string_leaves_the_service_untraced_and_running(text):
    found = run(
        """
        import io, json, logging, sys
        log = io.StringIO()
        logging.basicConfig(stream=log, level=logging.INFO)
        from oslo_config import cfg
        from osprofiler import initializer, opts, profiler
        conf = cfg.ConfigOpts()
        opts.set_defaults(conf, enabled=True, hmac_keys="key", connection_string=sys.argv[1])
        conf([], project="test", default_config_files=[])
        initializer.init_from_conf(conf, None, "nova", "compute", "h")
        profiler.init("key")
        profiler.start("x")
        profiler.stop()
        from otel_bridge import runtime
        told = "[profiler] connection_string" in log.getvalue()
        print(json.dumps([profiler.get() is None, runtime.stats().made, told]))
        """,
        text,
    )
    assert found == [True, 0, True]


def test_a_point_that_comes_past_the_profiler_is_told_of_and_nothing_else():
    found = run(
        """
        import io, json, logging
        log = io.StringIO()
        logging.basicConfig(stream=log, level=logging.WARNING)
        from osprofiler import notifier
        notifier.set(notifier.create("otel://127.0.0.1:9", project="nova", service="api", host="h"))
        for _ in range(3):
            notifier.notify({"name": "x-start", "info": {"password": "s3cret"}})
        print(json.dumps(log.getvalue()))
        """
    )
    assert found.count("did not come from osprofiler.profiler") == 1
    assert "s3cret" not in found


def test_reports_are_asked_of_the_driver_without_adoption():
    found = run(
        """
        import json
        from osprofiler.drivers import base
        from osprofiler import profiler
        driver = base.get_driver("otel:?store=sqlite%3A%2F%2F%2Fdoes%2Fnot%2Fexist")
        failed = []
        for ask in (lambda: driver.get_report("x"), driver.list_traces, driver.list_error_traces):
            try:
                ask()
            except Exception as error:
                failed.append(type(error).__name__)
        print(json.dumps([len(failed), profiler.get.__module__]))
        """
    )
    assert found == [3, "osprofiler.profiler"]
