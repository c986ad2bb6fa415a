"""What is to be predicted, from what, over which catalogue: two tables brought to the columns that models read.

The catalogue is every track that TRAIN, TEST or the vectors name, sorted by id, so that no result depends on the
order of rows. A target's history is everything the same listener did before it in TRAIN and in TEST, ordered by
time, then TRAIN before TEST, then by row: the state moves along, the weights saw TRAIN only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from segue.errors import BadInput
from segue.listening.events import Events, Items
from segue.listening.shaping import Table, most_named
from segue.listening.vector_tables import aligned

__all__ = ["Problem", "pose"]

Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything a model is measured on.

    Attributes
    ----------
    items
        The catalogue.
    train
        What models are fitted on.
    histories
        TRAIN and TEST of every listener that has a target, in order.
    targets
        int64 (targets,): rows of ``histories`` to predict, rising.
    rows
        int64 (targets,): the same as row numbers in TEST.
    plays
        int64 (tracks,): how often TRAIN holds each track.
    repeat, met_in_train, known, known_listener
        bool (targets,): heard before by this listener; heard by this listener in TRAIN; held by TRAIN at all; the
        listener is held by TRAIN.
    timed
        Whether there are times and not only positions.
    group
        "listener" or "playlist".
    doubts
        Sentences a reader of the results must know.
    """

    items: Items
    train: Events
    histories: Events
    targets: Whole
    rows: Whole
    plays: Whole
    repeat: Mask
    met_in_train: Mask
    known: Mask
    known_listener: Mask
    timed: bool
    group: str
    doubts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def target_tracks(self) -> npt.NDArray[np.int32]:
        """int32 (targets,): the track that truly came, as a row of ``items``."""
        return self.histories.track[self.targets]

    @property
    def outcome(self) -> npt.NDArray[np.int8]:
        """int8 (targets,): how each target ended, ``types.Outcome``."""
        return self.histories.outcome[self.targets]

    @property
    def before(self) -> Whole:
        """int64 (targets,): how many events of the same listener come before each target."""
        return self.targets - self.histories.offsets[self.histories.listener[self.targets]]


def pose(train: Table, test: Table, vectors: tuple[Sequence[str], npt.NDArray[np.float32]] | None = None) -> Problem:
    """Bring two tables and what is known of sound to one problem.

    Raises
    ------
    BadInput
        TEST marks no row to predict.
    """
    if not test.frame["target"].any():
        raise BadInput("TEST marks no row as target: set target to true where a track is to be predicted")
    both = pl.concat(
        [train.frame.with_columns(source=pl.lit(0), target=pl.lit(False)), test.frame.with_columns(source=pl.lit(1))]
    )
    ids = pl.concat([both["track"], pl.Series(vectors[0] if vectors else [], dtype=pl.String)]).unique().sort()
    groups = both["group"].unique().sort()
    both = both.with_columns(
        pl.col("track").cast(pl.Enum(ids)).to_physical().cast(pl.Int32),
        pl.col("group").cast(pl.Enum(groups)).to_physical().cast(pl.Int32),
    ).sort("group", "moment", "source", "row")
    items = Items(tuple(ids), vectors=aligned(ids, vectors), artist=_artists(both, len(ids)))
    names = tuple(groups)
    learned = both.filter(pl.col("source") == 0)
    histories = both.with_columns(
        repeat=~pl.struct("group", "track").is_first_distinct(),
        met_in_train=(pl.col("source") == 0).any().over("group", "track"),
    ).filter(pl.col("target").any().over("group"))
    chosen = histories.filter("target")
    plays = np.bincount(learned["track"].to_numpy(), minlength=len(ids)).astype(np.int64)
    return Problem(
        items=items,
        train=_events(names, learned),
        histories=_events(names, histories),
        targets=np.flatnonzero(histories["target"].to_numpy()),
        rows=chosen["row"].to_numpy().astype(np.int64),
        plays=plays,
        repeat=chosen["repeat"].to_numpy(),
        met_in_train=chosen["met_in_train"].to_numpy(),
        known=plays[chosen["track"].to_numpy()] > 0,
        known_listener=np.isin(chosen["group"].to_numpy(), learned["group"].to_numpy()),
        timed=test.order == "played_at",
        group=test.group,
        doubts=_doubts(learned, chosen, timed=test.order == "played_at"),
    )


def _events(names: tuple[str, ...], frame: pl.DataFrame) -> Events:
    return Events.make(
        names,
        frame["group"].to_numpy(),
        frame["track"].to_numpy(),
        frame["started_at"].to_numpy(),
        frame["outcome"].to_numpy(),
        frame["completion"].to_numpy(),
    )


def _artists(both: pl.DataFrame, tracks: int) -> npt.NDArray[np.int32] | None:
    named = both.filter(pl.col("artist").is_not_null())
    # TRAIN decides where it names the artist, else TEST.
    return most_named(named.group_by("track", "source", "artist").len(), tracks)


def _doubts(learned: pl.DataFrame, chosen: pl.DataFrame, *, timed: bool) -> tuple[str, ...]:
    found = []
    shared = chosen.join(learned, on=["group", "moment", "track"], how="semi")
    if len(shared):
        found.append(
            f"{len(shared)} of {len(chosen)} targets stand in TRAIN too, at the same place of the same history: "
            "models have seen the answer"
        )
    if timed:
        ahead = int((chosen["moment"] < learned["moment"].max()).sum())
    else:
        last = learned.group_by("group").agg(last=pl.col("moment").max())
        ahead = len(chosen.join(last, on="group", how="inner").filter(pl.col("moment") < pl.col("last")))
    if ahead:
        found.append(
            f"{ahead} of {len(chosen)} targets lie before rows that models were fitted on: this split teaches "
            "the future, so trust no number here that depends on time"
        )
    cold = chosen.filter(pl.col("artist").is_not_null()).join(learned, on="track", how="anti")
    if len(cold):
        found.append(
            f"{len(cold)} of {len(chosen)} targets are not in TRAIN and have an artist: of such tracks the open "
            "catalogue holds only what TEST plays, not all that their artists ever made, so a model that knows artists "
            "finds them more easily than it would in life; the closed catalogue is free of this"
        )
    return tuple(found)
