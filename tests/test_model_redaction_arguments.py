"""redaction.arguments: arguments and results of functions as text."""

from __future__ import annotations

import functools
import gc
import weakref
from typing import Any

import pytest

from otel_bridge.model.redaction import arguments

SECRET = "zq9Marker"


class Manager:
    def set_admin_password(self, context: Any, instance: Any, new_pass: Any) -> None:
        pass

    def build(self, name: Any, *passwords: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def make(cls, token: Any) -> None:
        pass


def decorated(f: Any) -> Any:
    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    return wrapper


class Callable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, name: Any, password: Any) -> None:
        pass


ME = f"<{__name__}.Manager object>"


@pytest.mark.parametrize(
    ("function", "args", "text"),
    [
        (
            Manager.set_admin_password,
            (Manager(), {}, 1, SECRET),
            f"(self={ME}, context={{}}, instance=1, new_pass=REDACTED)",
        ),
        (Manager().set_admin_password, ({}, 1, SECRET), "(context={}, instance=1, new_pass=REDACTED)"),
        (
            decorated(Manager.set_admin_password),
            (1, 2, 3, SECRET),
            "(self=1, context=2, instance=3, new_pass=REDACTED)",
        ),
        (Manager.build, (1, "n", SECRET, [SECRET]), "(self=1, name='n', REDACTED, REDACTED)"),
        (Manager.make, (SECRET,), "(token=REDACTED)"),
        (Callable(), ("n", SECRET), "(name='n', password=REDACTED)"),
        (lambda: None, (1, 2), "(1, 2)"),  # one too many: the call will fail, this does not
        (dict.get, ({}, "a"), "(self={}, key='a')"),
        (dict, ({}, "a"), "({}, 'a')"),
        (None, (1,), "(1)"),
        (lambda a: None, (), "()"),
        (lambda headers: None, ({"X-Auth-Token": SECRET},), "(headers={'X-Auth-Token': REDACTED})"),
    ],
)
def test_positional_arguments_are_judged_by_their_parameters(function: Any, args: Any, text: str) -> None:
    for _ in range(2):  # the second time, what is known of the function counts
        assert arguments.positional(function, args) == text


def test_keyword_arguments_are_judged_by_their_names() -> None:
    kwargs = {
        "admin_password": SECRET,
        "min_count": 1,
        "user_data": SECRET,
        "injected_files": [("a", SECRET)],
    }
    assert arguments.named(kwargs) == (
        "{'admin_password': REDACTED, 'min_count': 1, 'user_data': REDACTED, 'injected_files': REDACTED}"
    )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("get_instance", [1], "[1]"),
        ("get_instance", {"admin_pass": SECRET}, "{'admin_pass': REDACTED}"),
        ("get_admin_password", SECRET, "REDACTED"),
        ("issue_token", [SECRET], "REDACTED"),
        ("list_keys", ["a"], "['a']"),
    ],
)
def test_results_are_judged_by_the_name_of_the_function(name: str, value: Any, text: str) -> None:
    def function() -> None:
        pass

    function.__name__ = name
    assert arguments.returned(function, value) == text
    assert arguments.returned(object(), {"password": SECRET}) == "{'password': REDACTED}"  # type: ignore[arg-type]


def test_what_is_known_of_a_function_does_not_keep_it() -> None:
    def function(password: Any) -> None:
        pass

    arguments.positional(function, (SECRET,))
    there = weakref.ref(function)
    del function
    gc.collect()
    assert there() is None
