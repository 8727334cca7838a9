"""What must be in no span: every password, token, key and hash that the lab knows; and how to make it try."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pymysql

from otel_bridge.model.trace import SpanRecord, Trace

from .cloud import Cloud, new_trace_id
from .comparison import text_of
from .places import HOST, KEYSTONE_URL, MARIADB_PORT, NOVA_URL
from .settings import PASSWORDS

#: In requests of :func:`provoke`. Some travel in base64, at all three alignments.
MARKERS = {
    "password of a server": "server-password-LEAK",
    "new password of a server": "changed-password-LEAK",
    "password of a user": "user-password-LEAK",
    "new password of a user": "renewed-password-LEAK",
    "secret of an application credential": "application-secret-LEAK",
    "blob of a credential": "credential-blob-LEAK",
    "user data": "user-data-LEAK",
    "injected file": "injected-file-LEAK",
    "password of a server built anew": "rebuilt-password-LEAK",
    "password that is wrong": "wrong-password-LEAK",
}

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORTEST, _ENOUGH = 8, 40  # characters

#: What is a secret whoever made it: Fernet tokens and what is encrypted so; bcrypt's hashes.
_SHAPES = {
    "something encrypted": re.compile(r"gAAAA[A-Za-z0-9_-]{16}"),
    "a hash of a password": re.compile(r"\$2[aby]\$\d\d\$."),
}

#: In Keystone's database.
_STORED = {
    "hash of a password": "SELECT password_hash FROM password",
    "hash of an application credential's secret": "SELECT secret_hash FROM application_credential",
    "encrypted credential": "SELECT encrypted_blob FROM credential",
}


def provoke(cloud: Cloud, name: str) -> set[str]:
    """Send profiled requests that carry secrets.

    Args:
        cloud: who sends them.
        name: for what is made by them; not used before.

    Returns:
        Secrets that were answered.
    """

    def send(method: str, url: str, body: Any = None) -> Any:
        answer = cloud.request(method, url, body, trace_id=new_trace_id())
        assert answer.status < 300, (method, url, answer)
        return answer.body

    def user(**attributes: str) -> dict[str, Any]:
        return {"user": attributes}

    cloud.authenticate(trace_id=new_trace_id())
    passwords = MARKERS["password of a user"], MARKERS["new password of a user"]
    made = send("POST", f"{KEYSTONE_URL}/users", user(name=name, domain_id="default", password=passwords[0]))
    other, mine = made["user"]["id"], f"{KEYSTONE_URL}/users/{cloud.user_id}"
    changed = user(original_password=passwords[0], password=passwords[1])
    send("POST", f"{KEYSTONE_URL}/users/{other}/password", changed)
    application = {"name": name, "secret": MARKERS["secret of an application credential"]}
    send("POST", f"{mine}/application_credentials", {"application_credential": application})
    credential = {"type": "secret", "blob": MARKERS["blob of a credential"], "user_id": other}
    send("POST", f"{KEYSTONE_URL}/credentials", {"credential": credential})
    ec2 = send("POST", f"{mine}/credentials/OS-EC2", {"tenant_id": cloud.project_id})
    injected = {
        "user_data": _base64(MARKERS["user data"]),
        "personality": [{"path": "/etc/secret", "contents": _base64(MARKERS["injected file"])}],
    }
    boots = [
        cloud.boot(f"{name}-1", **injected),
        cloud.boot(f"{name}-2", **injected, adminPass=MARKERS["password of a server"]),
    ]
    for boot in boots:
        cloud.wait_for(boot)
    action = f"{NOVA_URL}/servers/{boots[0].uuid}/action"
    send("POST", action, {"changePassword": {"adminPass": MARKERS["new password of a server"]}})
    rescued = send("POST", action, {"rescue": {}})
    cloud.wait_for(boots[0], "RESCUE")
    rebuild = {
        "imageRef": cloud.server("")["server"]["imageRef"],
        "adminPass": MARKERS["password of a server built anew"],
        "personality": injected["personality"],
    }
    second = f"{NOVA_URL}/servers/{boots[1].uuid}"
    send("POST", f"{second}/action", {"rebuild": rebuild})
    cloud.wait_for(boots[1])
    console = send(
        "POST", f"{second}/remote-consoles", {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    )
    pairs = f"{NOVA_URL}/os-keypairs"
    for kept in send("GET", pairs)["keypairs"]:  # by earlier runs, too: a user may have a hundred
        send("DELETE", f"{pairs}/{kept['keypair']['name']}")
    pair = send("POST", pairs, {"keypair": {"name": name}})
    cloud.request(
        "POST",
        f"{KEYSTONE_URL}/auth/tokens",
        cloud.login(MARKERS["password that is wrong"]),
        trace_id=new_trace_id(),
    )
    return {
        ec2["credential"]["secret"],
        *(boot.password for boot in boots),
        rescued["adminPass"],
        _UUID.findall(console["remote_console"]["url"])[-1],
        pair["keypair"]["private_key"].splitlines()[1],
    }


def known(cloud: Cloud, etc: Path, tokens: Iterable[str]) -> dict[str, str]:
    """Secret -> what it is."""
    found = dict.fromkeys({*tokens, *cloud.tokens}, "token")
    found |= {password: f"password of {name}" for name, password in PASSWORDS.items()}
    found[cloud.hmac_key] = "HMAC key"
    for repository in ("fernet-keys", "credential-keys"):
        for path in (etc / "keystone" / repository).iterdir():
            found[path.read_text().strip()] = repository
    for what, query in _STORED.items():
        found |= dict.fromkeys(_rows(query), what)
    for what, marker in MARKERS.items():
        found[marker] = what
        for shift in range(3):
            # Of the middle, which does not depend on what stands around it.
            found[base64.b64encode(b"\0" * shift + marker.encode())[4:-4].decode()] = f"{what} in base64"
    # What has been cut off is still too much of it.
    return {secret[:_ENOUGH]: what for secret, what in found.items() if len(secret) >= _SHORTEST}


def search(traces: Iterable[Trace], secrets: Mapping[str, str]) -> list[str]:
    """One line for each kind of secret in each place of a kind of span; the secret is not in the line."""
    found = set()
    for trace in traces:
        if not _in(text_of(trace), secrets):
            continue
        for span in trace.spans:
            for place, text in _texts(span):
                found |= {f"{what} in {place} of {span.service} {span.name}" for what in _in(text, secrets)}
    return sorted(found)


def is_in(text: str, secrets: Mapping[str, str]) -> bool:
    """Whether there is any secret in a text."""
    return bool(_in(text, secrets))


def _in(text: str, secrets: Mapping[str, str]) -> set[str]:
    """What is in a text."""
    shapes = {what for what, shape in _SHAPES.items() if shape.search(text)}
    return shapes | {what for secret, what in secrets.items() if secret in text}


def _texts(span: SpanRecord) -> Iterator[tuple[str, str]]:
    yield "the name", span.name
    yield "the status", span.status_message
    yield "the events", repr(span.events)
    for kind, attributes in (("attribute", span.attributes), ("resource", span.resource)):
        for name, value in attributes.items():
            yield f"{kind} {name}", f"{name} {value!r}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _rows(query: str) -> list[str]:
    connection = pymysql.connect(
        host=HOST, port=MARIADB_PORT, user="openstack", password=PASSWORDS["database"], database="keystone"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        values = [row[0] for row in cursor.fetchall()]
    return [value.decode() if isinstance(value, bytes) else value for value in values if value]
