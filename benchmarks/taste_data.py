"""Tables of real listening for ``segue evaluate`` and the peers: one to choose constants on, one to report.

python -m benchmarks.taste_data DATA TO

DATA holds ``listening/listens.parquet`` (listener, played_at or ended_at, artist, title, ms_played) and
``listening/playlists.parquet`` (playlist, position, track, artist). TO gets:

* ``train``, ``test``: everything that people played. A person's last fifth is TEST, every row of it a target. Few
  people with histories that hardly overlap in time would leave a common cut with one or two of them.
* ``dev-train``, ``dev-test``: TRAIN parted once more, a person's last 15 % held out. Constants are chosen here.
* ``playlists``: all of them; ``playlists-train``, ``playlists-test``: parted as ``segue evaluate --split playlist``
  parts them with seed 0; ``playlists-dev-train``, ``playlists-dev-test``: with seed 1, to choose constants on.
* ``listens-tags``, ``playlists-tags``, if DATA holds ``listening/artist_tags.parquet``: a vector for every track whose
  artist has tags, for ``--vectors``. No audio comes with the listens, and this stands in its place: it says of a track
  nobody has played what may be said, and no more than its artist's name.

A track is its artist and title in lower case, since exports share no id. One is as long as it was ever played, and at
least a minute; under 30 seconds is a skip. Listener L1 begins on 27 February 2022: what is older is a sparse sample.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from segue.cli.screen import complain
from segue.errors import BadInput, NotFound, SegueError
from segue.evaluate.splits import split_by_playlist
from segue.listening.tables import read_tables

__all__ = ["listens", "make", "part"]

TAG_NUMBERS = 64
"""Of a tag vector."""

TEST_SHARE, DEV_SHARE = 0.2, 0.15
SKIPPED_UNDER_MS = 30_000
SHORTEST_MS = 60_000
SPARSE_LISTENER, SPARSE_BEFORE_S = "L1", 1_645_920_000
FINAL_SEED, CHOOSING_SEED = 0, 1


def listens(raw: pl.DataFrame) -> pl.DataFrame:
    """The columns that ``segue evaluate`` takes, sorted by listener and time; equal times keep their order."""
    started = pl.coalesce(
        pl.col("played_at"), pl.col("ended_at") - pl.duration(milliseconds=pl.col("ms_played").fill_null(0))
    )
    name = pl.col("artist").fill_null("").str.to_lowercase() + "\t" + pl.col("title").fill_null("").str.to_lowercase()
    frame = raw.with_columns(played_at=started.dt.epoch("s"), track=name).filter(pl.col("played_at").is_not_null())
    sparse = (pl.col("listener") == SPARSE_LISTENER) & (pl.col("played_at") < SPARSE_BEFORE_S)
    longest_ms = pl.col("ms_played").max().over("track").clip(SHORTEST_MS)
    return (
        frame.filter(~sparse)
        .with_columns(
            artist=pl.col("artist").str.to_lowercase(),
            duration_s=longest_ms / 1000,
            played_s=pl.col("ms_played") / 1000,
            skipped=pl.col("ms_played") < SKIPPED_UNDER_MS,
        )
        .sort("listener", "played_at", maintain_order=True)
        .select("listener", "played_at", "track", "artist", "duration_s", "played_s", "skipped")
    )


def part(frame: pl.DataFrame, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is learned from, and the last share of each listener, marked as targets."""
    place, size = pl.int_range(pl.len()).over("listener"), pl.len().over("listener")
    last = frame.select(place >= ((1 - share) * size).cast(pl.Int64)).to_series()
    return frame.filter(~last), frame.filter(last).with_columns(target=pl.lit(value=True))


def tag_vectors(tracks: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """The columns track and vector: the artist's tags, weighed by TF-IDF and brought to few numbers (LSA).

    Deerwester et al. 1990, "Indexing by latent semantic analysis"; the decomposition starts from a fixed vector.
    """
    tags = tags.with_columns(pl.col("artist").str.to_lowercase()).group_by("artist", "tag").agg(pl.col("count").sum())
    tags = tags.sort("artist", "tag")
    artists, row = np.unique(tags["artist"].to_numpy(), return_inverse=True)
    _, column = np.unique(tags["tag"].to_numpy(), return_inverse=True)
    used = np.bincount(column)
    weight = np.log1p(tags["count"].to_numpy()) * np.log(len(artists) / used)[column]
    table = csr_array((weight, (row, column)), shape=(len(artists), len(used)))
    left, strength, _ = svds(table, k=TAG_NUMBERS, v0=np.ones(min(table.shape)))
    numbers = left * strength
    numbers /= np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-9)
    frame = pl.DataFrame({"artist": artists, "vector": numbers.astype(np.float32)})
    own = tracks.select("track", pl.col("artist").str.to_lowercase()).unique("track", keep="first", maintain_order=True)
    return own.join(frame, on="artist", how="inner", maintain_order="left").select("track", "vector")


def make(data: Path, to: Path) -> dict[str, int]:
    """Write the tables; return the number of rows of each.

    Raises
    ------
    NotFound
        A file of DATA is not there.
    BadInput
        One lacks a column, or TO can't be written.
    """
    sources = [data / "listening" / name for name in ("listens.parquet", "playlists.parquet")]
    for path in sources:
        if not path.is_file():
            raise NotFound(f"there is no file {path}: give the folder that holds listening/{path.name}")
    try:
        to.mkdir(parents=True, exist_ok=True)
        train, test = part(listens(pl.read_parquet(sources[0])), TEST_SHARE)
        dev_train, dev_test = part(train, DEV_SHARE)
        tables = {"train": train, "test": test, "dev-train": dev_train, "dev-test": dev_test}
        tables["playlists"] = pl.read_parquet(sources[1]).select("playlist", "position", "track", "artist")
        tables["playlists"].write_parquet(to / "playlists.parquet")
        for kind, seed in (("playlists", FINAL_SEED), ("playlists-dev", CHOOSING_SEED)):
            split = split_by_playlist(read_tables([to / "playlists.parquet"], ("playlist",))[0], seed=seed)
            tables |= {f"{kind}-train": split.train.given.drop("target"), f"{kind}-test": split.test.given}
        if (data / "listening" / "artist_tags.parquet").is_file():
            tags = pl.read_parquet(data / "listening" / "artist_tags.parquet")
            tables["listens-tags"] = tag_vectors(pl.concat([train, test.drop("target")]), tags)
            tables["playlists-tags"] = tag_vectors(tables["playlists"], tags)
        for name, table in tables.items():
            table.write_parquet(to / f"{name}.parquet")
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"no tables from {data} ({reason}): benchmarks/taste_data.py names the columns it needs"
        ) from error
    return {name: len(table) for name, table in tables.items()}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.taste_data", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder that holds listening/")
    parser.add_argument("to", type=Path, metavar="TO", help="where the tables go")
    arguments = parser.parse_args(words)
    try:
        rows = make(arguments.data, arguments.to)
    except SegueError as error:
        complain(str(error))
        return 1
    for name, count in rows.items():
        print(f"{name}.parquet: {count} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
