"""What the conductor does when it is called."""

from __future__ import annotations

import logging
from uuid import UUID

import oslo_messaging as messaging
from oslo_context.context import RequestContext

from compute.compute.rpcapi import ComputeAPI
from compute.db import api as db
from compute.exception import ComputeException, NoValidHost

LOG = logging.getLogger(__name__)


class ConductorManager:
    def __init__(self) -> None:
        self.compute_rpcapi = ComputeAPI()

    @messaging.expected_exceptions(ComputeException)
    def build_instance(self, context: RequestContext, instance_uuid: str, image_id: str) -> str:
        """Have an instance built on some node; its host."""
        try:
            host = self._schedule(instance_uuid)
            self.compute_rpcapi.build_and_run_instance(context, host, instance_uuid, image_id)
        except Exception:
            db.instance_update(instance_uuid, "ERROR")
            raise
        self.compute_rpcapi.refresh_cache(context)
        return host

    def record_action(self, context: RequestContext, instance_uuid: str, action: str) -> None:
        db.action_create(instance_uuid, action)
        LOG.info("%s of %s was asked for", action, instance_uuid)

    def _schedule(self, instance_uuid: str) -> str:
        hosts = db.compute_hosts()
        if not hosts:
            raise NoValidHost("no compute node is up")
        return hosts[UUID(instance_uuid).int % len(hosts)]
