"""The resource: who it is that made the spans.

Names are those of the semantic conventions (service, host, process, deployment, telemetry). What an operator
states wins over what is found out here, a fixed ``service.instance.id`` included:
``{**process_attributes(), **build(...)}`` is the whole resource of a process.
"""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from opentelemetry.sdk.version import __version__ as _SDK_VERSION

from otel_bridge.version import __version__

_NONE: Mapping[str, str] = MappingProxyType({})
_SEPARATORS = "-_."

#: What a service calls itself; read back by OSProfiler's report.
OSPROFILER_PROJECT: Final = "osprofiler.project"
OSPROFILER_SERVICE: Final = "osprofiler.service"
OSPROFILER_HOST: Final = "osprofiler.host"

#: Hosts that name no machine, or each one.
_NO_MACHINES: Final = frozenset(str.split("localhost localhost.localdomain ip6-localhost ::1 none unknown"))
#: ``0.0.0.0``, ``::``, ``0:0:0:0:0:0:0:0``
_ZERO_ADDRESS: Final = frozenset("0.:")

_instance_ids: dict[int, str] = {}


def service_name(project: str | None, service: str | None) -> str | None:
    """``service.name`` out of what OpenStack calls project and service; None where neither is known.

    The project stands in front unless the service's name begins with it already: ``nova`` and ``compute``
    make ``nova-compute``, as do ``nova`` and ``nova-compute``.
    """
    if not project or not service:
        return service or project or None
    if service == project or (service.startswith(project) and service[len(project)] in _SEPARATORS):
        return service
    return f"{project}-{service}"


def machine_name(host: str | None) -> str | None:
    """``host`` where it names a machine; None for what services put in its place.

    Those are the addresses they listen on (``0.0.0.0``, ``::``, loopback ones, ``localhost``: each machine
    has them) and ``??``, which placement says.
    """
    name = str(host or "").strip()
    lower = name.lower().strip("[]")
    if not any(map(str.isalnum, lower)) or set(lower) <= _ZERO_ADDRESS:
        return None
    return None if lower in _NO_MACHINES or lower.startswith("127.") else name


def build(
    *,
    project: str | None = None,
    service: str | None = None,
    host: str | None = None,
    attributes: Mapping[str, str] = _NONE,
) -> dict[str, str]:
    """The attributes that all processes of a service share.

    What the service calls itself is kept in ``osprofiler.project``, ``osprofiler.service`` and
    ``osprofiler.host`` where ``service.namespace``, ``service.name`` and ``host.name`` say something else.

    Args:
        project: OpenStack's name of the project, ``nova``; it becomes ``service.namespace``.
        service: what runs, ``nova-compute`` or ``compute``.
        host: name of the host as the service knows it; what names no machine, or None: the system's host
            name.
        attributes: what the operator states; wins over everything, except that an empty ``service.name``
            names nothing.
    """
    resource = {
        "service.name": service_name(project, service) or _unknown_service(),
        "host.name": machine_name(host) or socket.gethostname(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": _SDK_VERSION,
        "telemetry.distro.name": "otel-bridge",
        "telemetry.distro.version": __version__,
    }
    if project:
        resource["service.namespace"] = project
    resource.update((name, value) for name, value in attributes.items() if value or name != "service.name")
    for given, shown, kept in (
        (project, "service.namespace", OSPROFILER_PROJECT),
        (service, "service.name", OSPROFILER_SERVICE),
        (host, "host.name", OSPROFILER_HOST),
    ):
        if given and given != resource[shown]:
            resource.setdefault(kept, given)
    return resource


def _unknown_service() -> str:
    # Resource semantic conventions: the fallback that every SDK has to use, with the executable's name
    executable = os.path.basename(sys.executable or "")
    return f"unknown_service:{executable}" if executable else "unknown_service"


def process_attributes() -> dict[str, str | int]:
    """``service.instance.id``, a random UUID, and ``process.pid`` of the process that calls this.

    The same as long as the process lives, others in each child of it. To be called where spans are exported:
    what a master process found out before it forked is not true of its workers.
    """
    pid = os.getpid()
    instance = _instance_ids.get(pid)
    if instance is None:
        for parent in [known for known in _instance_ids if known != pid]:
            _instance_ids.pop(parent, None)  # a pid comes round again
        instance = _instance_ids.setdefault(pid, str(uuid.uuid4()))
    return {"service.instance.id": instance, "process.pid": pid}


def parse_attributes(text: str) -> dict[str, str]:
    """Attributes from ``name=value,name=value``, names and values percent-encoded.

    The format of ``OTEL_RESOURCE_ATTRIBUTES`` (Resource SDK, "Specifying resource information via an
    environment variable"). An equals sign in a value is taken as it is, since older versions of the
    specification allowed it.

    Raises:
        ValueError: an entry is malformed. The specification discards the whole text then.
    """
    attributes: dict[str, str] = {}
    for position, entry in enumerate(text.split(","), start=1):
        if not entry.strip():
            continue
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not name or not equals:
            raise ValueError(f"entry {position} is not name=value")
        attributes[_decode(name, position)] = _decode(value, position)
    return attributes


def _decode(text: str, position: int) -> str:
    for piece in text.split("%")[1:]:
        if len(piece) < 2 or not set(piece[:2]) <= _HEX_DIGITS:
            raise ValueError(f"entry {position} has a % that is not followed by two hexadecimal digits")
    try:
        decoded = unquote(text, errors="strict")
        decoded.encode()
    except UnicodeError:
        raise ValueError(f"entry {position} is not UTF-8") from None
    return decoded


_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
