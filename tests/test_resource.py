"""The resource: names, precedence, and what changes with the process."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge import __version__, resource


@pytest.mark.parametrize(
    ("project", "service", "name"),
    [
        ("nova", "nova-compute", "nova-compute"),
        ("nova", "compute", "nova-compute"),
        ("nova", "osapi_compute", "nova-osapi_compute"),
        ("nova", "nova", "nova"),
        ("nova", "novapipe", "nova-novapipe"),
        ("neutron", "neutron-server", "neutron-server"),
        ("ironic", "ironic_api", "ironic_api"),
        ("heat", "heat.engine", "heat.engine"),
        ("keystone", "public", "keystone-public"),
        ("glance", None, "glance"),
        ("glance", "", "glance"),
        (None, "worker", "worker"),
        (None, None, None),
        ("", "", None),
    ],
)
def test_service_name(project, service, name):
    """The project stands in front exactly once."""
    assert resource.service_name(project, service) == name


def test_build_says_who_it_is():
    """Project, service and host become the conventions' attributes, next to SDK and distribution."""
    built = resource.build(project="nova", service="nova-compute", host="cmp1")
    assert built["service.name"] == "nova-compute"
    assert built["service.namespace"] == "nova"
    assert built["host.name"] == "cmp1"
    assert built["telemetry.sdk.language"] == "python"
    assert built["telemetry.sdk.name"] == "opentelemetry"
    assert built["telemetry.distro.name"] == "otel-bridge"
    assert built["telemetry.distro.version"] == __version__
    assert all(isinstance(value, str) and value for value in built.values())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("cmp1", "cmp1"),
        (" cmp1.example.org ", "cmp1.example.org"),
        ("10.0.0.7", "10.0.0.7"),
        ("fd00::7", "fd00::7"),
        ("100.0.0.1", "100.0.0.1"),
        ("localhost-7", "localhost-7"),
        ("0.0.0.0", None),
        ("::", None),
        ("[::]", None),
        ("0:0:0:0:0:0:0:0", None),
        ("127.0.0.1", None),
        ("127.0.1.1", None),
        ("::1", None),
        ("localhost", None),
        ("LOCALHOST.localdomain", None),
        ("??", None),
        ("*", None),
        ("", None),
        (None, None),
    ],
)
def test_hosts_that_name_no_machine(host, name):
    """What stands where a host should be is no name of one: the machine's own is."""
    assert resource.machine_name(host) == name
    assert resource.build(host=host)["host.name"] == (name or socket.gethostname())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("nova", "nova-compute", "cmp1"), {}),
        (("nova", "compute", "cmp1"), {"osprofiler.service": "compute"}),
        (
            ("keystone", "public", "0.0.0.0"),
            {"osprofiler.service": "public", "osprofiler.host": "0.0.0.0"},
        ),
        (("placement", "placement", "??"), {"osprofiler.host": "??"}),
        ((None, None, None), {}),
        (("", "", ""), {}),
    ],
)
def test_what_a_service_calls_itself_is_kept_where_it_cannot_be_read_back(given, kept):
    """Together with service.namespace, service.name and host.name it gives project, service and host."""
    project, service, host = given
    built = resource.build(project=project, service=service, host=host)
    assert {name: value for name, value in built.items() if name.startswith("osprofiler.")} == kept
    found = [
        built.get(f"osprofiler.{name}") or built.get(shown)
        for name, shown in (
            ("project", "service.namespace"),
            ("service", "service.name"),
            ("host", "host.name"),
        )
    ]
    assert [one for one, known in zip(found, given, strict=True) if known] == [one for one in given if one]


def test_what_a_service_calls_itself_is_kept_where_the_operator_says_otherwise():
    """Names that are stated change what is shown, not what OSProfiler's report reads."""
    built = resource.build(
        project="nova",
        service="nova-compute",
        host="cmp1",
        attributes={"service.name": "mine", "service.namespace": "cloud", "osprofiler.host": "h"},
    )
    assert built["osprofiler.service"] == "nova-compute"
    assert built["osprofiler.project"] == "nova"
    assert built["osprofiler.host"] == "h"


