"""Horizon's profiler panel asked for traces. Not a test: a process runs it, with trace ids as arguments.

Its Django settings are those of Horizon's own tests, which need no Keystone; what is in
``OPENSTACK_PROFILER`` is what an operator writes.
"""

import json
import logging
import os
import sys
from types import ModuleType

settings = ModuleType("profiler_settings")
sys.modules["profiler_settings"] = settings
os.environ["DJANGO_SETTINGS_MODULE"] = "profiler_settings"

from openstack_dashboard.test import settings as for_tests  # noqa: E402

settings.__dict__.update({name: value for name, value in vars(for_tests).items() if name.isupper()})
settings.OPENSTACK_PROFILER = {
    "enabled": True,
    "facility_name": "horizon",
    "keys": ["SECRET_KEY"],
    "notifier_connection_string": os.environ["CONNECTION"],
    "receiver_connection_string": os.environ["CONNECTION"],
}

import django  # noqa: E402

django.setup()
logging.disable()  # what a view cannot do it logs, and answers

import horizon  # noqa: E402
import openstack_dashboard  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from openstack_dashboard.contrib.developer.profiler import views  # noqa: E402
from xstatic.pkg import angular, angular_bootstrap, angular_fileupload, jquery  # noqa: E402


class Somebody:
    """Who is logged in."""

    is_authenticated = True
    id = "admin"


def answer(path, view, **arguments):
    request = RequestFactory().get(path, HTTP_X_REQUESTED_WITH="XMLHttpRequest")
    request.user = Somebody()
    found = view.as_view()(request, **arguments)
    return {"status": found.status_code, "body": json.loads(found.content)}


def main(*trace_ids):
    answers = {"/api/profiler/traces": answer("/api/profiler/traces", views.Traces)}
    for trace_id in trace_ids:
        path = f"/api/profiler/traces/{trace_id}"
        answers[path] = answer(path, views.Trace, trace_id=trace_id)
    packages = {
        "horizon": os.path.dirname(horizon.__file__),
        "dashboard": os.path.dirname(openstack_dashboard.__file__),
        **{one.NAME: one.BASE_DIR for one in (angular, angular_bootstrap, angular_fileupload, jquery)},
    }
    json.dump({"answers": answers, "packages": packages}, sys.stdout)


main(*sys.argv[1:])
