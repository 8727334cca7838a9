"""Request headers as people write them."""

import pytest

from otel_bridge.stores import headers


def test_lines_become_headers():
    lines = [
        "Authorization: Bearer abc:def",
        "",
        "  # a comment",
        "X-Scope-OrgID:tenant ",
        "x-b: 1",
        "X-B: 2",
    ]
    assert headers.parse(lines) == {
        "authorization": "Bearer abc:def",
        "x-scope-orgid": "tenant",
        "x-b": "2",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("s3cr3t", "header 2 is not NAME: VALUE"),
        (": s3cr3t", "header 2 is not NAME: VALUE"),
        ("s3 cr3t: s3cr3t", "header 2 is not NAME: VALUE"),
        ("näme: s3cr3t", "header 2 is not NAME: VALUE"),
        ("Host: s3cr3t", "header 2, host, is set in any case"),
        ("Accept-Encoding: s3cr3t", "is set in any case"),
        ("a:", "header 2, a, has no value"),
        ("a: s3cr3t\x00", "header 2, a, has no value, or one that no header can carry"),
        ("a: s3cr3t\r\nb: c", "no header can carry"),
        ("a: s3cr3t\u00fc", "no header can carry"),
    ],
)
def test_a_line_that_is_none_is_named_and_not_shown(line, says):
    with pytest.raises(ValueError) as caught:
        headers.parse(["a: b", line])
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
