"""Learning from a teacher: another model's numbers for the three seconds in the middle of each window.

The teacher (MusiCNN, Pons and Serra 2019) is there when our weights are trained and never after; what stays is a head
that says what the teacher would, in the teacher's own numbers. It speaks at each step and the steps are averaged, so
that a stream and a window of any length have an answer.
"""

import torch
from torch import nn

__all__ = ["Head", "middle"]

TAUGHT_FRAMES = 94
"""What a teacher hears of a window: the frames in its middle, three seconds."""


class Head(nn.Module):
    """From what a network knows at each step to the mean of what a teacher says of them.

    Parameters
    ----------
    inputs, hidden, taught
        Numbers a step, in between, and of the teacher.
    """

    def __init__(self, inputs: int, hidden: int, taught: int) -> None:
        super().__init__()
        self.each = nn.Linear(inputs, hidden)
        self.all = nn.Linear(hidden, taught)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        """(n, taught) from (n, steps, inputs)."""
        return self.said(self.heard(steps).mean(1))

    def heard(self, steps: torch.Tensor) -> torch.Tensor:
        """(n, steps, hidden): what is averaged."""
        return nn.functional.gelu(self.each(steps))

    def said(self, averaged: torch.Tensor) -> torch.Tensor:
        """(n, taught) of averaged (n, hidden)."""
        said: torch.Tensor = self.all(averaged)
        return said


def middle(steps: torch.Tensor, frames: int) -> torch.Tensor:
    """Those of (n, steps, …) that fall into the middle three seconds of so many frames.

    Examples
    --------
    >>> middle(torch.arange(16)[None], 256).tolist()
    [[5, 6, 7, 8, 9, 10]]
    """
    count = steps.shape[1]
    left = max(frames - TAUGHT_FRAMES, 0) / 2 / frames
    first = round(left * count)
    return steps[:, first : max(count - first, first + 1)]
