"""What the session GRU is told: its settings, and events as the small vocabularies that it has vectors for."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.context import gap_bin, hour_of_week
from segue.listening.events import Events
from segue.settings import Size

__all__ = ["COMPLETION_BINS", "DAYS", "HOURS", "CoreName", "GruSettings", "Loss", "Moments", "Order"]

CoreName = Literal["gru", "lstm", "attention", "feed-forward"]
Loss = Literal["cross-entropy", "bpr-max"]
Order = Literal["pieces", "sessions"]

Floats = npt.NDArray[np.float32]
Small = npt.NDArray[np.int8]

HOURS, DAYS = 24, 7
COMPLETION_EDGES = (0.1, 0.3, 0.6, 0.9)
COMPLETION_BINS = len(COMPLETION_EDGES) + 2
"""Five shares of the track, and one bin for "unknown"."""


@dataclass(frozen=True, slots=True)
class GruSettings:
    """How large the network is and how it is trained.

    Attributes
    ----------
    width
        Numbers in a state and in a track's vector.
    epochs
        Passes over the events.
    learning_rate
        Of Adam, at its highest, for batches of 256 events (it grows with the root of their size); it falls to a tenth
        along the epochs.
    dropout
        Share of an event's numbers, and of a query's, dropped in training.
    id_dropout
        Share of the tracks whose id is hidden from one batch, so that their sound learns to stand for them;
        at 1 a track with a sound has a bias, but no id.
    full_softmax_tracks, negatives, negative_power
        Up to so many tracks every track is ranked in training; beyond, so many drawn ones, by plays to this power.
    skip_weight
        What a skipped track weighs as an answer, against one that was heard.
    piece, batch_events
        Events through which gradients flow, and events in a batch at most: few events come in smaller batches.
    core
        What carries the state: ``gru_cores``.
    loss
        Cross-entropy of the sampled softmax, or BPR-max over the same negatives (``sampled_softmax``).
    order
        ``pieces``: pieces in random order, each from the state its predecessor last ended with, gradients within a
        piece. ``sessions``: session-parallel as GRU4Rec trains, one event of every piece in a batch at a time, from
        zero at its beginning, gradients within one event; slower, and there to compare with.
    """

    width: int = 64
    epochs: int = 12
    learning_rate: float = 5e-3
    dropout: float = 0.3
    id_dropout: float = 0.15
    full_softmax_tracks: int = 5_000
    negatives: int = 2_048
    negative_power: float = 0.75
    skip_weight: float = 0.5
    piece: int = 32
    batch_events: int = 1_024
    core: CoreName = "gru"
    loss: Loss = "cross-entropy"
    order: Order = "pieces"

    @classmethod
    def of(cls, size: Size) -> Self:
        """The settings of one position of the dial.

        Examples
        --------
        >>> GruSettings.of("large").width
        256
        """
        match size:
            case "tiny":
                return cls(width=32, epochs=3, negatives=512)
            case "small":
                return cls()
            case "medium":
                return cls(width=128)
            case "large":
                return cls(width=256, full_softmax_tracks=20_000)


class Moments(NamedTuple):
    """When and how events happened, as the network's small vocabularies: int8 (events,) each."""

    action: Small
    completion: Small
    gap: Small
    hour: Small
    day: Small

    @classmethod
    def of(
        cls,
        started_at: npt.NDArray[np.int64],
        before: npt.NDArray[np.int64],
        outcome: npt.NDArray[np.int8],
        completion: Floats,
    ) -> Self:
        """Sort events into bins; ``before`` is when each one's predecessor began, 0 where there is none."""
        timed = started_at > 0
        known = ~np.isnan(completion)
        bins = np.searchsorted(COMPLETION_EDGES, np.where(known, completion, 0), side="right") + 1
        week = hour_of_week(started_at)
        return cls(
            outcome.astype(np.int8),
            np.where(known, bins, 0).astype(np.int8),
            gap_bin(np.where(timed & (before > 0), np.maximum(started_at - before, 0), np.nan)).astype(np.int8),
            np.where(timed, week % HOURS, HOURS).astype(np.int8),
            np.where(timed, week // HOURS, DAYS).astype(np.int8),
        )

    @classmethod
    def of_events(cls, events: Events) -> Self:
        """The same of whole histories, one or many."""
        before = np.concatenate([np.zeros(1, dtype=np.int64), events.started_at])[:-1].copy()
        before[events.offsets[:-1][np.diff(events.offsets) > 0]] = 0
        return cls.of(events.started_at, before, events.outcome, events.completion)
