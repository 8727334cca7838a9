"""Exception messages that may be shown.

Messages of databases carry values of the statement that failed, and SQLAlchemy adds the statement and all
its parameters. Remote exceptions carry a whole traceback of the other side. What remains here is what the
reader needs: the error's code and its sense.
"""

from __future__ import annotations

import re
from typing import Final

from otel_bridge.model.redaction.filters import truncate
from otel_bridge.model.redaction.keys import remembered
from otel_bridge.model.redaction.text import redact_text

#: Messages are cut to that many characters.
MESSAGE_LIMIT: Final = 2048
#: What is looked at of a message; the rest is gone before any work is done.
_LONGEST: Final = 65536

_DATABASES: Final = (
    "sqlalchemy.",
    "pymysql.",
    "psycopg",
    "sqlite3.",
    "MySQLdb.",
    "mysql.connector.",
    "_mysql",
    "asyncpg.",
    "aiomysql.",
    "asyncmy.",
    "oracledb.",
    "cx_Oracle.",
    "pyodbc.",
    "oslo_db.",
)
_DATABASE_TEXT = re.compile(
    r"\((?:sqlalchemy|pymysql|psycopg\w{0,4}|sqlite3|MySQLdb|mysql\.connector|_mysql_exceptions|oslo_db)\.|\[SQL:"
)
#: Where SQLAlchemy, PostgreSQL and remote tracebacks begin to repeat values.
_APPENDIX = re.compile(
    r"""(?: \[SQL: | \[parameters: | \(Background\ on\ | \[generated\ in\ | \bDETAIL:
      | \bHINT: | \bCONTEXT: | \bThe\ duplicate\ key\ value\ is\b
      | (?<=\s)LINE\ [0-9]{1,9}: | \bTraceback\ \(most )""",
    re.VERBOSE,
)
_TRACEBACK = re.compile(r"""(?:\[[uUbB]?['"])?Traceback \(most recent call last\)""")
#: ``(1062, "…")``: how the drivers of MySQL print their arguments.
_ARGUMENTS = re.compile(r"""\((?P<code>[0-9]{1,6}), [bu]?(?P<quote>['"])(?P<text>.*)""", re.DOTALL)
_CLASS = re.compile(r"\((?:[A-Za-z_]\w{0,60}\.){1,8}[A-Za-z_]\w{0,100}\)")
#: Where a driver or a database prints the code of an error.
_CODE = re.compile(
    r"""\A (?: \(? (?P<number>[0-9]{3,6}) (?: ,\ | \ \([0-9A-Z]{5}\): | : )
      | (?P<word>ORA-[0-9]{5} | \[[0-9A-Z]{5}\]) )""",
    re.VERBOSE,
)
_QUOTES = "'\"`"
#: A quote opens after a blank or bracket, and closes before one: ``'O'Brien'`` is one value.
_OPENING = re.compile(r"""(?:(?<=[\s(=\[,:])|\A)['"`]""")
_CLOSING = re.compile(r"""['"`](?=[\s,.;:)\]]|\Z)""")
_ERRNO = re.compile(r"\[errno [0-9]{1,5}\]")
_WORD = re.compile(r"[\w'?$]+|[^\w\s()\[\],.;:'?]")
_NUMBER = re.compile(r"(?<![\w.])(?<!Errno )(?<!\[)-?[0-9][\w.\-]*+(?::[0-9][\w.\-]*+)*+")
#: What databases say themselves around the values that they quote. Any other word after the first quote may
#: be part of a value: they do not escape the quotes in it.
_OWN_WORDS: Final = frozenset(
    str.split(
        "? a access already an and any as at away base be been by can can't cannot char character check "
        "clause column columns connect connection constraint could data database deadlock default denied "
        "does doesn't driver during duplicate encoding entry errno error exceeded exist exists expected "
        "expression failed field fields for foreign found from function gone got group handshake has have "
        "host in incorrect index input insert integer into invalid is isn't key keys length line list local "
        "lock long lost many match missing more must near no not null object of on operator or order out "
        "parameter password position primary query reference referenced references refused relation "
        "remote reset role row schema security server socket statement string syntax table tables than the "
        "through timed timeout to token too truncated type unexpected unique unknown update user using "
        "that running accepting connections port tcp ip - / value values variable view violates violation "
        "was where with yes"
    )
)


