"""``/v2.1/servers``."""

from __future__ import annotations

from typing import Any

import webob
from oslo_context.context import RequestContext

from compute.compute.rpcapi import ComputeAPI
from compute.conductor.rpcapi import ConductorAPI
from compute.db import api as db
from compute.db.models import Instance
from compute.exception import InvalidRequest


class ServersController:
    def __init__(self) -> None:
        self.conductor_rpcapi = ConductorAPI()
        self.compute_rpcapi = ComputeAPI()

    def index(self, request: webob.Request) -> webob.Response:
        return webob.Response(json={"servers": [_view(instance) for instance in db.instance_list()]})

    def show(self, request: webob.Request, server_id: str) -> webob.Response:
        return webob.Response(json={"server": _view(db.instance_get(server_id))})

    def create(self, request: webob.Request) -> webob.Response:
        context = RequestContext.from_environ(request.environ)
        name, image_id = _wanted(request)
        instance = db.instance_create(name, image_id)
        self.conductor_rpcapi.record_action(context, instance.uuid, "create")
        instance.host = self.conductor_rpcapi.build_instance(context, instance.uuid, image_id)
        instance.status = "ACTIVE"
        return webob.Response(json={"server": _view(instance)}, status=201)

    def delete(self, request: webob.Request, server_id: str) -> webob.Response:
        context = RequestContext.from_environ(request.environ)
        instance = db.instance_get(server_id)
        if instance.host:
            self.compute_rpcapi.terminate_instance(context, instance.host, instance.uuid)
        return webob.Response(status=204)


def _wanted(request: webob.Request) -> tuple[str, str]:
    try:
        server = request.json["server"]
        return str(server["name"]), str(server["imageRef"])
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest('a body like {"server": {"name": …, "imageRef": …}} is expected') from None


def _view(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.uuid,
        "name": instance.name,
        "image": instance.image,
        "status": instance.status,
        "host": instance.host,
    }
