"""``/v2.1/os-services``: the roles that are up."""

from __future__ import annotations

import webob

from compute.db import api as db


class ServicesController:
    def index(self, request: webob.Request) -> webob.Response:
        services = [{"binary": f"compute-{row.topic}", "host": row.host} for row in db.services()]
        return webob.Response(json={"services": services})
