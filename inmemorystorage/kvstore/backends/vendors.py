"""What differs between databases: what they take, and what their drivers say."""

from __future__ import annotations

import errno
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError

# Bytes of values in one statement: less than MySQL takes in a packet, with its escapes.
LONGEST = 2**22


class Vendor(NamedTuple):
    """
    What a store in a table declares, and how it is kept whole.

    :param lock: how a row that was read is kept from being deleted until the transaction ends.
    :param collation: by which keys are compared, where the database's own may be too easy on them.
    """

    key_max: int = 250
    plain_keys: bool = True
    value_max: int | None = None
    has_entries: bool = True
    lock: str = ""
    collation: str | None = None


VENDORS = {
    "sqlite": Vendor(plain_keys=False),  # who has written has the whole database for himself
    "postgresql": Vendor(lock=" FOR KEY SHARE"),  # its text has no NUL
    # As a rule a text in another case is the same there, and with blanks behind it always.
    "mysql": Vendor(value_max=LONGEST, lock=" LOCK IN SHARE MODE", collation="utf8mb4_bin"),
}
OTHERS = Vendor(key_max=0, value_max=LONGEST, has_entries=False)

# What there is to say where PostgreSQL itself does not.
BEHIND = "somebody has put a row there since this transaction began, which does not see it"

# SQLSTATE of PostgreSQL, where two characters are a class; numbers of MySQL; texts of SQLite.
_MISSING_TABLE = {"42P01", 1146}
_NUMBERS: dict[Any, int] = {
    **dict.fromkeys(["08", "57", 2006, 2013], errno.ECONNRESET),
    **dict.fromkeys([2002, 2003], errno.ECONNREFUSED),
    **dict.fromkeys(["53100", 1021, 1114, "database or disk is full"], errno.ENOSPC),
    **dict.fromkeys(["40001", "40P01", 1020, 1213, BEHIND], errno.EDEADLK),
    **dict.fromkeys(["55P03", "57014", 1205, "database is locked"], errno.ETIMEDOUT),
}


def number_of(error: Exception) -> int:
    """Return the errno of the ``OSError`` that an error of Django's becomes."""
    codes = _codes(error)
    unanswered = isinstance(error, OperationalError) and None in codes
    if unanswered or isinstance(error, InterfaceError):
        return errno.ECONNRESET
    return next((_NUMBERS[code] for code in codes if code in _NUMBERS), errno.EIO)


def sees_snapshots(connection: Any) -> bool:
    """Return whether a transaction of PostgreSQL or MySQL goes on to see what was there before."""
    level = connection.isolation_level
    return getattr(level, "name", level) not in ("READ_COMMITTED", "read committed")


def is_missing_table(error: Exception) -> bool:
    """Return whether a table is not there."""
    return "no such table" in str(error) or not _MISSING_TABLE.isdisjoint(_codes(error))


def _codes(error: Exception) -> list[Any]:
    """Return what the driver's own error is known by; ``None`` where the server said nothing."""
    cause = error.__cause__ or error
    # Of psycopg, and of the one before it; what is told exactly goes before its class.
    states = [getattr(cause, name) for name in ("sqlstate", "pgcode") if hasattr(cause, name)]
    return [*states, *(state[:2] for state in states if state), *cause.args[:1]]
