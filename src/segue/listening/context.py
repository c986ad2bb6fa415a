"""What surrounds a listen in time: the gap before it, the hour of the week, the session it belongs to."""

import numpy as np
import numpy.typing as npt

from segue.listening.events import Events

__all__ = ["GAP_BINS", "GAP_EDGES_S", "SESSION_GAP_S", "gap_bin", "gaps", "hour_of_week", "sessions"]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

GAP_EDGES_S = (
    30,
    2 * _MINUTE,
    10 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    8 * _HOUR,
    _DAY,
    3 * _DAY,
    7 * _DAY,
    30 * _DAY,
)
"""Where one bin of gaps ends and the next begins, about evenly on a log scale; an edge belongs to the bin above it."""

GAP_BINS = len(GAP_EDGES_S) + 2
"""Bin 0 is "no gap": the first listen, or a source without times. Bin 1 is under 30 s, the last a month and more."""

SESSION_GAP_S = 1_800

HOURS_OF_WEEK = 168


def gaps(events: Events) -> npt.NDArray[np.float64]:
    """float64 (events,): seconds since the listener's event before, NaN at their first and where there are no times."""
    seconds = np.full(len(events), np.nan)
    if len(events) > 1:
        follows = (events.listener[1:] == events.listener[:-1]) & (events.started_at[:-1] != 0)
        seconds[1:][follows] = np.diff(events.started_at)[follows]
    return seconds


def gap_bin(gap_s: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """int64 in 0 to ``GAP_BINS`` - 1, of the shape of ``gap_s`` (seconds; NaN or below zero: no gap).

    Examples
    --------
    >>> gap_bin([float("nan"), 0, 29, 30, 3600, 86400 * 365]).tolist()
    [0, 1, 1, 2, 5, 11]
    """
    seconds = np.asarray(gap_s, dtype=np.float64)
    return np.where(seconds >= 0, np.searchsorted(GAP_EDGES_S, seconds, side="right") + 1, 0)


def hour_of_week(started_at: npt.ArrayLike, utc_offset_s: int = 0) -> npt.NDArray[np.int64]:
    """int64 in 0 to 167, of the shape of ``started_at`` (unix seconds): hours since Monday, 0:00 local time.

    Examples
    --------
    >>> hour_of_week([0, 345600]).tolist(), hour_of_week([345600], utc_offset_s=-3600).tolist()
    ([72, 0], [167])
    """
    hours = (np.asarray(started_at, dtype=np.int64) + utc_offset_s) // _HOUR
    return np.asarray((hours + 3 * 24) % HOURS_OF_WEEK)  # 1 January 1970 was a Thursday


def sessions(events: Events, gap_s: int = SESSION_GAP_S) -> npt.NDArray[np.int32]:
    """int32 (events,): the number of each event's session, from 0, rising over all listeners.

    A session ends when nothing begins for ``gap_s`` seconds, and with the listener. A source without times is one
    session a listener.
    """
    begins = np.zeros(len(events), dtype=bool)
    if len(events) > 1:
        begins[1:] = (np.diff(events.started_at) >= gap_s) | (np.diff(events.listener) != 0)
    return np.cumsum(begins, dtype=np.int32)
