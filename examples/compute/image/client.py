"""What compute asks of the image service."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from opentelemetry.trace import SpanKind

import otel_bridge
from compute.conf import CONF
from compute.exception import ImageNotFound
from otel_bridge.web import get_trace_id_headers

_TIMEOUT = 10.0


def get_image(image_id: str) -> dict[str, Any]:
    """What the image service says of an image.

    Raises:
        ImageNotFound: it does not know the image.
        OSError: it cannot be reached, or answered something else than an image.
    """
    url = f"{CONF.image.endpoint}/v2/images/{quote(image_id, safe='')}"
    server = urlsplit(url)
    tracer = otel_bridge.get_tracer_provider().get_tracer(__name__)
    attributes = {
        "http.request.method": "GET",
        "url.full": url,
        "server.address": server.hostname or "",
        "server.port": server.port or 80,
    }
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=attributes) as span:
        request = Request(url, headers=get_trace_id_headers())
        try:
            with urlopen(request, timeout=_TIMEOUT) as response:
                span.set_attribute("http.response.status_code", response.status)
                image: dict[str, Any] = json.load(response)
                return image
        except HTTPError as error:
            span.set_attribute("http.response.status_code", error.code)
            if error.code == 404:
                raise ImageNotFound(f"image {image_id} could not be found") from error
            raise
