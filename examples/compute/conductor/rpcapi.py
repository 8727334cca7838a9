"""The conductor, as its callers see it."""

from __future__ import annotations

import oslo_messaging as messaging
from oslo_context.context import RequestContext

from compute import rpc


class ConductorAPI:
    def __init__(self) -> None:
        self.client = rpc.get_client(messaging.Target(topic="conductor"))

    def build_instance(self, context: RequestContext, instance_uuid: str, image_id: str) -> str:
        """Call: the host that the instance was built on."""
        host: str = self.client.call(
            context, "build_instance", instance_uuid=instance_uuid, image_id=image_id
        )
        return host

    def record_action(self, context: RequestContext, instance_uuid: str, action: str) -> None:
        """Cast: nobody waits for the note of what was asked for."""
        self.client.cast(context, "record_action", instance_uuid=instance_uuid, action=action)
