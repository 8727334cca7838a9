"""redaction.printing: any value as text, bounded, without what is secret by its name."""

from __future__ import annotations

import collections
import functools
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.model.redaction import redact_text
from otel_bridge.model.redaction.printing import ROOM, VALUE_LIMIT, printed

SECRET = "zq9Marker"
BCRYPT = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"
Header = collections.namedtuple("Header", "name auth_token")


class Versioned:
    """What oslo.versionedobjects has: named fields, some without a value, texts printed without escaping."""

    fields = {"admin_pass": None, "extra": None, "flavor": None, "lazy": None, "name": None, "uuid": None}

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def obj_attr_is_set(self, name: str) -> bool:
        return name in vars(self)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was loaded")

    def __repr__(self) -> str:
        raise AssertionError("its own repr escapes nothing")


class Account:
    def __init__(self, password: str) -> None:
        self.password = password

    def __repr__(self) -> str:
        return f"Account(password={self.password!r})"

    def verify(self) -> None:
        pass


class Opaque:
    password = SECRET

    def __str__(self) -> str:
        raise AssertionError("asked for its str")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        ("it's", '"it\'s"'),
        (b"abc", "b'abc'"),
        (bytearray(b"abc"), "b'abc'"),
        (b"x" * 65, "<65 bytes>"),
        ([1, (2,), {3}, frozenset()], "[1, (2), {3}, {}]"),
        ({"a": 1, 2: "b", None: ()}, "{'a': 1, 2: 'b', None: ()}"),
        (collections.OrderedDict(a=1), "{'a': 1}"),
        ({Opaque: 1}, "{<builtins.type object>: 1}"),
        (Header("a", None), "Header(name='a', auth_token=REDACTED)"),
        (Opaque(), f"<{__name__}.Opaque object>"),
        (Opaque, f"<{__name__}.Opaque>"),
        (Account(SECRET).verify, f"<{__name__}.Account.verify>"),
        (functools.partial(print, SECRET), "<functools.partial object>"),
        (KeyError("k"), "KeyError(\"'k'\")"),
        (iter([1]), "<builtins.list_iterator object>"),
    ],
)
def test_values_look_as_in_python_and_objects_without_a_repr_are_only_named(value: Any, text: str) -> None:
    assert printed(value) == text


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        f"it's', '{SECRET}",
        [SECRET],
        {"x": {"y": SECRET}},
        [("/etc/passwd", SECRET)],
        Account(SECRET),
        SECRET.encode(),
    ],
)
@pytest.mark.parametrize(
    "name",
    str.split(
        "admin_pass adminPass admin_password new_pass password OS_PASSWORD auth_token X-Auth-Token "
        "X-Subject-Token Authorization set-cookie user_data OS-EXT-SRV-ATTR:user_data personality "
        "injected_files files_to_inject hmac_key private_key client_secret credentials keyring"
    ),
)
def test_what_stands_under_a_secret_name_is_hidden_however_deep(name: str, secret: Any) -> None:
    for value in (
        {name: secret},
        {name.encode(): secret},
        {"a": [{"b": ({name: secret},)}]},
        [(name, secret), ("other", 1)],
        [[name, secret]],
        Versioned(extra={name: secret}, name="n"),
        Versioned(extra=[{name: secret}]),
    ):
        text = printed(value)
        assert SECRET not in text
        assert "REDACTED" in text


def test_a_versioned_object_shows_its_fields_and_loads_none() -> None:
    flavor = Versioned(uuid="f1", name="tiny", admin_pass=SECRET)
    server = Versioned(admin_pass=SECRET, extra={"a": "b', 'c"}, flavor=flavor, name="vm")
    assert printed([server]) == (
        "[Versioned(admin_pass=REDACTED, extra={'a': \"b', 'c\"}, flavor=Versioned(f1), name='vm')]"
    )


def test_an_exception_of_a_database_shows_no_values() -> None:
    DatabaseError = type("DBError", (Exception,), {"__module__": "oslo_db.exception"})
    error = DatabaseError(f"(1062, \"Duplicate entry '{SECRET}'\") [parameters: {{'a': '{SECRET}'}}]")
    assert SECRET not in printed({"exc_val": error})


def test_what_a_database_row_holds_is_not_shown() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        row = connection.execute(sqlalchemy.text(f"SELECT '{SECRET}' AS password")).one()
    engine.dispose()
    assert SECRET in repr(row)
    assert SECRET not in printed({"row": row})


def test_a_mapped_object_is_named_and_sends_nothing_to_the_database() -> None:
    sqlalchemy, orm = pytest.importorskip("sqlalchemy"), pytest.importorskip("sqlalchemy.orm")

    class Network:
        def __repr__(self) -> str:
            return f"Network({self.id}, {self.name})"  # type: ignore[attr-defined]

    table = sqlalchemy.Table(
        "networks",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.String),
    )
    orm.registry().map_imperatively(Network, table)
    engine = sqlalchemy.create_engine("sqlite://")
    table.metadata.create_all(engine)
    statements: list[str] = []
    with orm.Session(engine) as session:
        known, waiting = Network(), Network()
        session.add(known)
        session.commit()  # its columns have to be loaded again
        session.add(waiting)  # which a query would write first
        sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
        text = printed([known, {"network": waiting}])
        assert statements == []
        assert "Network(1, None)" in repr(known)
        assert len(statements) == 2
    engine.dispose()
    assert text.count("Network object>") == 2