def test_sdk_version_is_the_installed_one():
    """telemetry.sdk.version is what the SDK's own resource says."""
    from opentelemetry.sdk.resources import Resource

    stock = Resource.create({}).attributes
    built = resource.build()
    for name in ("telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"):
        assert built[name] == stock[name]
    assert built["service.name"] == stock["service.name"]
    assert built["service.name"].startswith("unknown_service:python")


@pytest.mark.parametrize("executable", ["", None])
def test_unknown_service_without_executable(executable, monkeypatch):
    """An embedded interpreter may not know its executable."""
    monkeypatch.setattr(sys, "executable", executable)
    assert resource.build()["service.name"] == "unknown_service"


def test_stated_attributes_win():
    """What the operator states replaces what is found out; an empty service.name names nothing."""
    stated = {"service.name": "mine", "host.name": "h", "service.namespace": "", "service.instance.id": "1"}
    built = resource.build(project="nova", service="compute", host="cmp1", attributes=stated)
    assert {name: built[name] for name in stated} == stated
    assert resource.build(service="x", attributes={"service.name": ""})["service.name"] == "x"


def test_process_attributes_last_as_long_as_the_process():
    """One random UUID a process, under which all its threads export."""
    first = resource.process_attributes()
    assert first == resource.process_attributes()
    assert uuid.UUID(str(first["service.instance.id"])).version == 4
    assert isinstance(first["process.pid"], int)


FORK = """
import os
from otel_bridge.resource import process_attributes
read, write = os.pipe()
mine = process_attributes()
if os.fork() == 0:
    os.write(write, repr(process_attributes()).encode())
    os._exit(0)
os.wait()
theirs = eval(os.read(read, 1000))
assert theirs["process.pid"] != mine["process.pid"] == os.getpid()
assert theirs["service.instance.id"] != mine["service.instance.id"]
assert mine == process_attributes()
"""


@pytest.mark.integration
def test_a_forked_child_is_another_instance():
    """A worker does not export under its master's identity, and the master keeps its own."""
    subprocess.run([sys.executable, "-c", FORK], timeout=60, check=True)


def test_import_is_light():
    """The SDK's version is found without loading the SDK."""
    code = (
        "import sys, otel_bridge.resource as r; r.build(); sys.exit('opentelemetry.sdk.trace' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("", {}),
        (" , ", {}),
        ("a=b", {"a": "b"}),
        (" a = b , c.d = e f ", {"a": "b", "c.d": "e f"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1%2C2%3d%25,b=caf%C3%A9", {"a": "1,2=%", "b": "caf\u00e9"}),
        ("k%3Dx=v", {"k=x": "v"}),
        ("a=", {"a": ""}),
        ("a=+", {"a": "+"}),
        ("a=1,a=2", {"a": "2"}),
    ],
)
def test_parse_attributes(text, attributes):
    """OTEL_RESOURCE_ATTRIBUTES, percent-decoded."""
    assert resource.parse_attributes(text) == attributes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a=b,c", "entry 2 is not name=value"),
        ("=b", "entry 1 is not name=value"),
        ("a=%", "entry 1 has a %"),
        ("a=%4", "entry 1 has a %"),
        ("a=b,c=%zz", "entry 2 has a %"),
        ("a=%ff", "entry 1 is not UTF-8"),
        ("a=\udcff", "entry 1 is not UTF-8"),
    ],
)
def test_parse_attributes_refuses(text, reason):
    """One malformed entry discards all, as the specification says; the reason tells which."""
    with pytest.raises(ValueError, match=reason):
        resource.parse_attributes(text)


@given(st.dictionaries(st.text(min_size=1).filter(str.strip), st.text()))
def test_parse_attributes_undoes_percent_encoding(attributes):
    """Whatever is percent-encoded comes back."""
    from urllib.parse import quote

    text = ",".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in attributes.items())
    assert resource.parse_attributes(text) == attributes


@given(st.text())
def test_parse_attributes_never_fails_otherwise(text):
    """Any text gives strings that can be encoded, or a ValueError with a reason of one line."""
    try:
        said = "".join(map("".join, resource.parse_attributes(text).items()))
    except ValueError as error:
        said = str(error)
        assert said.startswith("entry ")
        assert said.isprintable()
    said.encode()
