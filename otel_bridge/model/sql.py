"""SQL statements cut into tokens, and their literals masked.

No parser and no dialect: what is needed is where values stand. Where dialects disagree (backslashes, double
quotes, nested comments) the reading that hides more is taken.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

#: Longer statements are cut before they are looked at.
MAX_STATEMENT: Final = 65536
#: Stands for a literal, as the semantic conventions want it.
PLACEHOLDER: Final = "?"


class Kind(Enum):
    WORD = "word"
    #: A quoted identifier.
    NAME = "name"
    #: A literal; its text is :data:`PLACEHOLDER`.
    VALUE = "value"
    #: A placeholder of the driver's: ``%s``, ``%(id)s``, ``:id``, ``$1``, ``?``, ``@p1``.
    BIND = "bind"
    SPACE = "space"
    OTHER = "other"


class Token(NamedTuple):
    kind: Kind
    text: str


_TOKEN = re.compile(
    r"""
      (?P<space> \s++ )
    | (?P<comment> --[^\n]*+ | \#(?![>\-])[^\n]*+ )
    | (?P<block> /\* )
    | (?P<single> (?: [eEnNbBxX] | [uU]& | _[A-Za-z0-9]++ )? ' )
    | (?P<double> (?: [uU]& )? " )
    | (?P<backtick> ` )
    | (?P<dollar> \$ (?: [^\W\d]\w*+ )? \$ )
    | (?P<bind> %\([^()\s]{1,128}+\)s | %s | \?[0-9]*+ | :[^\W\d]\w*+ | \$[0-9]++ | @{1,2}[^\W\d]\w*+ )
    | (?P<word> [^\W\d][\w$]*+ )
    | (?P<number> \.?[0-9][\w.]*+ (?: (?<=[eE]) [+\-][0-9]++ )? )
    | (?P<other> :: | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_SINGLE_BODY = re.compile(r"(?:[^'\\]++|''|\\\\|\\[^'\\])*+")
_ESCAPED_BODY = re.compile(r"(?:[^'\\]++|''|\\.)*+", re.DOTALL)
_DOUBLE_BODY = re.compile(r'(?:[^"\\]++|""|\\\\|\\[^"\\])*+')
_COMMENT_MARK = re.compile(r"/\*|\*/")
_IDENTIFIER = re.compile(r"[^\W\d][\w$ .\-]{0,63}\Z")
_BOOLEANS: Final = frozenset({"TRUE", "FALSE"})

#: Systems in which double quotes are around strings; in those of the second set around identifiers only.
_STRINGS: Final = frozenset({"mysql", "mariadb"})
_IDENTIFIERS: Final = frozenset({"postgresql", "oracle.db", "cockroachdb", "ibm.db2", "microsoft.sql_server"})
#: What stands before an identifier, where the system is not known.
_BEFORE_NAME: Final = frozenset(
    str.split(
        "FROM JOIN INTO UPDATE TABLE AS INDEX VIEW SELECT DISTINCT BY COLUMN REFERENCES CONSTRAINT RETURNING "
        "SCHEMA SEQUENCE"
    )
)


def tokenize(statement: str, system: str | None = None) -> list[Token]:
    """The tokens of a statement: comments gone, literals replaced by :data:`PLACEHOLDER`.

    Args:
        statement: any text; only its first :data:`MAX_STATEMENT` characters count.
        system: ``db.system.name`` where known; it decides what double quotes mean.
    """
    return _Lexer(statement[:MAX_STATEMENT], system).run()


class _Lexer:
    """One pass over one statement."""

    def __init__(self, text: str, system: str | None) -> None:
        self.text = text
        self.system = system
        self.tokens: list[Token] = []
        #: The last three tokens that are no space, the latest first: enough to judge a double quote.
        self.recent: tuple[str, str, str] = ("", "", "")
        #: Whether the list that is open is one of names.
        self.names = False

    def run(self) -> list[Token]:
        text, position, end = self.text, 0, len(self.text)
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:  # cannot be: the last alternative takes any character
                break
            group, found, position = match.lastgroup, match.group(), match.end()
            if group == "word":
                upper = found.upper()
                self.add(Kind.VALUE if upper in _BOOLEANS else Kind.WORD, found, upper)
            elif group == "space":
                self.tokens.append(Token(Kind.SPACE, found))
            elif group == "bind":
                self.add(Kind.BIND, found, found)
            elif group == "number":
                self.add(Kind.VALUE, found, PLACEHOLDER)
            elif group == "other":
                self.add(Kind.OTHER, found, found)
            elif group == "comment":
                self.tokens.append(Token(Kind.SPACE, " "))
            elif group == "block":
                position = self.comment_end(position)
                self.tokens.append(Token(Kind.SPACE, " "))
            else:
                position = self.quoted(str(group), found, position)
        return self.tokens

    def add(self, kind: Kind, text: str, mark: str) -> None:
        self.tokens.append(Token(kind, PLACEHOLDER if kind is Kind.VALUE else text))
        self.recent = (mark, *self.recent[:2])

    def comment_end(self, position: int) -> int:
        """After the comment: nested ones belong to it, as in PostgreSQL, if they are closed."""
        depth = 1
        first = 0
        for mark in _COMMENT_MARK.finditer(self.text, position):
            if mark.group() == "/*":
                depth += 1
                continue
            first = first or mark.end()
            depth -= 1
            if not depth:
                return mark.end()
        return first or len(self.text)

    def quoted(self, group: str, opening: str, position: int) -> int:
        """Take what is quoted; gives the position behind it."""
        text = self.text
        if group == "single":
            body = _ESCAPED_BODY if opening in ("e'", "E'") else _SINGLE_BODY
            end = self.close(body, position, "'")
            self.add(Kind.VALUE, "", PLACEHOLDER)
            return end
        if group == "dollar":
            close = text.find(opening, position)
            self.add(Kind.VALUE, "", PLACEHOLDER)
            return len(text) if close < 0 else close + len(opening)
        if group == "backtick":
            close = text.find("`", position)
            if close < 0:
                self.add(Kind.VALUE, "", PLACEHOLDER)
                return len(text)
            self.add(Kind.NAME, text[position - 1 : close + 1], "name")
            return close + 1
        end = self.close(_DOUBLE_BODY, position, '"')
        inside = text[position : end - 1]
        if text[end - 1 : end] == '"' and end > position and self.is_name(inside, text[end : end + 1]):
            self.add(Kind.NAME, f'"{inside}"', "name")
        else:
            self.add(Kind.VALUE, "", PLACEHOLDER)
        return end

    def close(self, body: re.Pattern[str], position: int, quote: str) -> int:
        """Behind the closing quote.

        A backslash before a quote is an escape in some dialects and not in others: what is a value from
        there on cannot be known, so all of the rest is one.
        """
        match = body.match(self.text, position)
        end = match.end() if match else position
        return end + 1 if self.text[end : end + 1] == quote else len(self.text)

    def is_name(self, inside: str, following: str) -> bool:
        """Whether double quotes are around an identifier here."""
        if not _IDENTIFIER.match(inside) or self.system in _STRINGS:
            return False
        if self.system in _IDENTIFIERS:
            return True
        last, before, earlier = self.recent
        if following == "." or last == ".":
            self.names = True
            return True
        if last == "(":
            self.names = earlier == "INTO" or before == "KEY"
            return self.names
        if last == ",":
            return self.names and before == "name"
        self.names = last in _BEFORE_NAME
        return self.names


def mask_sql(statement: str, system: str | None = None) -> str:
    """The statement with ``?`` for each literal, without comments; placeholders and names stay.

    Lists of values after ``IN`` and further rows of ``VALUES`` collapse to the first one. A statement in
    which there is nothing to hide is given back as it is.
    """
    text = "".join(render(tokenize(statement, system)))
    return statement if text == statement else text


def render(tokens: list[Token]) -> list[str]:
    """The texts of the tokens, lists of values collapsed."""
    out: list[str] = []
    depth = 0
    #: Depths at which a list of rows stands.
    rows: list[int] = []
    last = ""
    index, count = 0, len(tokens)
    while index < count:
        kind, text = tokens[index]
        index += 1
        out.append(text)
        if kind is Kind.SPACE:
            continue
        if text == "(":
            if last == "IN":
                index = _values(tokens, index, out)
            depth += 1
        elif text == ")":
            depth -= 1
            if rows and rows[-1] == depth:
                rows.pop()
                index = _further_rows(tokens, index)
            elif rows and depth < rows[-1]:
                rows.pop()
        last = text.upper() if kind is Kind.WORD else text
        if last == "VALUES" and len(rows) < 64:
            following = _skip_space(tokens, index)
            if following < count and tokens[following].text == "(":
                rows.append(depth)
    return out


def _skip_space(tokens: list[Token], index: int) -> int:
    while index < len(tokens) and tokens[index].kind is Kind.SPACE:
        index += 1
    return index


def _values(tokens: list[Token], start: int, out: list[str]) -> int:
    """Behind ``IN (``: if only values follow, keep the first one. Gives the index to go on from."""
    index = start
    first = ""
    while index < len(tokens):
        kind, text = tokens[index]
        if kind is Kind.VALUE or kind is Kind.BIND:
            first = first or text
        elif kind is not Kind.SPACE and text not in (",", "+", "-"):
            break
        index += 1
    if not first or index == len(tokens) or tokens[index].text != ")":
        return start
    out.append(first)
    return index


def _further_rows(tokens: list[Token], index: int) -> int:
    """Behind the first row of ``VALUES``: skip ``, (…), (…)``."""
    while True:
        comma = _skip_space(tokens, index)
        if comma >= len(tokens) or tokens[comma].text != ",":
            return index
        row = _skip_space(tokens, comma + 1)
        if row >= len(tokens) or tokens[row].text != "(":
            return index
        depth = 0
        while row < len(tokens):
            text = tokens[row].text
            row += 1
            if text == "(":
                depth += 1
            elif text == ")":
                depth -= 1
                if not depth:
                    break
        index = row
