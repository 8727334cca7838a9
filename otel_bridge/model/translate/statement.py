"""``db.query.summary``: the operations of a statement and what they work on, in their order.

``SELECT songs artists``, ``INSERT shipping_details SELECT orders``: the form that the conventions give, with
the database before each table where it is known (``SELECT nova.instances``). It is made from the tokens of
the statement, not from its grammar, so that it is short work; a statement that is not understood has a
shorter summary.
"""

from __future__ import annotations

import re
from typing import Final

from otel_bridge.model.sql import Kind, Token

#: The conventions' bound; the cut falls between two words.
LIMIT: Final = 255

_SIMPLE = re.compile(r"[^\W\d][\w$\-]{0,63}\Z")
_PLAIN = re.compile(r"[`\"]([^\W\d][\w$]*)[`\"]\Z")

#: Operations that are only operations as the first word of a statement.
_FIRST: Final = frozenset(
    str.split(
        "ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE "
        "DESC DESCRIBE DO DROP END EXEC EXECUTE EXPLAIN FETCH FLUSH GRANT HANDLER INSERT KILL LISTEN LOAD "
        "LOCK MERGE NOTIFY OPTIMIZE PRAGMA PREPARE REINDEX RELEASE RENAME REPAIR REPLACE RESET REVOKE "
        "ROLLBACK SAVEPOINT SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE "
        "UPSERT USE VACUUM VALUES XA"
    )
)
#: Operations that also begin further in: after ``WITH``, in subqueries, after ``INSERT``.
_INNER: Final = frozenset(str.split("SELECT INSERT UPDATE DELETE MERGE"))
#: Before such a word, UPDATE and DELETE are part of another clause.
_NO_OPERATION_AFTER: Final = frozenset(str.split("FOR ON DO KEY NO OF AFTER BEFORE OR THEN"))
_JOINS: Final = frozenset(("JOIN", "STRAIGHT_JOIN"))
#: Operations with the name of what they work on right behind.
_TARGET_FOLLOWS: Final = frozenset(str.split("INSERT REPLACE MERGE UPDATE UPSERT CALL EXEC EXECUTE"))
_OBJECTS: Final = frozenset(
    str.split(
        "TABLE INDEX VIEW DATABASE SCHEMA SEQUENCE TRIGGER FUNCTION PROCEDURE USER ROLE EXTENSION TYPE "
        "TABLESPACE EVENT"
    )
)
_QUALIFIED_OBJECTS: Final = frozenset(str.split("TABLE VIEW"))
_SCHEMA_OPERATIONS: Final = frozenset(str.split("CREATE ALTER DROP RENAME TRUNCATE LOCK"))
#: Between such a word and the name.
_SKIPPED: Final = frozenset(
    str.split(
        "ONLY LATERAL IGNORE LOW_PRIORITY HIGH_PRIORITY DELAYED QUICK TABLE IF NOT EXISTS INTO OR ROLLBACK "
        "ABORT FAIL REPLACE CONCURRENTLY FROM"
    )
)
#: Words that are no name of a table.
_RESERVED: Final = frozenset(
    str.split(
        "SELECT VALUES SET WHERE ON USING AS GROUP ORDER HAVING LIMIT UNION EXCEPT INTERSECT JOIN INNER "
        "LEFT RIGHT FULL CROSS NATURAL STRAIGHT_JOIN WITH FOR RETURNING FROM DEFAULT NULL CASE AND OR NOT "
        "IN IS WINDOW OFFSET FETCH UPDATE DELETE INSERT DUAL UNNEST"
    )
)
#: Functions with FROM between their arguments.
_FROM_FUNCTIONS: Final = frozenset(str.split("EXTRACT SUBSTRING TRIM OVERLAY POSITION"))


def simple_namespace(namespace: str | None) -> str | None:
    """The database's name as it may stand before a table's; None for files (SQLite) and odd names."""
    if not namespace:
        return None
    database = namespace.partition("|")[0]
    return database if _SIMPLE.match(database) else None


def summarise(tokens: list[Token], namespace: str | None = None) -> str:
    """The summary of a tokenized statement; empty where no operation is recognised."""
    return _Summary([token for token in tokens if token.kind is not Kind.SPACE], namespace).run()


