"""Two honest ways to part a table of listens into what is learned from and what is predicted.

By time: one cut for everybody, at the 80 % quantile of all listens. Whatever begins at or after it is predicted, so
that nothing is learned from a moment later than any target. (A cut per listener, leave-one-out and random splits all
let the future of one listener teach about the present of another.)

By playlist: whole playlists are held out, chosen by a seeded hash of their id, and the second half of each is
predicted from what stands before it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from segue.errors import BadInput, NotFound
from segue.listening.shaping import Table
from segue.listening.tables import read_tables

__all__ = ["Split", "SplitName", "check_split", "split_by_playlist", "split_by_time", "split_file"]

SplitName = Literal["time", "playlist"]
SPLITS = get_args(SplitName)
TRAIN_SHARE = 0.8
PLAYLIST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Split:
    """Two tables, and in ``said`` what a report must say of how they came about."""

    train: Table
    test: Table
    said: dict[str, Any]


def split_file(listens: Path, split: str, *, seed: int = 0, gap_hours: float = 0) -> Split:
    """Read one table and part it; a playlist goes before a listener where the split is by playlist.

    Raises
    ------
    NotFound
        There is no such file or split.
    BadInput
        The table can't be used, or not parted so.
    """
    check_split(split)
    if split == "playlist":
        return split_by_playlist(read_tables([listens], ("playlist", "listener"))[0], seed=seed)
    return split_by_time(read_tables([listens])[0], gap_hours=gap_hours)


def check_split(split: str) -> None:
    """Refuse a split that does not exist.

    Raises
    ------
    NotFound
        The message names those that do.
    """
    if split not in SPLITS:
        raise NotFound(f"there is no split called {split}: take {' or '.join(SPLITS)}")


def split_by_time(table: Table, *, gap_hours: float = 0) -> Split:
    """Learn from what began strictly before the 80 % quantile of time; predict all that follows.

    A listener first seen after the cut stays: the first target then has nothing before it, the next one has one listen.

    Parameters
    ----------
    table
        Listens with times.
    gap_hours
        Listens that began less than so many hours after the cut are no targets: what goes on at the cut is easy to
        foretell. They still move the state.

    Raises
    ------
    BadInput
        The table has no times, or nothing lies before the cut or after the gap, or the gap is no number of hours.
    """
    if not 0 <= gap_hours < float("inf"):
        raise BadInput(f"a gap of {gap_hours} hours makes no sense: give a number of hours that is not below 0")
    if table.order != "played_at":
        raise BadInput("a split by time needs the column played_at: add it, or take --split playlist")
    moments = np.sort(table.frame["moment"].to_numpy())
    cut = int(moments[int(TRAIN_SHARE * len(moments))])
    before = (table.frame["moment"] < cut).to_numpy()
    if not before.any():
        why = "all times being equal: give real times" if len(table) > 1 else "there being only one: give more listens"
        raise BadInput(f"a split by time finds no listen before its cut, {why}")
    rows = _ordered(table)
    before = before[rows]
    train = table.take(rows[before], np.zeros(int(before.sum()), dtype=bool))
    target = (table.frame["moment"] >= cut + gap_hours * 3_600_000_000).to_numpy()[rows[~before]]
    if not target.any():
        raise BadInput(f"a gap of {gap_hours:g} hours leaves nothing to predict: give a smaller --gap-hours")
    test = table.take(rows[~before], target)
    new = set(test.frame["group"].unique()) - set(train.frame["group"].unique())
    aimed = "at or after it is a target"
    if gap_hours:
        aimed = f"{gap_hours:g} hours or more after it is a target, those between only move the state"
    said = {
        "kind": "time",
        "cut_s": cut / 1_000_000,
        "gap_hours": gap_hours,
        "rule": "TRAIN began strictly before one cut at the 80 % quantile of played_at; every listen "
        f"{aimed}; listeners first seen after the cut are targets too, at first with an empty history",
        f"new_{table.group}s": len(new),
    }
    return Split(train, test, said)


def split_by_playlist(table: Table, *, seed: int = 0) -> Split:
    """Hold out one playlist in ten, whole; predict the second half of each (the longer half is what is known).

    Which ones depends on the seed and each playlist's own id only, so that adding playlists moves none of the others.

    Raises
    ------
    BadInput
        No playlist with at least two tracks falls on the test side, or none on the other.
    """
    rows = _ordered(table)
    groups = table.frame["group"].unique().to_list()
    held = {group for group in groups if _share(group, seed) < PLAYLIST_SHARE}
    numbered = table.frame[rows].select(
        "group", number=pl.int_range(pl.len()).over("group"), size=pl.len().over("group")
    )
    test = numbered["group"].is_in(list(held)).to_numpy()
    target = (2 * numbered["number"] >= numbered["size"]).to_numpy() & test
    if not target.any() or test.all():
        raise BadInput(
            f"a split by playlist finds too little among {len(groups)} of them: give more playlists, another --seed, "
            "or your own --train and --test"
        )
    said = {
        "kind": "playlist",
        "rule": f"whole {table.group}s are held out where blake2b(seed:id) falls in the first tenth; the second half "
        "of each is predicted, one track at a time, from what stands before it",
        f"held_out_{table.group}s": len(held),
        "seed": seed,
    }
    train = table.take(rows[~test], np.zeros(int((~test).sum()), dtype=bool))
    return Split(train, table.take(rows[test], target[test]), said)


def _ordered(table: Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    ordered = table.frame.select("group", "moment", "row").sort("group", "moment", "row")
    return ordered["row"].to_numpy().astype(np.int64)


def _share(group: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
