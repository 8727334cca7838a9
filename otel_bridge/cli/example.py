"""The compute example as running processes, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import otel_bridge
from otel_bridge.cli.processes import Process, ProcessError, free_ports, stop_all, undisturbed, wait_for
from otel_bridge.wire import ids, signing

#: Modules that the example imports, and the distributions that bring them.
_NEEDED = {
    "oslo_messaging": "oslo.messaging",
    "paste.deploy": "PasteDeploy",
    "routes": "Routes",
    "sqlalchemy": "SQLAlchemy",
    "waitress": "waitress",
    "webob": "WebOb",
}
_REQUEST_TIMEOUT = 30.0  # seconds


class Answer(NamedTuple):
    status: int
    body: Any
    #: Of the trace that the request was signed for; 0 when it was not signed.
    trace_id: int
    #: ``X-OpenStack-Request-Id``.
    request_id: str


@dataclass(frozen=True)
class Options:
    """How the example is to run.

    With ``fake://`` the API holds the conductor and the compute nodes as threads; with any other transport
    each of them is a process.
    """

    #: Where the configuration, the logs and, by default, the database are.
    directory: Path
    #: ``[profiler] hmac_keys``.
    key: str
    #: ``[otel_bridge] endpoint``.
    endpoint: str
    transport_url: str = "fake://"
    #: An SQLite file in :attr:`directory` when None.
    database_url: str | None = None
    workers: int = 1
    hosts: Sequence[str] = ("node-1", "node-2")
    #: Further options: ``{"otel_bridge": {"timeout": "1"}}``.
    more: Mapping[str, Mapping[str, str]] | None = None

    @property
    def is_local(self) -> bool:
        return self.transport_url.startswith("fake:")


class Example:
    """The example, running from :meth:`start` to :meth:`stop` or while a ``with`` block lasts."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.processes: dict[str, Process] = {}
        self._api_port, self._image_port = free_ports(2)
        self._config = options.directory / "compute.conf"
        self._environment = _environment()

    def start(self, timeout: float = 40.0) -> Example:
        """Start all of its processes and wait until they serve.

        Args:
            timeout: seconds; all of them import much at the same time, maybe on a small machine.

        Raises:
            ProcessError: one of them did not start, or does not serve in time.
        """
        deadline = time.monotonic() + timeout
        self._config.write_text(_config(self.options, self._api_port, self._image_port))
        with self._process("db") as tables:
            tables.wait_for_success(timeout)
        self._start("image")
        if not self.options.is_local:
            self._start("conductor")
            for host in self.options.hosts:
                self._start("compute", host)
        self._start("api")
        for what, is_up in (
            ("an answer of the image service", self._image_is_up),
            ("an answer of the compute API, with all roles up", self._is_up),
        ):
            left = deadline - time.monotonic()
            wait_for(what, is_up, timeout=left, processes=self.processes.values())
        return self

    def __enter__(self) -> Example:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Of the compute API."""
        return f"http://127.0.0.1:{self._api_port}"

    def stop(self) -> dict[str, int]:
        """End all processes in order, so that their last spans are exported; exit codes by process."""
        # The API first: requests that it still serves need the others.
        last = [name for name in self.processes if name != "api"]
        codes: dict[str, int] = {}
        with undisturbed():
            for names in (["api"] if "api" in self.processes else [], last):
                codes.update(zip(names, stop_all(self.processes[name] for name in names), strict=True))
        return codes

    def request(
        self, method: str, path: str, body: Any = None, *, signed: bool = False, key: str | None = None
    ) -> Answer:
        """Send one request to the compute API, signed for a new trace or not signed.

        Args:
            key: signs; the one that the example was started with when None.

        Raises:
            ProcessError: there is no answer.
        """
        headers, trace_id = _signed_headers(key or self.options.key) if signed else ({}, 0)
        try:
            response = _http(self._api_port, method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.processes["api"].check()
            log = self.processes["api"].log
            raise ProcessError(f"{method} {self.url}{path}: {error!r}; log: {log}") from error
        return Answer(response.status, response.body, trace_id, response.request_id)

    def create_server(self, name: str, image: str, *, signed: bool = False) -> Answer:
        """``POST /v2.1/servers``. The image ``broken`` cannot be built: status 500."""
        return self.request(
            "POST", "/v2.1/servers", {"server": {"name": name, "imageRef": image}}, signed=signed
        )

    def command(self, role: str) -> list[str]:
        """What runs a role: ``api``, ``conductor``, ``compute``, ``image`` or ``db``."""
        return [sys.executable, "-m", f"compute.{role}"]

    def _start(self, role: str, host: str | None = None) -> None:
        process = self._process(role, host)
        # Known before it runs: whoever interrupts this, it is stopped.
        self.processes[process.name] = process
        process.start()

    def _process(self, role: str, host: str | None = None) -> Process:
        name = f"{role}-{host}" if host else role
        arguments = ["--config-file", str(self._config), *(["--host", host] if host else [])]
        log = self.options.directory / f"{name}.log"
        return Process(name, [*self.command(role), *arguments], log=log, env=self._environment)

    def _image_is_up(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return _http(self._image_port, "GET", "/v2/images/cirros").status == 200
        return False

    def _is_up(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = _http(self._api_port, "GET", "/v2.1/os-services")
            return answer.status == 200 and len(answer.body["services"]) == 1 + len(self.options.hosts)
        return False


def directory() -> Path:
    """The directory whose package ``compute`` is the example: of the wheel, or of a source tree.

    Raises:
        ProcessError: it is in neither.
    """
    package = Path(otel_bridge.__file__).parent
    for parent in (package, package.parent):
        if (parent / "examples" / "compute" / "api-paste.ini").is_file():
            return parent / "examples"
    raise ProcessError(f"the example is neither in {package} nor beside it: reinstall otel-bridge")


def missing_packages() -> list[str]:
    """Distributions that the example needs and that are not installed."""
    return [name for module, name in _NEEDED.items() if not _is_installed(module)]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that the module would be in
        return False


def _environment() -> dict[str, str]:
    """That of this process without what would configure the example, or send its requests elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OS_")) and not name.lower().endswith("_proxy")
    }
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(directory()), os.environ.get("PYTHONPATH")]))
    return kept


