"""profiler_points.py: what start and stop are told, as it leaves the service."""

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge import profiler
from otel_bridge.model.redaction import is_secret_key
from otel_bridge.wire.otlp import Encoder

SECRET = "zq9-LEAK"
BCRYPT = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"
SHA512 = "$6$rounds=656000$c2FsdHNhbHQ$zq9LEAKzq9LEAKzq9LEAKzq9LEAK"
FERNET = "gAAAAABmK9p3q8Yt0Zq1x2w3e4r5t6y7u8i9o0pAsDfGhJkLzXcVbNm-_Q=="
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SSH = "-----BEGIN OPENSSH PRIVATE KEY-----\nzq9LEAKb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----"

pytestmark = pytest.mark.usefixtures("own_profiler")


@pytest.fixture(params=[False, True], ids=["as by default", "with arguments"])
def capturing(request):
    profiler.capture(request.param)
    yield request.param
    profiler.capture(False)


def exported(sink, *points):
    """The bytes of these points, as they are sent to the collector."""
    profiler.init("key", "0af76519-16cd-43dd-8448-eb211c80319c")
    for name, start, stop in points:
        profiler.start(name, start)
        profiler.stop(stop)
    profiler.clean()
    data = Encoder(attribute_length=16384, redact_key=is_secret_key).encode(sink.spans)
    request = ExportTraceServiceRequest.FromString(data)
    assert sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans) == len(
        points
    )
    return data


def call(args="()", kwargs="{}", result=None):
    """What osprofiler's own decorator passes."""
    start = {"function": {"name": "nova.compute.api.API.create", "args": args, "kwargs": kwargs}, "host": "h"}
    return "compute_api", start, result and {"function": {"result": result}}


def query(statement, stop=None, **params):
    return "db", {"db": {"statement": statement, "params": params}}, stop


def request(path="/v3", query="", **more):
    return (
        "wsgi",
        {"request": {"path": path, "query": query, "method": "GET", "scheme": "http"}, **more},
        None,
    )


def sent(path="/", query="", hostname="h"):
    part = {"path": path, "query": query, "method": "GET", "scheme": "http", "hostname": hostname, "port": 80}
    return "http", {"requests": part}, {"requests": {"status_code": 200}}


def failed(name, etype, message):
    return name, None, {"etype": etype, "message": message}


def named(name, value):
    """One value below one name, in every place that a service can put it into a trace point."""
    return (
        call(kwargs=repr({"a": 1, name: value, "b": [2]})),
        call(args=repr(("a", {"x": [{name: value}]}))),
        call(kwargs=f"{{'instance': Instance(id=1,{name}={value!r},uuid=2)}}", result=repr({name: value})),
        call(args=repr([(name, value)]), result=json.dumps({name: value})),
        ("x", {name: value, "part": {name: value}}, {name: value}),
        failed("x", "ValueError", f"cannot use {name}={value!r} here"),
        failed("x", "oslo_messaging.rpc.client.RemoteError", f"Remote error: E {json.dumps({name: value})}"),
    )


@pytest.mark.parametrize(
    "value", [SECRET, f"it's {SECRET}", [SECRET], {"k": SECRET}, [{"path": "/a", "contents": SECRET}]]
)
@pytest.mark.parametrize(
    "name",
    str.split(
        "admin_pass adminPass admin_password new_pass password os_password OS_PASSWORD passwd pwd "
        "db_password auth_password password_0 rescue_password original_password user_password passphrase "
        "token auth_token authToken X-Auth-Token X-Subject-Token X-Service-Token access_token token_id "
        "Authorization Cookie hmac_key hmac_keys secret client_secret secret_key private_key api_key "
        "access_key encryption_key fernet_keys credentials user_data OS-EXT-SRV-ATTR:user_data personality "
        "injected_files files_to_inject auth_headers"
    ),
)
def test_no_value_of_a_secret_name_leaves(sink, capturing, name, value):
    assert b"LEAK" not in exported(sink, *named(name, value))


