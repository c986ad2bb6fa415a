"""Figures of planted hubs."""

import numpy as np

from segue.encoders.hubs import HubFigures
from segue.encoders.search import Vectors


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def test_a_planted_hub_is_named_and_corrected() -> None:
    """Track 0 lies in the middle of 200 that lie around it in all directions."""
    rng = np.random.default_rng(0)
    middle = np.zeros(64)
    middle[0] = 1
    rows = unit(np.vstack([middle, middle + rng.standard_normal((200, 64)) / 8]))
    figures = HubFigures.of(Vectors(tuple(map(str, range(201))), rows))
    assert figures.tracks == 201
    assert (figures.plain.largest, figures.plain.times) == ("0", 200)
    assert figures.plain.skew > 5
    assert figures.corrected.skew < figures.plain.skew / 2
    assert figures.corrected.times < 100


def test_occurrences_counted_by_hand() -> None:
    """Three tracks have two neighbours each, so each is a neighbour of both others."""
    figures = HubFigures.of(Vectors(("a", "b", "c"), unit(np.array([[1.0, 0], [1, 1], [0, 1]]))))
    assert (figures.plain.skew, figures.plain.never, figures.plain.times) == (0.0, 0.0, 2)


def test_few_tracks_have_no_figures_to_speak_of() -> None:
    assert HubFigures.of(Vectors((), np.zeros((0, 3), np.float32))).tracks == 0
    alone = HubFigures.of(Vectors(("a",), np.array([[1.0, 0]], np.float32)))
    assert (alone.tracks, alone.plain.times, alone.plain.largest) == (1, 0, "a")