@pytest.mark.parametrize(
    "value",
    [
        {"note": f"hash {BCRYPT}"},
        {"key": PEM},
        {"url": f"mysql+pymysql://nova:{SECRET}@db/nova"},
        Account(SECRET),
        ["x" * (VALUE_LIMIT - 40) + f" mysql+pymysql://nova:{SECRET * 9}@db/nova"],
        ["x " * 2036 + f" mysql+pymysql://nova:{SECRET * 9}@db/nova"],
    ],
)
def test_what_is_secret_by_its_looks_is_still_recognised_afterwards(value: Any) -> None:
    """Whatever was cut: half of a URL would not be taken for one."""
    text = redact_text(printed(value))
    assert not [found for found in (SECRET, BCRYPT[:20], "b3BlbnNzaC1r") if found in text]


class Hostile:
    def __init__(self, error: type[BaseException] = RuntimeError) -> None:
        self.error = error

    def _raise(self, *args: Any) -> Any:
        raise self.error("hostile")

    __repr__ = __str__ = __hash__ = __eq__ = __bool__ = __len__ = __getattr__ = _raise  # type: ignore[assignment]


class HostileClass(type):
    __module__ = property(lambda cls: 1 / 0)  # type: ignore[assignment]


class HostileDict(dict):
    items = keys = __iter__ = __len__ = __repr__ = lambda *args: 1 / 0  # type: ignore[assignment]


class HostileList(list):
    __iter__ = lambda self: iter(int, 1)  # type: ignore[assignment] # noqa: E731 (never ends)


class HostileObject(Versioned):
    fields = {"one": None, "two": None}

    def obj_attr_is_set(self, name: str) -> bool:
        raise RuntimeError("hostile")


class Deep:
    def __repr__(self) -> str:
        return repr(self)


@pytest.mark.parametrize(
    "value",
    [
        Hostile(),
        Hostile(RecursionError),
        Hostile(MemoryError),
        HostileClass("X", (), {"__repr__": lambda self: "x"})(),
        HostileDict(a=1),
        HostileList([1]),
        HostileObject(),
        Deep(),
        10**5000,
        "\ud800",
        threading.Lock(),
    ],
    ids=lambda value: type.__repr__(type(value)),
)
def test_a_value_that_misbehaves_costs_itself_only(value: Any) -> None:
    text = printed({"before": 1, "value": value, "after": 2})
    assert text.startswith("{'before': 1, 'value': ")
    assert len(text) < ROOM + VALUE_LIMIT


def self_containing() -> list[Any]:
    value: list[Any] = []
    value += [value] * 20
    return value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        ["x" * 1000] * 10_000,
        list(range(100_000)),
        {f"key {number}": [number] * 100 for number in range(1000)},
        {"x" * 1_000_000: 1},
        functools.reduce(lambda inner, _: [inner], range(5000), []),
        functools.reduce(lambda inner, _: {"a": inner, "b": inner}, range(100), {}),
        self_containing(),
        Account("x" * 1_000_000),
        ValueError("x" * 1_000_000),
        [Account("x" * 10_000)] * 1000,
    ],
    ids=range(11),
)
def test_a_text_is_bounded_whatever_it_is_of(value: Any) -> None:
    assert len(printed(value)) < ROOM + 2 * VALUE_LIMIT


def test_no_further_object_is_asked_when_it_has_taken_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("otel_bridge.model.redaction.printing.monotonic", lambda: now)

    class Slow:
        def __repr__(self) -> str:
            nonlocal now
            now += 1
            return "Slow()"

    text = printed([Slow(), Slow(), {"name": "vm"}])
    assert text.startswith("[Slow(), <")
    assert text.endswith("Slow object>, {'name': 'vm'}]")


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=8) | st.binary(max_size=8) | st.integers() | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
)


@given(PLAIN, st.sampled_from(["password", "adminPass", "user_data", "x-auth-token"]), PLAIN)
def test_no_named_secret_survives(before: Any, name: str, after: Any) -> None:
    for secret in (SECRET, [before, SECRET], {"x": SECRET}):
        structure = {"a": before, name: secret, "b": after}
        assert SECRET not in redact_text(printed(structure))
        assert SECRET not in redact_text(printed([before, [name, secret], after]))


@given(PLAIN)
def test_small_values_are_printed_as_python_does(value: Any) -> None:
    """As far as nothing in them is secret, or a tuple of one."""
    text = printed(value)
    if "REDACTED" not in text and "..." not in text and "bytes>" not in text:
        assert text == repr(value)