@pytest.mark.parametrize(
    "secret", [BCRYPT, SHA512, FERNET, JWT, SSH], ids=["bcrypt", "sha512", "Fernet", "JWT", "SSH"]
)
def test_no_secret_leaves_that_is_known_by_its_looks(sink, capturing, secret):
    data = exported(
        sink,
        *named("note", secret),
        query(f"UPDATE password SET password_hash = '{secret}'", password_hash=secret),
        query("SELECT 1", failure(f"Duplicate entry '{secret}' for key 'PRIMARY'")),
        failed("x", "KeyError", secret),
        failed("x", "KeyError", repr(secret)),
        request(path=f"/v2.0/tokens/{secret}", query=f"a={secret}"),
        sent(path=f"/v2.0/tokens/{secret}", query=f"a={secret}"),
    )
    for part in (secret, json.dumps(secret)[1:-1], secret[len(secret) // 2 :]):
        assert part.encode() not in data


def failure(message):
    """The error of a query, as SQLAlchemy words it."""
    lines = (
        f'(pymysql.err.IntegrityError) (1062, "{message}")',
        f"[SQL: INSERT INTO a VALUES ('{SECRET}')]",
        f"[parameters: {{'a': '{SECRET}'}}]",
        "(Background on this error at: https://sqlalche.me/e/20/gkpj)",
    )
    return {"etype": "oslo_db.exception.DBDuplicateEntry", "message": "\n".join(lines)}


@pytest.mark.parametrize(
    "point",
    [
        query("SELECT * FROM a WHERE b = :b", b=SECRET),
        query("SELECT * FROM a WHERE b = %(b)s", b=SECRET),
        query(f"SELECT * FROM a WHERE b = '{SECRET}'"),
        query(f"SELECT * FROM a WHERE b = 'it''s {SECRET}' AND c = N'{SECRET}'"),
        query(f"SELECT * FROM a WHERE b = 'it\\'s {SECRET}'"),
        query(f'UPDATE a SET b = "{SECRET}"'),
        query(f"INSERT INTO a VALUES (1, '{SECRET}'), (2, '{SECRET}')"),
        query(f"SELECT 1 -- {SECRET}"),
        query(f"SELECT 1 /* {SECRET} */"),
        query(f"SELECT '{SECRET}"),
        query("INSERT INTO a VALUES (:b)", failure(f"Duplicate entry '{SECRET}' for key 'a.b'")),
        query(
            "INSERT INTO a VALUES (:b)", {"etype": "psycopg2.DataError", "message": f'bad value: "{SECRET}"'}
        ),
        request(query=f"name=a&token={SECRET}"),
        request(query=f"temp_url_sig={SECRET}&X-Amz-Signature={SECRET}"),
        request(query=f"%74oken={SECRET}"),
        request(headers={"X-Auth-Token": SECRET}),
        sent(query=f"token={SECRET}"),
        sent(query=f"password={SECRET}&a=b"),
        sent(hostname=f"nova:{SECRET}@h"),
        call(args=f"('mysql+pymysql://nova:{SECRET}@db/nova',)"),
        call(args=f"('rabbit://nova:{SECRET}@h1:5672,nova:{SECRET}@h2:5672/',)"),
        call(args=f"('curl', '-H', 'X-Auth-Token: {SECRET}', '--os-password {SECRET}')"),
        call(kwargs=f"{{'headers': {{'Authorization': 'Basic {SECRET}', 'A': 'b'}}}}"),
        call(kwargs=f"{{'context': <Context {{'user': 'u', 'auth_token': '{SECRET}'}}>}}"),
        call(
            kwargs='{\'bdm\': BlockDeviceMapping(connection_info=\'{"data": {"auth_password": "'
            + SECRET
            + "\"}}')}"
        ),
        call(kwargs=f"{{'admin_password': '{SECRET}" + "x" * 100_000 + "'}"),
        call(kwargs="{'a': '" + "x" * 4000 + f"', 'admin_password': '{SECRET * 99}'}}"),
        call(kwargs="{'a': '" + "x" * 16340 + f"', 'admin_password': '{SECRET * 99}'}}"),
        failed("rpc", "x.ValueError_Remote", f"bad\nTraceback (most recent call last):\n  f('{SECRET}')\n"),
    ],
    ids=range(29),
)
def test_no_value_leaves_from_where_services_have_it(sink, capturing, point):
    assert b"LEAK" not in exported(sink, point)


@pytest.mark.parametrize("length", range(16325, 16350))
def test_a_secret_is_recognised_where_the_text_was_cut_within_it(sink, capturing, length):
    """What was before the cut may have been hidden, so that the cut itself is shown."""
    kwargs = "{'user_data': '" + "x" * length + f"', 'url': 'mysql://nova:{SECRET}@db/'}}"
    assert b"LEAK" not in exported(sink, call(kwargs=kwargs), ("x", {"note": kwargs}, None))


def test_arguments_of_an_info_are_recorded_where_they_are_wanted(sink, capturing):
    data = exported(
        sink, call("('first-arg',)", "{'name': 'vm-7'}", "'the-result'"), ("x", {"a": {"b": "deep"}}, None)
    )
    for text in (b"first-arg", b"vm-7", b"the-result", b"deep"):
        assert (text in data) is capturing


def test_arguments_of_an_info_that_hides_them_are_not(sink, capturing):
    name, start, _ = call("('first-arg',)")
    assert b"first-arg" not in exported(sink, (name, {**start, "hide_args": True}, None))


def test_what_is_captured_can_be_switched_at_any_time(sink):
    profiler.capture(True)
    assert b"first-arg" in exported(sink, call("('first-arg',)"))
    profiler.capture(False)
    sink.spans.clear()
    assert b"first-arg" not in exported(sink, call("('first-arg',)"))
