"""Pictures: what their pixels and paths say."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from segue.demo.layout import MOST_POINTS, lay_out
from segue.demo.pictures import chart, embers, nice_ticks, spectrogram


def opened(uri: str) -> Image.Image:
    assert uri.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_the_colour_scale_gets_lighter_evenly() -> None:
    scale = embers().astype(float) / 255
    linear = np.where(scale <= 0.04045, scale / 12.92, ((scale + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(linear @ np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]).T)
    lightness = lms @ np.array([0.2105, 0.7936, -0.0041])
    steps = np.diff(lightness[::16])
    assert steps.min() > 0
    assert steps.max() < 1.6 * steps.mean()


def test_a_spectrogram_stands_upright() -> None:
    mels = np.zeros((256, 96), dtype=np.float32)
    mels[:64, :24] = 5.0  # early and low
    image = opened(spectrogram(mels, 0.0, 5.0)).convert("L")
    assert image.size == (512, 288)
    pixels = np.asarray(image, dtype=float)
    assert pixels[230:, :100].mean() > 3 * pixels[:100, :100].mean()
    assert pixels[230:, :100].mean() > 3 * pixels[230:, 300:].mean()


def test_a_chart_stays_in_its_box_and_falls_when_values_fall() -> None:
    drawn = chart("error", range(1, 9), {"held-out": [8, 5, 3, 2, 1.5, 1.2, 1.1, 1.0]}, levels={"mean": 6.0})
    assert drawn is not None
    points = np.array(
        [[float(number) for number in pair] for pair in re.findall(r"([\d.]+) ([\d.]+)", drawn.lines[0].path)]
    )
    assert len(points) == 8
    assert (np.diff(points[:, 0]) > 0).all()
    assert (np.diff(points[:, 1]) > 0).all()  # an SVG's y points down
    assert drawn.left <= points[:, 0].min()
    assert points[:, 0].max() <= drawn.right
    assert drawn.top <= points[:, 1].min()
    assert points[:, 1].max() <= drawn.bottom
    assert drawn.levels[0].end_y < drawn.lines[0].end_y
    assert "from 8 to 1" in drawn.summary


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")]])
def test_nothing_to_draw_is_no_chart(values: list[float]) -> None:
    assert chart("error", range(len(values)), {"held-out": values}) is None


def test_ticks_cover_flat_and_tiny_ranges() -> None:
    for low, high in [(3.0, 3.0), (0.0, 0.0), (1e-9, 2e-9), (-5, 17), (1e6, 3e6)]:
        marks = nice_ticks(low, high)
        assert marks[0] <= low + 1e-12
        assert marks[-1] >= high - 1e-12
        assert len(marks) <= 12


def test_the_map_keeps_groups_together_and_comes_out_the_same() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 20)
    vectors = rng.normal(size=(4, 60))[group] + 0.6 * rng.normal(size=(80, 60))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    spots = lay_out(vectors)
    assert spots.min() == 0
    assert spots.max() == 1
    distance = ((spots[:, None] - spots[None]) ** 2).sum(2) + 9 * np.eye(80)
    assert (group[distance.argmin(1)] == group).mean() > 0.95
    assert np.array_equal(lay_out(vectors), spots)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9])
def test_few_points_have_a_map_too(count: int) -> None:
    vectors = np.random.default_rng(1).normal(size=(count, 8)).astype(np.float32)
    assert np.isfinite(lay_out(vectors)).all()
    assert np.isfinite(lay_out(np.ones((count, 8), dtype=np.float32))).all()


def test_too_many_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        lay_out(np.zeros((MOST_POINTS + 1, 2), dtype=np.float32))
