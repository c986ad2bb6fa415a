"""A moment as people write it."""

from datetime import UTC, datetime

from segue.errors import BadInput

__all__ = ["read_moment"]


def read_moment(at: str | int | float | datetime | None, now: datetime) -> int:
    """Unix seconds of a moment.

    Parameters
    ----------
    at
        None (now), unix seconds, a datetime (naive ones are local), "22:30" (today, local), or ISO 8601
        ("2026-11-23T22:30", local where it names no zone).
    now
        What "now" and "today" mean; aware.

    Raises
    ------
    BadInput
        The text is none of these.

    Examples
    --------
    >>> read_moment("1970-01-02T00:00+00:00", datetime.now(UTC))
    86400
    """
    if at is None:
        return int(now.timestamp())
    if isinstance(at, datetime):
        return int(at.timestamp())
    if isinstance(at, int | float):
        return int(at)
    try:
        clock = datetime.strptime(at.strip(), "%H:%M").time()  # noqa: DTZ007 (the zone is the reader's own)
    except ValueError:
        pass
    else:
        return int(datetime.combine(now.astimezone().date(), clock).timestamp())
    try:
        return int(datetime.fromisoformat(at.strip()).timestamp())
    except (ValueError, OverflowError):
        raise BadInput(f"'{at}' is no moment: write 22:30 or 2026-11-23T22:30") from None


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)
