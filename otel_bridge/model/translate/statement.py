"""``db.query.summary``: the operations of a statement and what they work on, in their order.

``SELECT songs artists``, ``INSERT shipping_details SELECT orders``: the form that the conventions give, with
the database before each table where it is known (``SELECT nova.instances``). It is found by key words, not
by the grammar of SQL: short work, and a statement that is not understood has a shorter summary.
"""

from __future__ import annotations

import re
from typing import Final

#: The conventions' bound; the cut falls between two words.
LIMIT: Final = 255

_SIMPLE = re.compile(r"[^\W\d][\w$\-]{0,63}\Z")
_PLAIN = re.compile(r"[`\"]([^\W\d][\w$]*)[`\"]\Z")

#: What a statement may begin with.
_FIRST = re.compile(
    r"""[\s({]*+ (?:
        (?P<schema> (?:CREATE|ALTER|DROP|RENAME) \b )
      | (?P<truncate> TRUNCATE \b (?: \s++ TABLE \b )? )
      | (?P<acts> (?:INSERT|REPLACE|MERGE|UPDATE|UPSERT|CALL|EXEC|EXECUTE) \b )
      | (?P<alone> (?:
            RELEASE\s++SAVEPOINT | START\s++TRANSACTION | PREPARE\s++TRANSACTION
          | (?:COMMIT|ROLLBACK)\s++PREPARED | XA\s++(?:BEGIN|COMMIT|END|PREPARE|RECOVER|ROLLBACK|START)
          | ANALYZE|BEGIN|CHECKPOINT|CLOSE|COMMENT|COMMIT|COPY|DEALLOCATE|DECLARE|DELETE|DESC|DESCRIBE|DO|END
          | EXPLAIN|FETCH|FLUSH|GRANT|KILL|LISTEN|LOAD|LOCK|NOTIFY|OPTIMIZE|PRAGMA|PREPARE|REINDEX|RELEASE
          | REPAIR|RESET|REVOKE|ROLLBACK|SAVEPOINT|SELECT|SET|SHOW|START|TABLE|UNLISTEN|UNLOCK|USE|VACUUM
          | VALUES|XA
        ) \b )
      | (?P<with> WITH \b )
    )""",
    re.VERBOSE | re.IGNORECASE,
)
#: Words that may begin one of the alternatives of :data:`_FURTHER`.
_SIGNALS: Final = (
    "FOR|ON|DO|KEY|NO|OF|AFTER|BEFORE|OR|THEN|DISTINCT|EXTRACT|SUBSTRING|TRIM|OVERLAY|POSITION"
    "|SELECT|DELETE|INSERT|UPDATE|MERGE|FROM|JOIN|STRAIGHT_JOIN"
)
#: What may come further in, and all that is passed over on the way there: in one go, since a search would
#: try each position. Quoted names and clauses that only look alike have no group.
_FURTHER = re.compile(
    rf"""
    (?: [^\w`"$.:@]++ | (?! (?:{_SIGNALS}) \b ) [\w$.:@]++ )*+
    (?:
        ` [^`]*+ `? | " [^"]*+ "?
      | (?: FOR|ON|DO|KEY|NO|OF|AFTER|BEFORE|OR|THEN ) \s++ (?: UPDATE|DELETE|INSERT|MERGE ) \b
      | DISTINCT \s++ FROM \b
      | (?: EXTRACT|SUBSTRING|TRIM|OVERLAY|POSITION ) \s*+ \( [^()]*+
      | (?P<alone> SELECT \b | DELETE \b (?! \s*+ \( ) )
      | (?P<acts> (?: INSERT|UPDATE|MERGE ) \b (?! \s*+ \( ) )
      | (?P<from> (?: FROM|JOIN|STRAIGHT_JOIN ) \b )
      | [\w$.:@]++
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OBJECT = re.compile(
    r"""\s++ (?: [^\W\d]\w*+ \s++ ){0,3}? (?P<object>
        TABLE|INDEX|VIEW|DATABASE|SCHEMA|SEQUENCE|TRIGGER|FUNCTION|PROCEDURE|USER|ROLE|EXTENSION|TYPE|EVENT
    ) \b""",
    re.VERBOSE | re.IGNORECASE,
)
_QUALIFIED_OBJECTS: Final = frozenset(("TABLE", "VIEW"))
_UNNAMED_OBJECTS: Final = frozenset(("USER", "ROLE"))
#: Between an operation and the name.
_FILLER = re.compile(
    r"""(?: \s++ | (?: ONLY|LATERAL|IGNORE|LOW_PRIORITY|HIGH_PRIORITY|DELAYED|QUICK|IF|NOT|EXISTS|INTO|OR
        |ROLLBACK|ABORT|FAIL|REPLACE|CONCURRENTLY|TABLE ) \b (?! \s*+ \.) )*+""",
    re.VERBOSE | re.IGNORECASE,
)
_NAME_PART = r"""(?: [^\W\d][\w$]*+ | `[^`]++` | "[^"]++" )"""
_NAME = re.compile(rf"{_NAME_PART} (?: \s*+ \. \s*+ {_NAME_PART} ){{0,3}}+", re.VERBOSE)
_SEPARATE = re.compile(_NAME_PART, re.VERBOSE)
#: Another name of the same FROM: after an alias, behind a comma.
_NEXT = re.compile(
    rf"\s*+ (?: (?: AS \s++ )? (?! (?: ON|USING|WHERE|SET|JOIN ) \b ) {_NAME_PART} \s*+ )? ,",
    re.VERBOSE | re.IGNORECASE,
)
#: Common table expressions are no tables.
_EXPRESSION = re.compile(
    rf"({_NAME_PART}) \s*+ (?: \( [^()]*+ \) \s*+ )? \b AS \s*+ (?: (?:NOT \s++)? MATERIALIZED \s*+ )? \(",
    re.VERBOSE | re.IGNORECASE,
)
_RESERVED: Final = frozenset(
    str.split(
        "SELECT VALUES SET WHERE ON USING AS GROUP ORDER HAVING LIMIT UNION EXCEPT INTERSECT JOIN INNER LEFT "
        "RIGHT FULL CROSS NATURAL STRAIGHT_JOIN WITH FOR RETURNING FROM DEFAULT NULL CASE AND OR NOT IN IS "
        "WINDOW OFFSET FETCH UPDATE DELETE INSERT DUAL UNNEST"
    )
)


def simple_namespace(namespace: str | None) -> str | None:
    """The database's name as it may stand before a table's; None for files (SQLite) and odd names."""
    if not namespace:
        return None
    database = namespace.partition("|")[0]
    return database if _SIMPLE.match(database) else None


def summarise(masked: str, namespace: str | None = None) -> str:
    """The summary of a statement; empty where no operation is recognised.

    Args:
        masked: the statement after ``mask_sql``: there is no text in it that could be taken for SQL.
        namespace: name of the database, to stand before the tables.
    """
    return _Summary(masked, namespace).run()


class _Summary:
    def __init__(self, text: str, namespace: str | None) -> None:
        self.text = text
        self.namespace = namespace
        self.parts: list[str] = []
        self.length = 0
        #: Targets named since the last operation.
        self.seen: set[str] = set()
        #: Names of common table expressions.
        self.expressions: frozenset[str] = frozenset()

    def run(self) -> str:
        first = _FIRST.match(self.text)
        if first is None:
            return ""
        position = first.end()
        if first.lastgroup == "with":
            self.expressions = frozenset(_EXPRESSION.findall(self.text))
        else:
            position = self.operation(str(first.lastgroup), first[str(first.lastgroup)], position)
        while self.length <= LIMIT:
            match = _FURTHER.match(self.text, position)
            if match is None:
                break
            position = match.end()
            if match.lastgroup == "from":
                position = self.targets(position)
            elif match.lastgroup:
                position = self.operation(match.lastgroup, match[match.lastgroup], position)
        return self.summary()

    def operation(self, group: str, name: str, position: int) -> int:
        """Add an operation and, where it comes right behind, its target. Gives the position behind it."""
        self.seen = set()
        name = " ".join(name.split())
        if group == "schema":
            kind = _OBJECT.match(self.text, position)
            if kind is None:
                self.add(name)
                return position
            self.add(f"{name} {kind['object']}")
            word = kind["object"].upper()
            return (
                kind.end()
                if word in _UNNAMED_OBJECTS
                else self.target(kind.end(), word in _QUALIFIED_OBJECTS)
            )
        self.add(name)
        if group == "acts":
            return self.targets(position) if name.upper() == "UPDATE" else self.target(position)
        return self.target(position) if group == "truncate" else position

    def targets(self, position: int) -> int:
        """Add a list of names with their aliases."""
        while self.length <= LIMIT:
            behind = self.target(position)
            further = _NEXT.match(self.text, behind) if behind > position else None
            if further is None:
                return behind
            position = further.end()
        return position

    def target(self, position: int, qualify: bool = True) -> int:
        """Add the name at ``position``, if there is one. Gives the position behind it."""
        filler = _FILLER.match(self.text, position)
        start = filler.end() if filler else position
        match = _NAME.match(self.text, start)
        if match is None or match.group().upper() in _RESERVED:
            return position
        parts = _SEPARATE.findall(match.group())
        name = ".".join(_PLAIN.sub(r"\1", part) for part in parts)
        if qualify and len(parts) == 1 and self.namespace and parts[0] not in self.expressions:
            name = f"{self.namespace}.{name}"
        if name not in self.seen:
            self.seen.add(name)
            self.add(name)
        return match.end()

    def add(self, part: str) -> None:
        self.parts.append(part)
        self.length += len(part) + 1

    def summary(self) -> str:
        while self.parts and self.length - 1 > LIMIT:
            self.length -= len(self.parts.pop()) + 1
        return " ".join(self.parts)
