"""Numbers as pictures: spectrograms as PNG, curves as paths of an SVG.

The page's template draws; this gives it geometry and images, and no markup.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Chart", "Line", "chart", "embers", "spectrogram"]

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 10, 28


def embers(levels: int = 256) -> npt.NDArray[np.uint8]:
    """uint8 (levels, 3): a colour scale from night over violet and red to pale gold, evenly lighter from step to step.

    Even in OKLab (Ottosson 2020), where equal steps look equal; so it reads the same in grey.

    Examples
    --------
    >>> scale = embers()
    >>> bool((np.diff(scale.astype(int).sum(1)) >= 0).all())
    True
    """
    along = np.linspace(0, 1, levels)
    lightness = 0.14 + 0.83 * along
    chroma = np.interp(along, [0, 0.35, 0.65, 1], [0.03, 0.14, 0.17, 0.05])
    hue = np.deg2rad(np.interp(along, [0, 0.3, 0.55, 0.8, 1], [-85, -55, 10, 60, 95]))
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        axis=1,
    ).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray((encoded * 255).round(), dtype=np.uint8)


def spectrogram(mels: npt.NDArray[np.float32], low: float, high: float) -> str:
    """A log-mel spectrogram as a PNG in a data URI: time to the right, pitch upwards.

    Parameters
    ----------
    mels
        float32 (frames, bins), as ``audio.mel.log_mel`` gives them.
    low, high
        The values that are darkest and lightest; the same for pictures that are compared.
    """
    from PIL import Image

    levels = ((mels.T[::-1] - low) / max(high - low, 1e-9)).clip(0, 1) * 255
    size = (2 * levels.shape[1], 3 * levels.shape[0])
    smooth = Image.fromarray(levels.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    image = Image.fromarray(np.asarray(smooth).round().clip(0, 255).astype(np.uint8))
    image.putpalette(embers().tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its path, where it ends, and its last value as text."""

    name: str
    path: str
    end_x: float
    end_y: float
    last: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Geometry of a line chart in a box of ``width`` × ``height``; ticks are (position, label)."""

    title: str
    x_label: str
    lines: tuple[Line, ...]
    levels: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP


def chart(
    title: str,
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    x_label: str = "step",
    levels: Mapping[str, float] | None = None,
) -> Chart | None:
    """A line chart, or None where there is nothing to draw.

    Parameters
    ----------
    title, x_label
        What the chart and its horizontal axis say.
    x
        Where the values stand.
    curves
        Values by name; those with other lengths than ``x`` are left out.
    levels
        Values to compare with, drawn across.
    """
    held = {
        name: np.asarray(values, dtype=np.float64)
        for name, values in curves.items()
        if len(values) == len(x) and len(x) > 1 and np.all(np.isfinite(values))
    }
    if not held:
        return None
    across = {name: value for name, value in (levels or {}).items() if np.isfinite(value)}
    values = np.concatenate([*held.values(), list(across.values())])
    y_marks = nice_ticks(float(values.min()), float(values.max()))
    low, high = min(y_marks[0], float(values.min())), max(y_marks[-1], float(values.max()))
    first, last = float(x[0]), float(x[-1])

    def place(at: float) -> float:
        return round(LEFT + (at - first) / max(last - first, 1e-12) * (WIDTH - LEFT - RIGHT), 1)

    def height(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / max(high - low, 1e-12) * (HEIGHT - TOP - BOTTOM), 1)

    lines = tuple(
        Line(
            name,
            "M" + " L".join(f"{place(at)} {height(value)}" for at, value in zip(x, curve, strict=True)),
            place(last),
            height(float(curve[-1])),
            f"{curve[-1]:.3g}",
        )
        for name, curve in held.items()
    )
    edge = WIDTH - RIGHT
    drawn_across = tuple(
        Line(name, f"M{LEFT} {height(value)} L{edge} {height(value)}", edge, height(value), f"{value:.3g}")
        for name, value in across.items()
    )
    said = [f"{name} from {curve[0]:.3g} to {curve[-1]:.3g}" for name, curve in held.items()]
    said += [f"{name} {value:.3g}" for name, value in across.items()]
    return Chart(
        title=title,
        x_label=x_label,
        lines=lines,
        levels=drawn_across,
        x_ticks=tuple((place(at), f"{at:,.4g}") for at in nice_ticks(first, last) if first <= at <= last),
        y_ticks=tuple((height(mark), f"{mark:.4g}") for mark in y_marks),
        summary=f"{title}: " + "; ".join(said),
    )


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that cover a range in steps of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice_ticks(0.13, 0.87)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = max(high - low, abs(high) * 1e-6, 1e-12)
    rough = span / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough))
    begin, end = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(number * step, 12) for number in range(begin, end + 1)]
