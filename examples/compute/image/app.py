"""The API of the image service: what is known about an image."""

from __future__ import annotations

import webob
import webob.exc

from compute.router import Router

_IMAGES = {
    "cirros": {"name": "cirros", "status": "active", "min_ram": 128},
    "broken": {"name": "broken", "status": "killed", "min_ram": 128},
}


class ImagesController:
    def show(self, request: webob.Request, image_id: str) -> webob.Response:
        image = _IMAGES.get(image_id)
        if image is None:
            raise webob.exc.HTTPNotFound()
        return webob.Response(json=image)


def factory(global_conf: dict[str, str], **local_conf: str) -> Router:
    """Paste's factory of the application."""
    router = Router()
    router.connect("GET", "/v2/images/{image_id}", ImagesController().show)
    return router
