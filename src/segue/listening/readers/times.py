"""Times and lengths as exports write them, in seconds."""

import math
import re
from datetime import UTC, datetime

__all__ = ["seconds", "unix_seconds"]

_MILLISECONDS_FROM = 10**11
"""Larger numbers are milliseconds: as seconds they are the year 5138, as milliseconds 1973."""

_DAY_MONTH = re.compile(r"(\d{1,2}) ([A-Za-z]{3})[a-z]* (\d{4}),? (\d{1,2}):(\d\d)(?::(\d\d))?")
# English in every locale, which strptime is not.
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def unix_seconds(value: object) -> int | None:
    """Unix seconds, UTC, or None when ``value`` is no time.

    Understood: unix seconds and milliseconds (numbers or their text), ISO 8601 with a zone or without one (then UTC),
    and "17 Aug 2026, 12:14" (UTC).

    Examples
    --------
    >>> unix_seconds(1786968840), unix_seconds("1786968840000"), unix_seconds("17 Aug 2026, 12:14")
    (1786968840, 1786968840, 1786968840)
    >>> unix_seconds("2026-08-17T14:14:00+02:00"), unix_seconds("2026-08-17 12:14")
    (1786968840, 1786968840)
    >>> unix_seconds("yesterday") is None
    True
    """
    if isinstance(value, str):
        text = value.strip()
        number = _number(text)
        return _of_text(text) if number is None else _of_number(number)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    return None


def seconds(value: object, per_second: float = 1.0) -> float | None:
    """A length in seconds, or None when ``value`` is none; ``per_second`` is 1000 for milliseconds.

    Examples
    --------
    >>> seconds("223000", 1000), seconds(-1), seconds(True)
    (223.0, None, None)
    """
    if isinstance(value, str):
        value = _number(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MILLISECONDS_FROM:
        return None
    return value / per_second


def _number(text: str) -> float | int | None:
    if text.isdecimal() and text.isascii() and len(text) < 20:
        return int(text)
    try:
        return float(text) if len(text) < 40 else None
    except ValueError:
        return None


def _of_number(number: int | float) -> int | None:
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return int(number // 1000 if abs(number) >= _MILLISECONDS_FROM else number // 1)


def _of_text(text: str) -> int | None:
    text = text.removesuffix(" UTC").removesuffix(" GMT")
    try:
        named = _DAY_MONTH.fullmatch(text)
        if named:
            day, month, year, hour, minute, second = named.groups(default="0")
            number = _MONTHS.index(month.lower()) + 1
            when = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        else:
            when = datetime.fromisoformat(text)
        return math.floor((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
