"""Any rate, format and channels to mono floats at 16 kHz, through FFmpeg's resampler.

Mixing down divides by the channels' weights (``rematrix_maxval``): FFmpeg's default raises a file of two equal
channels by 3 dB. The filter is long enough to keep what folds back 96 dB below.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import cast

import av.filter
import numpy as np
import numpy.typing as npt
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame

from segue.audio.mel import RATE_HZ

__all__ = ["FILTER_SAMPLES", "Resampler"]

GRAPH = f"out_sample_rate={RATE_HZ}:out_chlayout=mono:rematrix_maxval=1.0:filter_size=64:phase_shift=10:cutoff=0.95"
FILTER_SAMPLES = 320
"""Samples at 16 kHz to give on both sides of what is asked for; the filter reaches 32."""

Floats = npt.NDArray[np.float32]


class Resampler:
    """A filter graph for frames of one form: to mono float at 16 kHz.

    Frames are gathered and handed to the graph many at a time: one by one they would cost as much again as the filter.

    Parameters
    ----------
    frame
        A frame; all that are pushed must have its rate, format and channels.

    Attributes
    ----------
    rate_hz
        The rate of the frames.
    step_in, step_out
        Every so many samples of the file meet so many at 16 kHz.
    """

    def __init__(self, frame: AudioFrame) -> None:
        self._form = self._form_of(frame)
        self.rate_hz, sample_format, layout = self._form
        shared = math.gcd(self.rate_hz, RATE_HZ)
        self.step_in, self.step_out = self.rate_hz // shared, RATE_HZ // shared
        self._time_base = Fraction(1, self.rate_hz)
        self._gathered = AudioFifo()
        self._given = 0
        self._owed = 0
        graph = av.filter.Graph()
        links = [
            graph.add_abuffer(sample_rate=self.rate_hz, format=sample_format, layout=layout, time_base=self._time_base),
            *([graph.add("pan", _mean(frame.layout.nb_channels))] if layout.endswith("channels") else []),
            graph.add("aresample", GRAPH),
            graph.add("aformat", "sample_fmts=flt"),
            graph.add("abuffersink"),
        ]
        for before, after in pairwise(links):
            before.link_to(after)
        graph.configure()
        self._graph = graph

    @staticmethod
    def _form_of(frame: AudioFrame) -> tuple[int, str, str]:
        return frame.sample_rate, frame.format.name, frame.layout.name

    def takes(self, frame: AudioFrame) -> bool:
        """Whether the frame has the form this was made for."""
        return self._form_of(frame) == self._form

    @property
    def pending(self) -> int:
        """How many samples of the file were pushed and not yet pulled."""
        return self._gathered.samples

    def push(self, frame: AudioFrame) -> None:
        """Take one more frame. Samples are counted, so that holes in time stamps close."""
        frame.pts = None
        self._gathered.write(frame)

    def drop(self, samples: int) -> None:
        """Leave out that many of the pending samples."""
        if samples:
            self._gathered.read(samples)

    def pull(self, samples: int = 0) -> Iterator[Floats]:
        """What that many of the pending samples (0: all) make ready; the filter holds a little back."""
        block = self._gathered.read(samples)
        if block is not None:
            block.pts, block.time_base = self._given, self._time_base
            self._given += block.samples
            self._graph.push(block)
        while True:
            try:
                frame = cast("AudioFrame", self._graph.pull())
            except (BlockingIOError, EOFError):
                return
            yield frame.to_ndarray()[0]

    def stretch(self, samples: int) -> Floats:
        """That many of the pending samples at 16 kHz, less than ``FILTER_SAMPLES`` of them missing at the end.

        Stretches of a file that do not touch may follow one another: where the filter reaches into the one before,
        up to ``FILTER_SAMPLES`` from the beginning, is for the caller to leave out. ``samples`` is a multiple of
        ``step_in``.
        """
        sound = np.concatenate(list(self.pull(samples)))[self._owed :]
        self._owed = samples // self.step_in * self.step_out - len(sound)
        return sound

    def finish(self) -> Iterator[Floats]:
        """What is left."""
        yield from self.pull()
        self._graph.push(None)
        yield from self.pull()


def _mean(channels: int) -> str:
    """The mix for channels of which nobody says where they stand: FFmpeg knows no weights for them."""
    return "mono|c0=" + "+".join(f"{1 / channels}*c{channel}" for channel in range(channels))
