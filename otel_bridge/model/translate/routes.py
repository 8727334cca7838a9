"""Templates of request paths: ``/v2.1/servers/{id}`` for ``/v2.1/servers/<UUID>``.

What looks like an id is one wherever it stands. OpenStack also takes names where it takes ids
(``/v2.1/flavors/m1.tiny``, ``/v2/images/tiny``), and clients try a name first. So what follows a collection
that is known from the API references is a member of it, whatever it looks like, unless it is one of the words
that the API itself has there. Anything else stays as it is. The table may be incomplete: then a path is less
general than it could be, or a word of a new API version shows as ``{id}``; ``url.path`` has the path itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

#: Stands for one id or name.
MEMBER: Final = "{id}"

_ID = re.compile(
    r"""
      (?<![0-9A-Za-z])
      (?: [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12} | [0-9a-fA-F]{16,}+ )
      (?![0-9A-Za-z])
    | (?<=/)[0-9]++(?=/|\Z)
    """,
    re.VERBOSE,
)

#: Collections whose members are asked for by name, each project's own; those that several have stand once.
_COLLECTIONS: Final = str.split(
    """
    servers flavors images os-keypairs os-aggregates os-hosts os-hypervisors os-server-groups os-networks
    os-tenant-networks os-security-groups os-quota-sets ips tags metadata os-extra_specs

    users groups projects domains roles regions services endpoints policies identity_providers protocols
    mappings service_providers application_credentials

    namespaces objects properties resource_types

    resource_classes traits inventories

    networks subnets subnetpools ports routers floatingips security-groups agents trunks address-scopes
    address-groups rbac-policies firewall_groups firewall_policies loadbalancers listeners pools

    volumes snapshots backups types qos-specs group_types group_snapshots consistencygroups attachments
    volume-transfers clusters capabilities extra_specs group_specs

    stacks resources outputs software_configs software_deployments

    nodes portgroups chassis allocations deploy_templates runbooks conductors

    shares share_types share-networks share-servers share-group-types share_groups share-replicas quota-sets

    zones tlds tsigkeys

    clustertemplates nodegroups containers capsules queues claims subscriptions workflows workbooks actions
    environments cron_triggers instances databases configurations datastores profiles receivers alarms
    """
)
#: What the APIs themselves have in a member's place.
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    collection: frozenset(words.split())
    for collection, words in {
        "attachments": "detail summary",
        "actions": "resize upgrade validate",
        "backups": "detail import_record",
        "chassis": "detail",
        "clusters": "detail enable disable",
        "consistencygroups": "detail",
        "domains": "config",
        "flavors": "detail",
        "group_snapshots": "detail",
        "group_types": "default",
        "groups": "detail",
        "images": "detail",
        "instances": "detail",
        "nodes": "detail",
        "os-hypervisors": "detail statistics",
        "policies": "validate",
        "pools": "detail",
        "portgroups": "detail",
        "ports": "detail",
        "profiles": "validate",
        "servers": "detail",
        "services": "disable enable force_down",
        "share-group-types": "default",
        "share-networks": "detail",
        "share-replicas": "detail",
        "share-servers": "detail manage",
        "share_groups": "detail",
        "share_types": "default",
        "shares": "detail manage",
        "snapshots": "detail manage",
        "software_deployments": "metadata",
        "stacks": "detail preview",
        "subscriptions": "confirm",
        "types": "default",
        "volume-transfers": "detail",
        "volumes": "detail summary",
        "workbooks": "validate",
        "workflows": "validate",
        "zones": "tasks",
    }.items()
}
_NO_WORDS: Final[frozenset[str]] = frozenset()
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {name: _WORDS.get(name, _NO_WORDS) for name in _COLLECTIONS}


def path_template(path: str) -> str:
    """The path with ``{id}`` for UUIDs, with dashes or without, numbers, long hexadecimal ids, and names of
    members of known collections."""
    segments = _ID.sub(MEMBER, path).split("/")
    words: frozenset[str] | None = None
    for index, segment in enumerate(segments):
        if words is not None and segment and segment not in words:
            segments[index] = MEMBER
            words = None  # a member may have the name of a collection
        else:
            words = _MEMBERS.get(segment)
    return "/".join(segments)
