"""Requests to controllers, by Routes: ``routes.route`` in the environ tells the templated path."""

from __future__ import annotations

from typing import Any

import routes
import webob.dec
import webob.exc
from routes.middleware import RoutesMiddleware

from compute.exception import ComputeException


class Router:
    """A WSGI application that hands each request to the action of a controller.

    An action takes the request and the variables of the path, and returns a :class:`webob.Response`. One of
    the service's own exceptions becomes an answer with the exception's code.
    """

    def __init__(self) -> None:
        self._actions: dict[tuple[str, str], Any] = {}
        self._mapper = routes.Mapper()
        self._app = RoutesMiddleware(self._dispatch, self._mapper, use_method_override=False, singleton=False)

    def connect(self, method: str, path: str, action: Any) -> None:
        """Have ``action`` answer requests of that method to that path (``/v2.1/servers/{server_id}``)."""
        # Routes keeps names, not objects.
        name = (type(action.__self__).__name__, action.__name__)
        self._actions[name] = action
        self._mapper.connect(path, controller=name[0], action=name[1], conditions={"method": [method]})

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._app(environ, start_response)

    @webob.dec.wsgify
    def _dispatch(self, request: webob.Request) -> Any:
        _, match = request.environ["wsgiorg.routing_args"]
        if not match:
            return webob.exc.HTTPNotFound()
        variables = dict(match)
        action = self._actions[variables.pop("controller"), variables.pop("action")]
        try:
            return action(request, **variables)
        except ComputeException as error:
            # The first line: what came over RPC holds the remote traceback after it.
            message = str(error).partition("\n")[0]
            return webob.Response(json={"error": {"code": error.code, "message": message}}, status=error.code)
