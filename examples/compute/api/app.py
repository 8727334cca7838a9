"""The routes of the compute API."""

from __future__ import annotations

from compute.api.servers import ServersController
from compute.api.services import ServicesController
from compute.router import Router


def factory(global_conf: dict[str, str], **local_conf: str) -> Router:
    """Paste's factory of the application."""
    servers, services = ServersController(), ServicesController()
    router = Router()
    router.connect("GET", "/v2.1/os-services", services.index)
    router.connect("GET", "/v2.1/servers", servers.index)
    router.connect("POST", "/v2.1/servers", servers.create)
    router.connect("GET", "/v2.1/servers/{server_id}", servers.show)
    router.connect("DELETE", "/v2.1/servers/{server_id}", servers.delete)
    return router
