"""The compute nodes, as their callers see them."""

from __future__ import annotations

import oslo_messaging as messaging
from oslo_context.context import RequestContext

from compute import rpc


class ComputeAPI:
    def __init__(self) -> None:
        self.client = rpc.get_client(messaging.Target(topic="compute"))

    def build_and_run_instance(
        self, context: RequestContext, host: str, instance_uuid: str, image_id: str
    ) -> None:
        """Call to one node: returns when the instance runs."""
        self.client.prepare(server=host).call(
            context, "build_and_run_instance", instance_uuid=instance_uuid, image_id=image_id
        )

    def terminate_instance(self, context: RequestContext, host: str, instance_uuid: str) -> None:
        """Cast to one node."""
        self.client.prepare(server=host).cast(context, "terminate_instance", instance_uuid=instance_uuid)

    def refresh_cache(self, context: RequestContext) -> None:
        """Fanout: to all nodes."""
        self.client.prepare(fanout=True).cast(context, "refresh_cache")
