"""The configuration files of the services: what an operator writes, with three lines for OSProfiler."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from .places import GLANCE_URL, KEYSTONE_URL, Places
from .servers import database_url, transport_url
from .settings import PASSWORDS, Settings

Sections = Mapping[str, Mapping[str, object]]


def write(places: Places, settings: Settings) -> None:
    """Write all of them anew."""
    for project, name, sections in (
        ("keystone", "keystone.conf", _keystone(places)),
        ("glance", "glance-api.conf", _glance(places)),
        ("placement", "placement.conf", _placement()),
        ("nova", "nova.conf", _nova(places, settings)),
    ):
        profiler = {
            "enabled": "true",
            "hmac_keys": settings.hmac_key,
            "connection_string": settings.connection_of(project),
            "trace_sqlalchemy": "true",
            "trace_requests": "true",
        }
        everything = {**sections, "profiler": profiler, "otel_bridge": settings.otel_bridge}
        (places.etc / project / name).write_text(_ini(everything))
    shutil.copy(places.venv / "etc" / "nova" / "api-paste.ini", places.etc / "nova")


def _ini(sections: Sections) -> str:
    return "\n".join(
        "".join([f"[{section}]\n", *(f"{name} = {value}\n" for name, value in options.items())])
        for section, options in sections.items()
    )


def _user(name: str) -> dict[str, object]:
    """keystoneauth's options for a service's own user."""
    return {
        "auth_url": KEYSTONE_URL,
        "auth_type": "password",
        "username": name,
        "password": PASSWORDS[name],
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
        "region_name": "RegionOne",
    }


def _authtoken(name: str) -> dict[str, object]:
    return {"www_authenticate_uri": KEYSTONE_URL, **_user(name)}


def _keystone(places: Places) -> Sections:
    keys = places.etc / "keystone"
    return {
        "DEFAULT": {"transport_url": transport_url()},
        "database": {"connection": database_url("keystone")},
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": keys / "fernet-keys"},
        "fernet_receipts": {"key_repository": keys / "fernet-keys"},
        "credential": {"key_repository": keys / "credential-keys"},
    }


def _glance(places: Places) -> Sections:
    return {
        "DEFAULT": {
            "enabled_backends": "file:file",
            "enabled_import_methods": "[]",
            "worker_self_reference_url": GLANCE_URL,
            "transport_url": transport_url(),
        },
        "database": {"connection": database_url("glance")},
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": places.data / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": places.data / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": places.data / "tasks"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": places.venv / "etc" / "glance" / "glance-api-paste.ini",
        },
        "oslo_concurrency": {"lock_path": places.data / "lock"},
        "keystone_authtoken": _authtoken("glance"),
    }


def _placement() -> Sections:
    return {
        "placement_database": {"connection": database_url("placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": _authtoken("placement"),
    }


def _nova(places: Places, settings: Settings) -> Sections:
    return {
        "DEFAULT": {
            "transport_url": transport_url(),
            "compute_driver": "fake.FakeDriver",
            "state_path": places.data / "nova",
            "concurrency_backend": settings.concurrency,
            # A node is not down because the lab was.
            "service_down_time": 10**9,
        },
        "api": {"auth_strategy": "keystone"},
        "api_database": {"connection": database_url("nova_api")},
        "database": {"connection": database_url("nova")},
        "scheduler": {"workers": 1},
        "conductor": {"workers": 1},
        "oslo_concurrency": {"lock_path": places.data / "lock"},
        "quota": {"instances": -1, "cores": -1, "ram": -1},
        "glance": {"api_servers": GLANCE_URL},
        "placement": _user("placement"),
        "neutron": _user("neutron"),
        "cinder": _user("nova"),
        "service_user": {"send_service_user_token": "false"},
        "keystone_authtoken": _authtoken("nova"),
    }
