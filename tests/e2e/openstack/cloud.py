"""Requests to the lab's APIs, signed or not, as any client of OpenStack sends them."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from speaking import signed_headers

from otel_bridge.cli.processes import wait_for
from otel_bridge.wire import ids

from .places import GLANCE_URL, KEYSTONE_URL, NOVA_URL
from .settings import PASSWORDS

#: The last one that takes personality (injected files); it knows ``networks: none`` already.
MICROVERSION = "2.56"
IMAGE, FLAVOR, HUGE_FLAVOR = "tiny", "m1.tiny", "m1.huge"
_TIMEOUT = 60.0  # seconds
#: A boot takes two seconds on an idle machine, and ten at a time some fifteen.
BOOT_TIMEOUT = 120.0


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def request_id(self) -> str:
        """``X-OpenStack-Request-Id``."""
        return self.headers.get("x-openstack-request-id", "")


class Boot(NamedTuple):
    """A server that was asked for."""

    name: str
    uuid: str
    request_id: str
    #: 0 when it was not profiled.
    trace_id: int
    #: ``adminPass``, as Nova gave it out.
    password: str
    #: Seconds from the request to its answer.
    answered: float


def new_trace_id() -> int:
    """Of a trace that nobody has begun yet."""
    return ids.trace_id(str(uuid.uuid4()))


class Cloud:
    """A client with the admin's token. Threads may share it once :meth:`prepare` has been called."""

    def __init__(self, hmac_key: str) -> None:
        self.hmac_key = hmac_key
        #: Of the admin.
        self.user_id = self.project_id = ""
        self._token = ""
        self._image = self._flavor = ""
        #: Every token that this client was given, to be searched for.
        self.tokens: list[str] = []

    def prepare(self) -> None:
        """Get a token, and the ids of the image and the flavor."""
        self.authenticate()
        images = self.get(f"{GLANCE_URL}/v2/images?name={IMAGE}")["images"]
        self._image = images[0]["id"]
        self._flavor = self._flavor_id(FLAVOR)

    def _flavor_id(self, name: str) -> str:
        flavors = self.get(f"{NOVA_URL}/flavors")["flavors"]
        return next(flavor["id"] for flavor in flavors if flavor["name"] == name)

    def authenticate(self, *, trace_id: int = 0) -> Answer:
        """Get a new token with the admin's password."""
        body = self.login(PASSWORDS["admin"])
        answer = self.request("POST", f"{KEYSTONE_URL}/auth/tokens", body, trace_id=trace_id)
        assert answer.status == 201, answer.body
        self._token = answer.headers["x-subject-token"]
        self.tokens.append(self._token)
        token = answer.body["token"]
        self.user_id, self.project_id = token["user"]["id"], token["project"]["id"]
        return answer

    @staticmethod
    def login(password: str) -> dict[str, Any]:
        """The body of the admin's request for a token."""
        user = {"name": "admin", "password": password, "domain": {"id": "default"}}
        return {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
            }
        }

    def request(self, method: str, url: str, body: Any = None, *, trace_id: int = 0) -> Answer:
        """Send a request; signed, as the first one of a trace, if ``trace_id`` is not 0."""
        parts = urlsplit(url)
        headers = {"Accept": "application/json", "OpenStack-API-Version": f"compute {MICROVERSION}"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        if body is not None:
            headers["Content-Type"] = "application/json"
        if trace_id:
            headers |= signed_headers(ids.base_id(trace_id), key=self.hmac_key)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        got = {name.lower(): value for name, value in response.getheaders()}
        is_json = got.get("content-type", "").startswith("application/json")
        return Answer(response.status, got, json.loads(content) if is_json and content else content)

    def get(self, url: str) -> Any:
        """The body of a successful, unprofiled GET."""
        answer = self.request("GET", url)
        assert answer.status in (200, 300), (url, answer)
        return answer.body

    def boot(self, name: str, *, trace_id: int | None = None, **more: Any) -> Boot:
        """Ask Nova for a server, and do not wait for it.

        Args:
            trace_id: 0 for no profile; a new one by default.
            more: goes into the request's ``server``.
        """
        trace_id = new_trace_id() if trace_id is None else trace_id
        begin = time.monotonic()
        answer = self.request("POST", f"{NOVA_URL}/servers", self.server(name, **more), trace_id=trace_id)
        answered = time.monotonic() - begin
        assert answer.status == 202, answer
        made = answer.body["server"]
        return Boot(name, made["id"], answer.request_id, trace_id, made["adminPass"], answered)

    def server(self, name: str, **more: Any) -> dict[str, Any]:
        """The body of a request for a server."""
        server = {"name": name, "imageRef": self._image, "flavorRef": self._flavor, "networks": "none"}
        return {"server": server | more}

    def huge_flavor(self) -> str:
        """The id of a flavor that no host has room for."""
        flavor = {"name": HUGE_FLAVOR, "ram": 10**9, "vcpus": 1, "disk": 1}
        self.request("POST", f"{NOVA_URL}/flavors", {"flavor": flavor})  # or it is there
        return self._flavor_id(HUGE_FLAVOR)

    def status(self, boot: Boot) -> str:
        """``BUILD``, ``ACTIVE``, ``ERROR``."""
        status: str = self.get(f"{NOVA_URL}/servers/{boot.uuid}")["server"]["status"]
        return status

    def wait_for(self, boot: Boot, status: str = "ACTIVE", timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until a server has got a status; fail when it has ended in another one."""

        def arrived() -> bool:
            now = self.status(boot)
            assert now == status or now not in ("ERROR", "DELETED"), f"{boot.name} is {now}"
            return now == status

        wait_for(f"{status} of {boot.name}", arrived, timeout=timeout)

    def servers(self) -> list[dict[str, Any]]:
        """Names and ids of all servers."""
        found: list[dict[str, Any]] = self.get(f"{NOVA_URL}/servers?limit=1000")["servers"]
        return found

    def delete_all(self, timeout: float) -> None:
        """Delete every server, unprofiled, and wait until they are gone."""
        for server in self.servers():
            self.request("DELETE", f"{NOVA_URL}/servers/{server['id']}")
        wait_for("the end of all servers", lambda: not self.servers(), timeout=timeout)
