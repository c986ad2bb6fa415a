"""Every prediction in one Parquet file, so that anybody can compute the metrics again.

A row per model and target: ``model``, ``seed`` (only where several were asked for), ``row`` (the target's row in
TEST, counted from 0), ``target`` (the track that truly came), ``rank``, ``rank_closed`` (among the tracks of TRAIN;
null where TRAIN doesn't hold the target, which is a miss), ``top`` (the first 20 track ids). Written in parts of
bounded size, then joined by streaming.
"""

from pathlib import Path

import numpy as np
import polars as pl

from segue.evaluate.problem import Problem
from segue.evaluate.ranking import NOWHERE, Ranking

__all__ = ["Predictions"]

PART = 65_536


class Predictions:
    """Takes rankings model by model, each in the order of TEST's rows; ``join`` makes the one file of them.

    Parameters
    ----------
    problem
        What was predicted.
    directory
        An empty folder for the parts.
    """

    def __init__(self, problem: Problem, directory: Path) -> None:
        self._order = np.argsort(problem.rows)
        self._rows = problem.rows
        self._target = problem.target_tracks
        self._ids = pl.Series(problem.items.ids, dtype=pl.String)
        self._directory = directory
        self._parts = 0

    def add(self, model: str, ranking: Ranking, *, seed: int | None = None) -> None:
        """Keep what one model predicted, and with which seed; either all have one or none has."""
        for first in range(0, len(self._order), PART):
            chosen = self._order[first : first + PART]
            top = ranking.top[chosen]
            said = top >= 0
            ends = np.cumsum(said.sum(axis=1))
            number = pl.Series(np.repeat(np.arange(len(chosen)), np.diff(ends, prepend=0)))
            lists = pl.DataFrame({"number": number, "top": self._ids.gather(top[said])})
            lists = lists.group_by("number", maintain_order=True).agg("top")
            part = pl.DataFrame(
                {
                    "number": np.arange(len(chosen)),
                    "model": pl.Series([model]).new_from_index(0, len(chosen)),
                    **({} if seed is None else {"seed": pl.Series([seed]).new_from_index(0, len(chosen))}),
                    "row": self._rows[chosen],
                    "target": self._ids.gather(self._target[chosen]),
                    "rank": ranking.rank[chosen],
                    "rank_closed": ranking.closed[chosen],
                }
            ).join(lists, on="number", how="left", maintain_order="left")
            empty = pl.lit([], dtype=pl.List(pl.String))
            outside = pl.col("rank_closed") == NOWHERE
            part.with_columns(pl.col("top").fill_null(empty), rank_closed=pl.when(~outside).then("rank_closed")).drop(
                "number"
            ).write_parquet(self._directory / f"{self._parts:06d}.parquet")
            self._parts += 1

    def join(self, path: Path) -> None:
        """Write all that was added as one file."""
        parts = [self._directory / f"{part:06d}.parquet" for part in range(self._parts)]
        pl.scan_parquet(parts).sink_parquet(path, maintain_order=True)
