"""What is searched: six numbers, each range around its default, none that can do nothing on the table."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest

from segue.errors import NotFound
from segue.listening.events import Events
from segue.settings import Size
from segue.taste.given import numbers
from segue.taste.registry import make, settings_of
from segue.tune.space import Range, space_of


@dataclass
class Posed:
    """As much of a problem as the space asks for."""

    train: Events


def posed(tracks: int, *, skips: bool) -> Any:
    rows = np.arange(tracks)
    return Posed(Events.make(["ada"], rows * 0, rows, rows + 1, np.full(tracks, 3 if skips else 1)))


@pytest.mark.parametrize("size", get_args(Size))
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("tracks", [50, 30_000])
def test_there_are_six_and_each_range_holds_its_default_and_settings_that_can_be(
    size: Size, skips: bool, tracks: int
) -> None:
    default = settings_of("gru", size)
    space = space_of("gru", default, posed(tracks, skips=skips))
    assert len(space) == 6
    for name, one in space.items():
        known = numbers(default)[name]
        assert one.low <= known <= one.high
        assert one.low < one.high
        assert type(one.low) is type(one.high) is type(known)
        for value in (one.low, one.high):
            make("gru", size, {name: value})
    assert ("skip_weight" in space) == skips
    assert ("negatives" in space) == (tracks > default.full_softmax_tracks)


def test_thirds_are_equal_on_the_scale_of_the_range() -> None:
    assert [Range(0.0, 0.6).third(value) for value in (0.0, 0.19, 0.21, 0.39, 0.41, 0.6)] == [0, 0, 1, 1, 2, 2]
    assert [Range(1, 1000, log=True).third(value) for value in (1, 9, 11, 99, 101, 1000)] == [0, 0, 1, 1, 2, 2]


def test_a_model_without_a_search_is_named() -> None:
    with pytest.raises(NotFound, match="model rules can't be searched: take gru"):
        space_of("rules", None, posed(3, skips=False))
