"""adopt/replacing.py: everything is put back as it was found."""

from __future__ import annotations

import types

import pytest
import wrapt

from otel_bridge.replacing import Replacements


def function() -> str:
    return "found"


def other() -> str:
    return "other"


class Base:
    inherited = "found"


class Child(Base):
    own = "found"

    @staticmethod
    def static() -> str:
        return "found"

    @classmethod
    def klass(cls) -> str:
        return "found"


def module() -> types.ModuleType:
    made = types.ModuleType("made")
    made.there = "found"
    return made


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (module(), "there", "ours"),
        (module(), "absent", "ours"),
        (module(), "there", None),
        (Child, "own", "ours"),
        (Child, "inherited", "ours"),
        (Child, "absent", "ours"),
        (Child, "static", lambda: "ours"),
        (Child, "klass", lambda: "ours"),
        (function, "__code__", other.__code__),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_was_found_is_put_back(owner, name, value):
    before = dict(vars(owner)), function.__code__
    replacements = Replacements()
    replacements.replace(owner, name, value)
    now = vars(owner)[name] if name in vars(owner) else getattr(owner, name)
    assert now is value
    replacements.undo()
    assert (dict(vars(owner)), function.__code__) == before


def test_the_last_one_is_taken_back_first():
    made = module()
    replacements = Replacements()
    replacements.replace(made, "there", "first")
    replacements.replace(made, "there", "second")
    replacements.undo()
    assert made.there == "found"


def test_what_somebody_else_has_replaced_since_stays():
    made = module()
    replacements = Replacements()
    replacements.replace(made, "there", "ours")
    made.there = "theirs"
    replacements.undo()
    assert made.there == "theirs"


def test_what_somebody_else_has_deleted_since_stays_so():
    made = module()
    replacements = Replacements()
    replacements.replace(made, "absent", "ours")
    del made.absent
    replacements.undo()
    assert not hasattr(made, "absent")


def test_what_is_to_be_done_besides_is_done_in_its_turn():
    made, seen = module(), []
    replacements = Replacements()
    replacements.replace(made, "there", "first")
    replacements.at_undo(lambda: seen.append(made.there))
    replacements.replace(made, "there", "second")
    replacements.undo()
    assert seen == ["first"]


def test_when_all_is_over_nothing_is_replaced():
    """A module's import that was waited for may come by later."""
    made = module()
    replacements = Replacements()
    replacements.undo()
    replacements.replace(made, "there", "ours")
    assert made.there == "found"


def test_to_undo_twice_is_to_undo_once():
    made = module()
    replacements = Replacements()
    replacements.replace(made, "there", "ours")
    replacements.undo()
    made.there = "ours"
    replacements.undo()
    assert made.there == "ours"


def test_a_function_that_wrapt_has_wrapped_is_wrapped_as_a_method():
    """As contrib's instrumentations leave them: called from the class's dictionary it would not know self."""

    class Library:
        def do(self, value: int) -> tuple[object, int]:
            return self, value

    wrapt.wrap_function_wrapper(Library, "do", lambda found, instance, args, kwargs: found(*args, **kwargs))
    before = vars(Library)["do"]
    replacements = Replacements()
    replacements.wrap(Library, "do", lambda found: lambda self, value: found(self, value + 1))
    made = Library()
    assert made.do(1) == (made, 2)
    replacements.undo()
    assert vars(Library)["do"] is before


def test_what_is_not_there_cannot_be_wrapped():
    with pytest.raises(AttributeError):
        Replacements().wrap(module(), "absent", lambda found: found)