class _Summary:
    def __init__(self, tokens: list[Token], namespace: str | None) -> None:
        self.tokens = tokens
        self.words = [token.text.upper() if token.kind is Kind.WORD else "" for token in tokens]
        self.namespace = namespace
        self.parts: list[str] = []
        self.length = 0
        #: Targets named since the last operation.
        self.seen: set[str] = set()
        #: Names of common table expressions: no tables.
        self.expressions: set[str] = set()

    def run(self) -> str:
        first = True
        in_with = False
        #: Whether the parenthesis that is open belongs to a function with FROM inside.
        functions: list[bool] = []
        #: Depth at which a list after FROM goes on, -1 for none.
        listing = -1
        index, count = 0, len(self.tokens)
        while index < count and self.length <= LIMIT:
            word, text = self.words[index], self.tokens[index].text
            previous = self.words[index - 1] if index else ""
            index += 1
            if text == "(":
                functions.append(previous in _FROM_FUNCTIONS)
                continue
            if text == ")":
                if functions:
                    functions.pop()
                if listing > len(functions):
                    listing = -1
                continue
            if text == ";":
                first, listing = True, -1
                continue
            if text == "," and listing == len(functions):
                index = self.target(index)
                continue
            if not word:
                first = False
                continue
            if first and word == "WITH":
                in_with, first = True, False
            elif in_with and word == "AS" and self.text(index) == "(" and index > 1:
                self.expression(index - 2)
            elif self.is_operation(word, previous, self.text(index), first):
                index = self.operation(word, index, first)
                listing = len(functions) if word == "UPDATE" else -1
                first = False
            elif word == "FROM" or word in _JOINS:
                if not (word == "FROM" and (previous == "DISTINCT" or (functions and functions[-1]))):
                    index = self.target(index)
                    listing = len(functions)
                first = False
            else:
                if word in _RESERVED and word != "AS":
                    listing = -1
                first = False
        return self.text_of_parts()

    def text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def word(self, index: int) -> str:
        return self.words[index] if 0 <= index < len(self.words) else ""

    def is_operation(self, word: str, previous: str, following: str, first: bool) -> bool:
        if first:
            return word in _FIRST
        if word == "SELECT":
            return True
        return word in _INNER and previous not in _NO_OPERATION_AFTER and following != "("

    def expression(self, index: int) -> None:
        """Note the name of a common table expression: ``name AS (`` or ``name (columns) AS (``."""
        if self.text(index) == ")":
            while index >= 0 and self.text(index) != "(":
                index -= 1
            index -= 1
        self.expressions.add(self.text(index))

    def operation(self, word: str, index: int, first: bool) -> int:
        """Add an operation and, where it comes right behind, its target. Gives the index to go on from."""
        self.seen = set()
        name = self.text(index - 1)
        if word in _SCHEMA_OPERATIONS and first:
            return self.schema_operation(name, index)
        if word in ("RELEASE", "START") and self.word(index) in ("SAVEPOINT", "TRANSACTION"):
            name = f"{name} {self.text(index)}"
        self.add(name)
        if word in _TARGET_FOLLOWS:
            return self.target(index)
        return index

    def schema_operation(self, name: str, index: int) -> int:
        """``CREATE [UNIQUE …] TABLE [IF NOT EXISTS] name``"""
        for ahead in range(index, min(index + 5, len(self.tokens))):
            kind = self.words[ahead]
            if not kind:
                break
            if kind in _OBJECTS:
                self.add(f"{name} {self.text(ahead)}")
                if kind in ("USER", "ROLE"):
                    return ahead + 1
                return self.target(ahead + 1, qualify=kind in _QUALIFIED_OBJECTS)
        self.add(name)
        return self.target(index) if name.upper() == "TRUNCATE" else index

    def target(self, index: int, *, qualify: bool = True) -> int:
        """Add the name at ``index``, if there is one. Gives the index behind it."""
        while self.word(index) in _SKIPPED:
            index += 1
        parts: list[str] = []
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.kind not in (Kind.WORD, Kind.NAME) or self.words[index] in _RESERVED:
                break
            parts.append(_PLAIN.sub(r"\1", token.text))
            index += 1
            if self.text(index) != ".":
                break
            index += 1
        if parts:
            name = ".".join(parts)
            if qualify and len(parts) == 1 and self.namespace and name not in self.expressions:
                name = f"{self.namespace}.{name}"
            if name not in self.seen:
                self.seen.add(name)
                self.add(name)
        return index

    def add(self, part: str) -> None:
        self.parts.append(part)
        self.length += len(part) + 1

    def text_of_parts(self) -> str:
        while self.parts and self.length - 1 > LIMIT:
            self.length -= len(self.parts.pop()) + 1
        return " ".join(self.parts)