def _config(options: Options, api_port: int, image_port: int) -> str:
    database = options.database_url or f"sqlite:///{options.directory / 'compute.sqlite'}"
    sections: dict[str, dict[str, str]] = {
        "DEFAULT": {"transport_url": options.transport_url},
        "database": {"connection": database},
        "api": {
            "port": str(api_port),
            "workers": str(options.workers),
            "local_hosts": ",".join(options.hosts),
        },
        "image_api": {"port": str(image_port)},
        "image": {"endpoint": f"http://127.0.0.1:{image_port}"},
        "profiler": {"enabled": "true", "hmac_keys": options.key},
        "otel_bridge": {"endpoint": options.endpoint},
    }
    for section, values in (options.more or {}).items():
        sections.setdefault(section, {}).update(values)
    return "\n".join(
        f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
        for section, values in sections.items()
    )


def _signed_headers(key: str) -> tuple[dict[str, str], int]:
    base_id = str(uuid.uuid4())
    # parent_id == base_id is how OSProfiler says that there is no span above.
    info, mac = signing.pack(base_id, base_id, signing.Key(key))
    return {signing.TRACE_INFO_HEADER: info, signing.TRACE_HMAC_HEADER: mac}, ids.trace_id(base_id)


class _Response(NamedTuple):
    status: int
    #: Decoded JSON; None where the body is none.
    body: Any
    request_id: str


def _http(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> _Response:
    """One request to a server on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_REQUEST_TIMEOUT)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    try:
        decoded = json.loads(text)
    except ValueError:
        decoded = None
    return _Response(response.status, decoded, response.getheader("X-OpenStack-Request-Id", ""))
