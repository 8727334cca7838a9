"""What a compute node does when it is called."""

from __future__ import annotations

import logging
from typing import Any

import oslo_messaging as messaging
from oslo_context.context import RequestContext

from compute.db import api as db
from compute.exception import BuildFailed, ComputeException
from compute.image import client as image_client

LOG = logging.getLogger(__name__)


class ComputeManager:
    def __init__(self, host: str) -> None:
        self.host = host
        self._nodes: list[str] = []

    @messaging.expected_exceptions(ComputeException)
    def build_and_run_instance(self, context: RequestContext, instance_uuid: str, image_id: str) -> None:
        """Start an instance here; raises BuildFailed when its image cannot be used."""
        image = image_client.get_image(image_id)
        self._spawn(instance_uuid, image)
        db.instance_update(instance_uuid, "ACTIVE", self.host)

    def terminate_instance(self, context: RequestContext, instance_uuid: str) -> None:
        db.instance_update(instance_uuid, "DELETED")

    def refresh_cache(self, context: RequestContext) -> None:
        """Look again which nodes there are."""
        self._nodes = db.compute_hosts()
        LOG.info("nodes: %s", ", ".join(self._nodes))

    def _spawn(self, instance_uuid: str, image: dict[str, Any]) -> None:
        if image["status"] != "active":
            raise BuildFailed(f"image {image['name']} is {image['status']}: {instance_uuid} was not built")
