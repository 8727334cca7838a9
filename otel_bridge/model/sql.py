"""SQL statements with their literals masked.

No parser and no dialect: what is needed is where values stand. Where dialects disagree (backslashes, double
quotes, nested comments) the reading that hides more is taken. What holds no value is passed over in runs as
long as possible, so that a long statement costs little.
"""

from __future__ import annotations

import re
from typing import Final

#: Longer statements are cut before they are looked at.
MAX_STATEMENT: Final = 16384
#: Stands for a literal, as the semantic conventions want it.
PLACEHOLDER: Final = "?"

_TOKEN = re.compile(
    r"""
      (?P<plain> (?:
          [^\W\d][\w$]*+ (?!&?') | [\s(),.=<>;*+|!&^~\[\]{}:%@?\\] | \$[0-9]++
        | -(?!-) | /(?!\*) | \#(?=[>\-])
      )++ )
    | (?P<number> [0-9][\w.]*+ (?: (?<=[eE]) [+\-][0-9]++ )? )
    | (?P<comment> --[^\n]*+ | \#[^\n]*+ )
    | (?P<block> /\* )
    | (?P<single> (?: [eEnNbBxX] | [uU]& | _[A-Za-z0-9]++ )? ' )
    | (?P<double> " )
    | (?P<backtick> ` )
    | (?P<dollar> \$ (?: [^\W\d]\w*+ )? \$ )
    | (?P<other> [^\W\d][\w$]*+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_SINGLE_BODY = re.compile(r"(?:[^'\\]++|''|\\\\|\\[^'\\])*+")
_ESCAPED_BODY = re.compile(r"(?:[^'\\]++|''|\\.)*+", re.DOTALL)
_DOUBLE_BODY = re.compile(r'(?:[^"\\]++|""|\\\\|\\[^"\\])*+')
_COMMENT_MARK = re.compile(r"/\*|\*/")
_IDENTIFIER = re.compile(r"[^\W\d][\w$ .\-]{0,63}\Z")
#: Truth values, not names of placeholders and columns. The digits of ``.5``, ``:1``, ``?1`` follow a mark.
_BOOLEAN = re.compile(r"(?<![\w.:@$%(\"`])(?:true|false)\b", re.IGNORECASE)
#: What is read before a double quote to judge it.
_WORDS_BEFORE = re.compile(r"""[\w$]+|"[^"]*"|`[^`]*`|\S""")
_LOOK_BACK = 256

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

_ITEM = r"[+\-]?\s*+(?:\?[0-9]*+|%s|%\([^()]*+\)s|[:@]\w++|\$[0-9]++)"
_LIST = re.compile(rf"(\b[iI][nN]\s*+\(\s*+{_ITEM})(?:\s*+,\s*+{_ITEM})++(?=\s*+\))")
#: A row of VALUES; deeper calls in it are not seen through, then the rows stay.
_ROW = r"\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\)"
#: What is left of a row where the statement was cut.
_CUT_ROW = r"\((?:[^()]++|\([^()]*+\))*+(?:\([^()]*+)?"
_ROWS = re.compile(
    rf"(\b[vV][aA][lL][uU][eE][sS]\s*+{_ROW})(?:\s*+,\s*+{_ROW})++(?:\s*+,?\s*+(?:{_CUT_ROW})?\Z)?"
)


def mask_sql(statement: str, system: str | None = None) -> str:
    """The statement with ``?`` for each literal, without comments; placeholders and names stay.

    Lists of values after ``IN`` and further rows of ``VALUES`` collapse to the first one. A statement in
    which there is nothing to hide is given back as it is.

    Args:
        statement: any text; only its first :data:`MAX_STATEMENT` characters count.
        system: ``db.system.name`` where known; it decides what double quotes mean.
    """
    text = _Masking(statement[:MAX_STATEMENT], system).run()
    lower = text.lower()
    if "in (" in lower or "in(" in lower:
        text = _LIST.sub(r"\1", text)
    if "values" in lower:
        text = _ROWS.sub(r"\1", text)
    return statement if text == statement else text


def _without_booleans(text: str) -> str:
    lower = text.lower()
    return _BOOLEAN.sub(PLACEHOLDER, text) if "true" in lower or "false" in lower else text


class _Masking:
    """One pass over one statement."""

    def __init__(self, text: str, system: str | None) -> None:
        self.text = text
        self.system = system
        self.out: list[str] = []
        #: Whether the list that is open is one of names.
        self.names = False

    def run(self) -> str:
        text, out, position, end = self.text, self.out, 0, len(self.text)
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:  # cannot be: the last alternative takes any character
                break
            group, start, position = match.lastgroup, position, match.end()
            if group == "plain":
                out.append(_without_booleans(match.group()))
            elif group == "number":
                self.number(start, position)
            elif group == "comment":
                out.append(" ")
            elif group == "other":
                out.append(match.group())
            else:
                position = self.quoted(str(group), match.group(), position)
        return "".join(out)

    def number(self, start: int, end: int) -> None:
        """A number, or the digits of a placeholder (``:1``, ``?1``)."""
        before = self.text[start - 1 : start]
        digits = self.text[start:end]
        if before in (":", "?") and start and digits.isdigit() and len(digits) < 4:
            self.out.append(digits)
            return
        if before == "." and self.out[-1].endswith(".") and not self.text[start - 2 : start - 1].isalnum():
            self.out[-1] = self.out[-1][:-1]  # .5
        self.out.append(PLACEHOLDER)

    def quoted(self, group: str, opening: str, position: int) -> int:
        """Take what is quoted, or a comment; gives the position behind it."""
        text = self.text
        if group == "block":
            self.out.append(" ")
            return self.comment_end(position)
        if group == "single":
            self.out.append(PLACEHOLDER)
            body = _ESCAPED_BODY if opening in ("e'", "E'") else _SINGLE_BODY
            return self.close(body, position, "'")
        if group == "dollar":
            self.out.append(PLACEHOLDER)
            close = text.find(opening, position)
            return len(text) if close < 0 else close + len(opening)
        if group == "backtick":
            close = text.find("`", position)
            self.out.append(PLACEHOLDER if close < 0 else text[position - 1 : close + 1])
            return len(text) if close < 0 else close + 1
        end = self.close(_DOUBLE_BODY, position, '"')
        inside = text[position : end - 1]
        closed = end > position and text[end - 1] == '"'
        named = closed and self.is_name(inside, text[end : end + 1])
        self.out.append(f'"{inside}"' if named else PLACEHOLDER)
        return end

    def comment_end(self, position: int) -> int:
        """Behind the comment: nested ones belong to it, as in PostgreSQL, if they are closed."""
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
        # Three tokens are enough to judge by, and eight pieces to find them in.
        recent = _WORDS_BEFORE.findall("".join(self.out[-8:])[-_LOOK_BACK:])
        last, before, earlier = ("", "", "", *(token.upper() for token in recent))[:-4:-1]
        if following == "." or last == ".":
            self.names = True
        elif last == "(":
            self.names = earlier == "INTO" or before == "KEY"
        elif last == ",":
            self.names = self.names and before[:1] in ('"', "`")
        else:
            self.names = last in _BEFORE_NAME
        return self.names