#: Longest message that is remembered.
_REMEMBERED: Final = 512


def exception_message(type_name: str, message: str) -> str:
    """The message of an exception, fit for a span's status and its exception event.

    Args:
        type_name: the exception's qualified class name (``pymysql.err.IntegrityError``).
        message: ``str(exception)``.
    """
    if len(message) <= _REMEMBERED:
        return _remembered_message(type_name, message)
    return _fit_message(type_name, message)


def _fit_message(type_name: str, message: str) -> str:
    text = message[:_LONGEST]
    remote = _TRACEBACK.search(text)
    if remote:
        text = text[: remote.start()]
    if type_name.startswith(_DATABASES) or _DATABASE_TEXT.search(text):
        text = _database_message(text)
    elif remote or type_name.endswith(("_Remote", "RemoteError")):
        text = _first_line(text)
    return truncate(redact_text(text), MESSAGE_LIMIT)


#: The same few errors come back; to mask one takes several microseconds.
_remembered_message = remembered(512)(_fit_message)


def error_code(message: str) -> str | None:
    """The database's code of the error (``1062``, ``ORA-00001``), where the message begins with one."""
    text = message[:512]
    name = _CLASS.match(text)
    code = _CODE.match(text[name.end() :].lstrip() if name else text)
    return (code["number"] or code["word"].strip("[]")) if code else None


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _database_message(text: str) -> str:
    appendix = _APPENDIX.search(text)
    if appendix:
        text = text[: appendix.start()]
    head = ""
    name = _CLASS.search(text)
    # Not one within a value, whatever stands there.
    if name and not any(quote in text[: name.start()] for quote in _QUOTES):
        head = f"{_mask_values(text[: name.start()])} {name.group()} ".lstrip()
        text = text[name.end() :]
    text = text.lstrip()
    arguments = _ARGUMENTS.match(text)
    code = _CODE.match(text)
    if arguments:
        head += f"{arguments['code']}: "
        text = _unquoted(arguments["text"], arguments["quote"])
    elif code:
        head += code.group().strip() + " "
        text = text[code.end() :]
    return head + _mask_values(text)


def _unquoted(text: str, quote: str) -> str:
    """What a printed string literal says, up to its closing quote; that may have been cut off."""
    end = text.rfind(quote)
    inner = text[:end] if end >= 0 and not text[end + 1 :].strip(" )\n,") else text
    return inner.replace("\\n", " ").replace("\\'", "'").replace('\\"', '"')


def _mask_values(text: str) -> str:
    """A database's message in one line, with ``?`` for what is quoted and for each number.

    What stands before the first quote are the database's own words. From there on only those words are kept
    of which that is known.
    """
    line = " ".join(text.split())
    opening = _OPENING.search(line)
    if opening is None:
        return _NUMBER.sub("?", line)
    position = opening.start()
    out = [_NUMBER.sub("?", line[:position])]
    while position < len(line):
        if line[position] in _QUOTES:
            position = _closing(line, position)
            masked = "?"
        else:
            following = _OPENING.search(line, position)
            end = following.start() if following else len(line)
            masked = _NUMBER.sub("?", line[position:end])
            if not all(word in _OWN_WORDS for word in _WORD.findall(_ERRNO.sub("", masked.lower()))):
                masked = "?"
            position = end
        if masked != "?" or out[-1] != "?":
            out.append(masked)
    return "".join(out)


def _closing(text: str, opening: int) -> int:
    """Behind the quote that closes: the next one of its kind before a blank, a mark or the end."""
    quote = "'" if text[opening] == "`" else text[opening]  # MySQL once wrote `so'
    for closing in _CLOSING.finditer(text, opening + 1):
        if closing.group() in (quote, text[opening]):
            return closing.end()
    return len(text)
