"""Listening as columns: what sequence models read.

In: listens of a database or rows of a Parquet file. Out: one frozen object of NumPy columns, sorted by listener,
then time, then the order of the source (so that equal times have one stated order). Columns and not objects,
because a history has millions of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.types import Outcome

__all__ = ["Event", "Events", "Items"]

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


class Event(NamedTuple):
    """One event, as a model's single step takes it. ``track`` is a row of ``Items``."""

    track: int
    started_at: int
    outcome: int = int(Outcome.UNKNOWN)
    completion: float = float("nan")


@dataclass(frozen=True, slots=True)
class Items:
    """What a model may know of tracks. Row i of everything is the track that events call i.

    Attributes
    ----------
    ids
        Track ids, each once.
    vectors
        float32 (tracks, dim): how each sounds, unit length; rows without a sound are zero. None: no sound at all.
    artist, album
        int32 (tracks,): equal numbers mean the same artist or album; -1 is unknown.
    playable
        bool (tracks,): what may be answered; the others are known from listening only. None: all.
    """

    ids: tuple[str, ...]
    vectors: Floats | None = None
    artist: Ints | None = None
    album: Ints | None = None
    playable: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for name in ("vectors", "artist", "album", "playable"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise ValueError(f"{name} has {len(column)} rows for {len(self.ids)} tracks")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def heard(self) -> npt.NDArray[np.bool_]:
        """bool (tracks,): which tracks have a vector."""
        if self.vectors is None:
            return np.zeros(len(self.ids), dtype=bool)
        return np.asarray(np.any(self.vectors != 0, axis=1))


@dataclass(frozen=True, slots=True)
class Events:
    """Listens of many listeners (or entries of many playlists) as columns.

    Attributes
    ----------
    listeners
        Names; ``listener`` holds their positions.
    listener
        int32 (events,), non-decreasing.
    track
        int32 (events,): rows of the ``Items`` these events belong to.
    started_at
        int64 (events,): unix seconds, UTC, non-decreasing in a listener; all zero where the source has an order
        and no times (a playlist, an album).
    outcome
        int8 (events,): ``types.Outcome``.
    completion
        float32 (events,): the share of the track that was played, 0 to 1, NaN where unknown.
    """

    listeners: tuple[str, ...]
    listener: Ints
    track: Ints
    started_at: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]
    completion: Floats

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.track, self.started_at, self.outcome, self.completion)}
        if lengths != {len(self.listener)}:
            raise ValueError(f"columns of unequal length: {sorted(lengths | {len(self.listener)})}")
        if len(self.listener) > 1 and np.any(np.diff(self.listener) < 0):
            raise ValueError("events must be sorted by listener")

    def __len__(self) -> int:
        return len(self.listener)

    @classmethod
    def make(
        cls,
        listeners: Sequence[str],
        listener: npt.ArrayLike,
        track: npt.ArrayLike,
        started_at: npt.ArrayLike,
        outcome: npt.ArrayLike | None = None,
        completion: npt.ArrayLike | None = None,
    ) -> "Events":
        """Build from columns in any order; rows of equal listener and time keep their order.

        Examples
        --------
        >>> events = Events.make(["ada"], [0, 0], [7, 3], [200, 100])
        >>> events.track.tolist()
        [3, 7]
        """
        who = np.asarray(listener, dtype=np.int32)
        when = np.asarray(started_at, dtype=np.int64)
        order = np.lexsort((np.arange(len(who)), when, who))
        unknown = np.full(len(who), int(Outcome.UNKNOWN))
        return cls(
            listeners=tuple(listeners),
            listener=who[order],
            track=np.asarray(track, dtype=np.int32)[order],
            started_at=when[order],
            outcome=np.asarray(unknown if outcome is None else outcome, dtype=np.int8)[order],
            completion=np.asarray(np.full(len(who), np.nan) if completion is None else completion, np.float32)[order],
        )

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """int64 (listeners + 1,): listener i owns rows offsets[i] to offsets[i + 1]."""
        return np.searchsorted(self.listener, np.arange(len(self.listeners) + 1)).astype(np.int64)

    def rows(self, rows: slice | npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Events":
        """The events of these rows (a slice, a mask, or sorted positions), the names kept."""
        return replace(
            self,
            listener=self.listener[rows],
            track=self.track[rows],
            started_at=self.started_at[rows],
            outcome=self.outcome[rows],
            completion=self.completion[rows],
        )

    def event(self, row: int) -> Event:
        """One row, as a model's step takes it."""
        return Event(
            int(self.track[row]),
            int(self.started_at[row]),
            int(self.outcome[row]),
            float(self.completion[row]),
        )
