"""What is recorded of a query only where the operator wants it: its parameters and the number of its rows.

The caller's thread hides what is secret by its name, and cuts the rest; what is secret by its looks is taken
out on the export thread. Nothing here raises, and nothing asks the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from uuid import UUID

from otel_bridge.model.redaction import MASK, is_secret_key
from otel_bridge.model.redaction.printing import described
from otel_bridge.model.sql import MAX_STATEMENT
from otel_bridge.model.translate import Details
from otel_bridge.model.translate.db import PARAMETER_CAPTURE_LIMIT
from otel_bridge.settings import CaptureSettings

#: Parameters of one query that are recorded; the rest is left out.
MAX_PARAMETERS: Final = 32
#: Characters of a parameter's name.
_NAME_LIMIT: Final = 64
#: Larger numbers stand for one that is not known: the drivers of MySQL say 2**64 - 1.
_MOST_ROWS: Final = 2**63
#: What is asked for its text; of other classes only the name is shown.
_SHOWN: Final = (int, float, type(None), Decimal, date, time, timedelta, UUID)
#: Systems whose drivers know when a statement has been executed that it returned no row at all. Those of
#: others count what was fetched, and say 0 until then.
_KNOW_NONE: Final = frozenset({"mysql", "mariadb", "postgresql", "cockroachdb"})
#: SQLAlchemy's ``ExecuteStyle`` of one INSERT with the rows of many: a batch in disguise.
_BATCH_IN_DISGUISE: Final = "INSERTMANYVALUES"
_WORD = re.compile(r"\w+")


def wanted(capture: CaptureSettings | None) -> QueryDetails | None:
    """What these settings ask for; None where that is nothing."""
    if capture is None or not (capture.sql_parameters or capture.row_counts):
        return None
    return QueryDetails(capture.sql_parameters, capture.row_counts)


class QueryDetails:
    """Looks at a query before and after it is executed."""

    __slots__ = ("_parameters", "_rows")

    def __init__(self, parameters: bool, rows: bool) -> None:
        self._parameters = parameters
        self._rows = rows

    def before(self, statement: Any, parameters: Any, context: Any) -> Details:
        """The parameters of a query, if they are wanted.

        Args:
            statement: as the cursor gets it.
            parameters: as the cursor gets them, of one execution.
            context: SQLAlchemy's of the execution, which knows their names; None will do.
        """
        if not self._parameters or not parameters:
            return Details()
        try:
            # Of a batch they are not recorded, as the conventions have it.
            if getattr(getattr(context, "execute_style", None), "name", None) == _BATCH_IN_DISGUISE:
                return Details()
            return Details(parameters=_captured(statement, parameters, context))
        except Exception:  # a parameter may be of any class
            return Details()

    def after(self, found: Details, cursor: Any, context: Any, many: bool) -> Details:
        """``found`` with the number of rows, as far as it is wanted and the cursor knows it.

        Args:
            found: what :meth:`before` gave.
            cursor: has executed the statement.
            context: SQLAlchemy's of the execution; None will do.
            many: whether it was an ``executemany``.
        """
        if not self._rows:
            return found
        try:
            count = cursor.rowcount
            if not isinstance(count, int) or not 0 <= count < _MOST_ROWS:
                return found
            dialect = getattr(context, "dialect", None)
            if cursor.description is None:
                if many and not getattr(dialect, "supports_sane_multi_rowcount", False):
                    return found
                return found._replace(affected=int(count))
            known = count or getattr(dialect, "name", None) in _KNOW_NONE
            if known and not getattr(context, "_is_server_side", False):
                return found._replace(returned=int(count))
        except Exception:  # what a driver says is its own affair
            return found
        return found


def _captured(statement: Any, parameters: Any, context: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(parameters, Mapping):
        named = islice(parameters.items(), MAX_PARAMETERS)
        return tuple((str(name)[:_NAME_LIMIT], _text(str(name), value)) for name, value in named)
    if not isinstance(parameters, Sequence) or isinstance(parameters, (str, bytes)):
        return ()
    names = _names(statement, context, len(parameters))
    values = islice(zip(names, parameters, strict=False), MAX_PARAMETERS)
    return tuple((str(index), _text(name, value)) for index, (name, value) in enumerate(values))


def _names(statement: Any, context: Any, count: int) -> Iterable[str]:
    """What judges each value that has only a position."""
    compiled = getattr(context, "compiled", None)
    if compiled is not None:
        names: Sequence[str] = compiled.positiontup or ()
        if len(names) == count and not context._expanded_parameters:
            return names
        # The values of IN lists are among them, where it depends on the driver.
        told: Iterable[str] = compiled.bind_names.values()
    else:
        told = _WORD.findall(statement[:MAX_STATEMENT]) if isinstance(statement, str) else ()
    secret = next((name for name in told if is_secret_key(str(name))), "")
    return [secret] * count


def _text(name: str, value: Any) -> str:
    if is_secret_key(name):
        return MASK
    if isinstance(value, str):
        return str.__str__(value)[:PARAMETER_CAPTURE_LIMIT]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    return str(value)[:PARAMETER_CAPTURE_LIMIT] if isinstance(value, _SHOWN) else described(value)
