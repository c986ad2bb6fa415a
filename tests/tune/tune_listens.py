"""Simulated listens in which order can be learned: everybody goes round the same ring of tracks, with slips."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from segue.tune.run import tune


def planted(listeners: int = 8, each: int = 100, tracks: int = 60, seed: int = 0) -> pl.DataFrame:
    """Listens at different times; after track t comes t + 1 four times of five."""
    generator = np.random.default_rng(seed)
    slips = generator.integers(tracks, size=(listeners, each)) * (generator.random((listeners, each)) < 0.2)
    track = (np.cumsum(1 + slips, axis=1) % tracks).ravel()
    place = np.tile(np.arange(each), listeners)
    who = np.repeat(np.arange(listeners), each)
    return pl.DataFrame(
        {
            "listener": [f"l{number}" for number in who],
            "played_at": 1_600_000_000 + 200 * place + who,
            "track": [f"t{number:02d}" for number in track],
            "artist": [f"a{number % 3}" for number in track],
            "skipped": generator.random(listeners * each) < 0.1,
        }
    )


def search(listens: Path, study: Path, **said: Any) -> Any:
    """A search of the smallest model."""
    return tune(listens, study=study, **{"size": "tiny", "trials": 3, "minutes": 60, **said})


def told(done: Any) -> list[tuple[Any, ...]]:
    """What must be equal in two runs of one search."""
    return [(trial["values"], trial["recall@20"], trial["mrr@20"]) for trial in done.figures["trials"]]


@contextmanager
def struck(owner: Any, name: str, at: int) -> Iterator[None]:
    """Let the call of this number end the block as Ctrl-C would, before it does anything."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def strike(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    setattr(owner, name, strike)
    try:
        yield
    finally:
        setattr(owner, name, original)
