"""How long and how much is kept, as people give it."""

import argparse

import pytest

from otel_bridge.cli import keeping

DAY = 86400.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", 7 * DAY),
        (" 12 H ", DAY / 2),
        ("1.5d", 1.5 * DAY),
        ("2w", 14 * DAY),
        ("1m", 60.0),
        ("90min", 5400.0),
        ("86400s", DAY),
        ("unlimited", None),
        ("Unlimited", None),
    ],
)
def test_ages(text, seconds):
    assert keeping.age(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GiB", 2 << 30),
        ("2g", 2 << 30),
        ("500MB", 500_000_000),
        ("500 mib", 500 << 20),
        ("1.5GB", 1_500_000_000),
        ("1048576b", 1 << 20),
        ("unlimited", None),
    ],
)
def test_sizes(text, size):
    assert keeping.size(text) == size


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (keeping.age, "59s", "'59s' is too short: give a minute (1m) or more"),
        (keeping.age, "0d", "too short"),
        (keeping.age, "-1d", "is no age: give a number and m, h, d or w, such as 7d; or unlimited"),
        (keeping.age, "7", "is no age"),
        (keeping.age, "", "is no age"),
        (keeping.age, "7 days", "is no age"),
        (keeping.age, "\u0667d", "is no age"),
        (keeping.age, "1e9d", "is no age"),
        (keeping.age, "9" * 30 + "d", "is no age"),
        (keeping.size, "2", "is no size: give a number and MB, GB, MiB or GiB, such as 2GiB; or unlimited"),
        (keeping.size, "7d", "is no size"),
        (keeping.size, "1023KiB", "'1023KiB' is too small: give 1MiB or more"),
    ],
)
def test_what_is_none_says_what_would_be_one(parse, text, says):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse(text)
    assert says in str(caught.value)
