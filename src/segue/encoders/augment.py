"""What is done to a window before a network sees it: turned up or down, tilted, and with parts taken out.

Randomness is drawn on the CPU from the generator that is passed in, so that a seed means the same on every device.
"""

import math

import torch

__all__ = ["gain_and_tilt", "keep_patches", "keep_stripes"]


def gain_and_tilt(
    mels: torch.Tensor, generator: torch.Generator, *, gain_db: float = 6.0, tilt_db: float = 6.0
) -> torch.Tensor:
    """The log-mels of the same sound played louder or softer, brighter or darker; silence stays silence.

    Parameters
    ----------
    mels
        (n, frames, mels), log10(1 + 10⁴ · power).
    gain_db, tilt_db
        Each window's gain is uniform in ± gain_db; the difference between its highest and lowest bin in ± 2 tilt_db.
    """
    n, _, bins = mels.shape
    drawn = 2 * torch.rand(n, 2, generator=generator) - 1
    slope = torch.linspace(-1, 1, bins)
    decibel = gain_db * drawn[:, :1] + tilt_db * drawn[:, 1:] * slope
    factor = torch.exp(decibel * (math.log(10) / 10))[:, None].to(mels.device)
    # power' = factor · power, without leaving the log scale's own units
    return torch.log1p(factor * torch.expm1(mels * math.log(10))) / math.log(10)


def keep_patches(shape: torch.Size, generator: torch.Generator, *, masked: float = 0.3, side: int = 16) -> torch.Tensor:
    """float32 of this shape, (n, frames, bins): 0 where a patch of ``side`` × ``side`` is taken out, 1 elsewhere.

    ``side`` divides ``frames`` and ``bins``.
    """
    n, frames, bins = shape
    kept = (torch.rand(n, frames // side, bins // side, generator=generator) >= masked).float()
    return kept.repeat_interleave(side, 1).repeat_interleave(side, 2)


def keep_stripes(
    shape: torch.Size, generator: torch.Generator, *, frames: int, bins: int, times: int = 2
) -> torch.Tensor:
    """float32 of this shape, (n, frames, bins): 0 in stretches of time and bands of frequency, 1 elsewhere.

    So many of each a window, none longer than ``frames`` and none wider than ``bins`` (SpecAugment, Park et al. 2019).
    """
    n, all_frames, all_bins = shape
    in_time = _keep_spans(n, all_frames, frames, times, generator)
    in_frequency = _keep_spans(n, all_bins, bins, times, generator)
    return in_time[:, :, None] * in_frequency[:, None, :]


def _keep_spans(n: int, size: int, most: int, times: int, generator: torch.Generator) -> torch.Tensor:
    lengths = torch.randint(0, min(most, size) + 1, (n, times, 1), generator=generator)
    begins = (torch.rand(n, times, 1, generator=generator) * (size - lengths)).long()
    places = torch.arange(size)
    inside = (places >= begins) & (places < begins + lengths)
    return (~inside.any(1)).float()
