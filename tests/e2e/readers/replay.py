"""Hands trace points to a driver of osprofiler's and prints what it answers. Not a test: a process runs it.

Arguments: the name of the driver, its connection string, the file with the points.
"""

import json
import sys

from oslo_config import cfg
from osprofiler import opts
from osprofiler.drivers import base, sqlalchemy_driver


def main(name, connection, file):
    conf = cfg.ConfigOpts()
    opts.set_defaults(conf)
    conf.set_override("filter_error_trace", True, group="profiler")
    conf([], project="replay", default_config_files=[], default_config_dirs=[])

    def driver(project=None, service=None, host=None):
        known = {"project": project, "service": service, "host": host}
        if name == "sqlalchemy":  # SQLite is not among the databases that get_driver() knows
            return sqlalchemy_driver.SQLAlchemyDriver(connection, **known)
        if name == "messaging":
            return base.get_driver(connection, conf=conf, context={}, transport_url="fake://", **known)
        return base.get_driver(connection, conf=conf, **known)

    with open(file) as lines:
        points = [json.loads(line) for line in lines]
    drivers = {origin: driver(*origin) for origin in dict.fromkeys(tuple(one["svc"]) for one in points)}

    def notify(point):
        drivers[tuple(point["svc"])].notify({key: value for key, value in point.items() if key != "svc"})

    reports, lists = {}, {}
    base_ids = list(dict.fromkeys(point["base_id"] for point in points))
    if name == "messaging":  # which takes all that there is and keeps what is of the one trace
        for base_id in base_ids:
            for point in points:
                if point["base_id"] == base_id:
                    notify(point)
            reports[base_id] = driver().get_report(base_id)
    else:
        for point in points:
            notify(point)
        reports = {base_id: driver().get_report(base_id) for base_id in base_ids}
        lists["list_traces"] = in_order(driver().list_traces({"base_id", "timestamp"}))
        try:
            lists["list_error_traces"] = in_order(driver().list_error_traces())
        except NotImplementedError:
            pass
    json.dump({"reports": reports, "lists": lists}, sys.stdout, indent=1, sort_keys=True)
    print()


def in_order(traces):
    """Redis gives them in the order of a hash table."""
    return sorted(traces, key=lambda trace: trace["timestamp"])


main(*sys.argv[1:])
