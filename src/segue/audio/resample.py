"""Any rate, format and channels to mono floats at 16 kHz, through FFmpeg's resampler.

Mixing down divides by the channels' weights (``rematrix_maxval``): FFmpeg's default raises a file of two equal
channels by 3 dB. The filter is long enough to keep what folds back 96 dB below.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import cast

import av.filter
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES

__all__ = ["FILTER_SAMPLES", "Resampler"]

GRAPH = f"out_sample_rate={RATE_HZ}:out_chlayout=mono:rematrix_maxval=1.0:filter_size=64:phase_shift=10:cutoff=0.95"
FILTER_SAMPLES = 320
"""Samples at 16 kHz to give on both sides of what is asked for; the filter reaches 32."""

Floats = npt.NDArray[np.float32]


class Resampler:
    """A filter graph for frames of one form: to mono float at 16 kHz.

    Parameters
    ----------
    frame
        The first frame; those that follow must have its rate, format and channels.
    position
        Which sample of the file it begins with. Frames are counted from here, so that holes in time stamps close.
    begin
        Samples of the file before this one are cut off.
    """

    def __init__(self, frame: AudioFrame, position: int, begin: int = 0) -> None:
        self._form = self._form_of(frame)
        rate, sample_format, layout = self._form
        channels = frame.layout.nb_channels
        self._time_base = Fraction(1, rate)
        self.position = position
        self._pulled = position
        graph = av.filter.Graph()
        links = [
            graph.add_abuffer(sample_rate=rate, format=sample_format, layout=layout, time_base=self._time_base),
            graph.add("atrim", f"start_pts={begin}"),
            *([graph.add("pan", _mean(channels))] if layout.endswith("channels") else []),
            graph.add("aresample", GRAPH),
            graph.add("aformat", "sample_fmts=flt"),
            graph.add("asetnsamples", f"n={WINDOW_SAMPLES}:pad=0"),
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
        """How many samples of the file were pushed since the last pull."""
        return self.position - self._pulled

    def push(self, frame: AudioFrame) -> None:
        """Take one more frame."""
        frame.pts, frame.time_base = self.position, self._time_base
        self.position += frame.samples
        self._graph.push(frame)

    def pull(self) -> Iterator[Floats]:
        """What is ready."""
        self._pulled = self.position
        while True:
            try:
                frame = cast("AudioFrame", self._graph.pull())
            except (BlockingIOError, EOFError):
                return
            yield frame.to_ndarray()[0]

    def finish(self) -> Iterator[Floats]:
        """What is left."""
        self._graph.push(None)
        yield from self.pull()


def _mean(channels: int) -> str:
    """The mix for channels of which nobody says where they stand: FFmpeg knows no weights for them."""
    return "mono|c0=" + "+".join(f"{1 / channels}*c{channel}" for channel in range(channels))
