"""Questions in Tempo's language."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.stores import traceql
from otel_bridge.stores.protocol import TraceQuery


@pytest.mark.parametrize(
    ("asked", "expression"),
    [
        ({}, "{}"),
        ({"limit": 5, "since_ns": 1, "until_ns": 2, "id_prefix": "abcd"}, "{}"),
        ({"service": "nova-api"}, '{ resource.service.name = "nova-api" }'),
        ({"operation": "GET /"}, '{ name = "GET /" }'),
        (
            {"service": "a", "operation": "b"},
            '{ resource.service.name = "a" && name = "b" }',
        ),
        ({"errors_only": True}, "{ status = error }"),
        ({"min_duration_ns": 5, "max_duration_ns": 7}, "{ traceDuration >= 5ns && traceDuration <= 7ns }"),
        (
            {"service": "a", "errors_only": True, "min_duration_ns": -1},
            '{ resource.service.name = "a" } && { status = error } && { traceDuration >= 0ns }',
        ),
    ],
)
def test_each_part_of_a_query_is_a_condition(asked, expression):
    assert traceql.expression(TraceQuery(**asked)) == expression


@given(st.text())
def test_a_text_is_one_literal_that_stands_for_it(text):
    """Property: whatever it holds it does not end the literal, and means itself. Of the escapes that are
    used, Python's mean what Go's do."""
    literal = traceql.quoted(text)
    assert literal.isprintable()
    assert ast.literal_eval(literal) == text.encode("utf-8", "replace").decode()


def test_nobody_breaks_out():
    found = traceql.expression(TraceQuery(service='x" } || { status = error && .a = "\\'))
    assert found == '{ resource.service.name = "x\\" } || { status = error && .a = \\"\\\\" }'
