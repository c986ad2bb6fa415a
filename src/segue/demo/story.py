"""What the demo did, as values: everything the page and the terminal show, and nothing they have to look up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from segue.demo.music import Source
from segue.types import Pick, Track

__all__ = ["Comparison", "Curves", "Played", "Sight", "Story"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Curves:
    """How a training went: values over steps, and levels to compare them with."""

    title: str
    x_label: str
    x: tuple[float, ...]
    values: Mapping[str, tuple[float, ...]]
    simulated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number of several ways of doing a thing; the first is ours."""

    title: str
    values: Mapping[str, float]
    lower_is_better: bool
    note: str


@dataclass(frozen=True, slots=True)
class Sight:
    """One window of a track as it sounded and as the autoencoder drew it again.

    ``original`` and ``drawn``: float32 (frames, bins), log-mel.
    """

    track: Track
    original: Floats
    drawn: Floats


@dataclass(frozen=True, slots=True)
class Played:
    """One place on the radio: what came, what was done, and what would have come had nobody said anything."""

    pick: Pick
    done: str
    planned: Track | None
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is shown.

    Attributes
    ----------
    sources
        Where the music came from; empty for a person's own.
    tracks, styles, vectors
        The library; a style and a row of float32 (tracks, dim) each. ``style_is``: what a style is here.
    skipped
        Files that could not be taken in, each with its reason.
    simulated
        Whether the listens are invented.
    curves, comparisons
        How the training went and what it is worth. ``facts``: about the models, in words.
    lessons
        What the like and the skip changed on the radio, in sentences.
    steps
        Seconds by step.
    """

    began: datetime
    sources: tuple[Source, ...]
    tracks: tuple[Track, ...]
    styles: tuple[str, ...]
    style_is: str
    vectors: Floats
    skipped: tuple[tuple[str, str], ...]
    simulated: bool
    listener: str
    listeners: int
    listens: int
    facts: Mapping[str, str]
    curves: tuple[Curves, ...]
    comparisons: tuple[Comparison, ...]
    sights: tuple[Sight, ...]
    picks: tuple[Pick, ...]
    basis: str
    similar_to: Track | None
    similar: tuple[Pick, ...]
    radio: tuple[Played, ...]
    lessons: tuple[str, ...]
    steps: Mapping[str, float]
    cores: int
    memory_mb: float | None

    @property
    def minutes(self) -> float:
        """How long the music lasts."""
        return sum(track.duration_s or 0 for track in self.tracks) / 60

    @property
    def seconds(self) -> float:
        """How long everything took."""
        return sum(self.steps.values())
