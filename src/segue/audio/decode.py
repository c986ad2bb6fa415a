"""Eight windows of sound out of one file: a path goes in, mono samples at 16 kHz come out.

A window is decoded by seeking to it, so that a four-minute track costs a quarter of its decoding. Seeking answers
with a frame that lies some way before the place asked for; its time stamp says where. From there samples are
counted, and the resampler begins on a sample that both rates share, so that a window holds the same numbers as that
stretch of a whole decoding would.

What a file declares of its length is often wrong (MP3 without a header, a download cut short). Windows that can't be
filled, or sound beyond the declared end, make the file be decoded from end to end instead, in bounded memory.
"""

import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES
from segue.audio.resample import FILTER_SAMPLES, Resampler
from segue.errors import UnreadableAudio

__all__ = [
    "RATE_HZ",
    "WINDOWS",
    "WINDOW_S",
    "WINDOW_SAMPLES",
    "Excerpts",
    "read_excerpts",
    "read_frames",
    "read_windows",
    "window_starts",
]

WINDOWS = 8
"""Windows a track."""
WINDOW_S = WINDOW_SAMPLES / RATE_HZ
MARGIN = 0.02
"""The share of a track left out at either end: silence, a count-in, the last of a fade."""
SHORTEST_S = 1.0
WHOLE_S = 70.0
"""Tracks up to this length are decoded whole: eight windows cover them all, and seeking would only cost."""
SILENCE = 1e-5
"""A peak below this (-100 dB) is digital silence."""
LOUDEST = 1e6
"""Beyond this (+120 dB) a file of floats holds something else, and its power would not fit a float."""

FORMATS = "aac,ac3,aiff,ape,asf,au,caf,dsf,eac3,flac,matroska,mov,mp3,mpc,mpc8,ogg,tta,w64,wav,wv"
"""FFmpeg guesses the format from the content; a playlist in a music file's clothes must not make it open others."""

PREROLLS_S = (0.3, 5.0)
"""Codecs need what came before: MP3 a bit reservoir, Opus 80 ms. The second is for files that seek badly."""
PAGE_S = 0.1
"""Packets that end longer than this before a place sought belong to a page or cluster that holds it, not to it."""
STAMP_ERROR_SAMPLES = 800
"""How far a time stamp may be off, at 16 kHz."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Excerpts:
    """Eight windows of a track, and what else their decoding told.

    Attributes
    ----------
    y
        float32 (8, 131072): see ``read_windows``.
    length_s
        How long the track is.
    channels
        How many the file has.
    side
        The power of half the difference of two channels, as a multiple of that of their mean, which is all that ``y``
        has; 0 for other numbers of channels.
    """

    y: Floats
    length_s: float
    channels: int
    side: float


def read_windows(path: str | os.PathLike[str]) -> Floats:
    """float32 (8, 131072): eight windows of 8.192 s spread evenly over the track, mono, 16 kHz, full scale ±1.

    A track under 70 s is covered by windows that overlap; one under 8.192 s is repeated until it fills a window.
    The same file gives the same bits each time.

    Raises
    ------
    UnreadableAudio
        The file can't be opened, or holds no sound, under a second of it, only silence, or samples that are no
        numbers. The message is ``"PATH: REASON"``.
    """
    return read_excerpts(path).y


def read_excerpts(path: str | os.PathLike[str]) -> Excerpts:
    """The windows of ``read_windows``, and what else their decoding told.

    Raises
    ------
    UnreadableAudio
        As ``read_windows``.
    """
    with _blaming(path):
        return _excerpts(path)


def read_frames(path: str | os.PathLike[str]) -> Iterator[AudioFrame]:
    """The whole of a file as the decoder gives it, frame by frame; broken packets are left out.

    Raises
    ------
    UnreadableAudio
        The file can't be opened, or holds no sound.
    """
    with _blaming(path):
        _check_file(path)
        with _sound(path) as sound:
            yield from sound.frames()


@contextmanager
def _blaming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever goes wrong in it is said of this file."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        yield
    except UnreadableAudio as error:
        raise UnreadableAudio(f"{name}: {error}") from None
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise UnreadableAudio(f"{name}: {_reason(error)}") from error


def window_starts(samples: int) -> list[int]:
    """Where the eight windows of a track of so many samples (16 kHz) begin.

    The first begins m after the start and the last ends m before the end, with m = min(2 % of the track, half of
    what a window leaves over); between them the steps are equal: start_i = round(m + i·(samples − 2m − 131072)/7).

    Examples
    --------
    >>> window_starts(WINDOW_SAMPLES)
    [0, 0, 0, 0, 0, 0, 0, 0]
    >>> [round(start / RATE_HZ, 1) for start in window_starts(240 * RATE_HZ)]
    [4.8, 36.5, 68.3, 100.0, 131.8, 163.5, 195.3, 227.0]
    """
    room = max(0, samples - WINDOW_SAMPLES)
    margin = min(MARGIN * samples, room / 2)
    return [round(margin + i * (room - 2 * margin) / (WINDOWS - 1)) for i in range(WINDOWS)]


def _check_file(path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for ever
        raise UnreadableAudio("it is not a file")


def _excerpts(path: str | os.PathLike[str]) -> Excerpts:
    _check_file(path)
    windows: Floats | None = None
    with _sound(path) as sound:
        length = sound.declared() or 0
        # Sound that goes on well past its declared end is placed once more over the length that was found.
        for _attempt in range(2):
            if length <= WHOLE_S * RATE_HZ:
                break
            windows, end = sound.seek_windows(window_starts(length))
            if windows is None or end <= length * (1 + MARGIN):
                break
            windows, length = None, end
    if windows is None:
        windows, length, sound = _read_through(path)
    peak = np.abs(windows).max()
    if not np.isfinite(peak):
        raise UnreadableAudio("it holds samples that are not numbers")
    if peak > LOUDEST:
        raise UnreadableAudio(f"it holds samples of {peak:.0e} times full scale, which is no sound")
    if peak < SILENCE:
        raise UnreadableAudio("it is silent")
    return Excerpts(windows, length / RATE_HZ, sound.channels, sound.side)


def _read_through(path: str | os.PathLike[str]) -> tuple[Floats, int, "_Sound"]:
    """The windows of a file that is short or can't be trusted, from as many samples as it truly gives.

    Also how many these are, and what gave them.
    """
    kept: list[Floats] | None = []
    length = 0
    with _sound(path) as sound:
        for block in sound.blocks():
            length += len(block)
            if kept is not None:
                kept.append(block)
                if length > WHOLE_S * RATE_HZ:
                    kept = None
    if length == 0:
        raise UnreadableAudio("there is no sound in it that can be decoded")
    if length < SHORTEST_S * RATE_HZ:
        raise UnreadableAudio(f"it lasts {length / RATE_HZ:.1f} s; at least {SHORTEST_S:.0f} s is needed")
    if length < WINDOW_SAMPLES:
        assert kept is not None
        return np.tile(np.resize(np.concatenate(kept), WINDOW_SAMPLES), (WINDOWS, 1)), length, sound
    starts = window_starts(length)
    if kept is not None:
        whole = np.concatenate(kept)
        return np.stack([whole[start : start + WINDOW_SAMPLES] for start in starts]), length, sound
    # Too long to keep: a second reading picks the windows out of what passes by.
    windows = np.zeros((WINDOWS, WINDOW_SAMPLES), dtype=np.float32)
    position = 0
    with _sound(path) as again:
        for block in again.blocks():
            for window, start in zip(windows, starts, strict=True):
                first, last = max(start, position), min(start + WINDOW_SAMPLES, position + len(block))
                if first < last:
                    window[first - start : last - start] = block[first - position : last - position]
            position += len(block)
    return windows, length, sound


@contextmanager
def _sound(path: str | os.PathLike[str]) -> Iterator["_Sound"]:
    # An absolute path, because "12:30.mp3" is a protocol to FFmpeg.
    absolute = os.path.abspath(path)  # noqa: PTH100 (Path.resolve would follow links)
    with av.open(absolute, "r", options={"format_whitelist": FORMATS}, metadata_errors="replace") as container:
        yield _Sound(container)


class _Sound:
    """The first audio stream of an open file; positions are samples at 16 kHz from where the stream starts."""

    def __init__(self, container: InputContainer) -> None:
        if not container.streams.audio:
            raise UnreadableAudio("there is no sound in it")
        self.container = container
        self.stream: AudioStream = container.streams.audio[0]
        self.stream.codec_context.thread_count = 1
        if not self.stream.codec_context.sample_rate:  # FFmpeg takes any bytes for an mp3 that has yet to begin
            raise UnreadableAudio("not a sound file, or a damaged one")
        self._time_base = self.stream.time_base or Fraction(1, av.time_base)
        self._resampler: Resampler | None = None
        self._stereo = [0.0, 0.0]

    @property
    def channels(self) -> int:
        """How many the file has."""
        return int(self.stream.codec_context.channels)

    @property
    def side(self) -> float:
        """See ``Excerpts.side``: of all that was mixed so far."""
        middle, side = self._stereo if self._resampler is None else self._resampler.stereo_power
        return side / middle if middle > 0 else 0.0

    def declared(self) -> int | None:
        """How long the file says it is."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return int(self.stream.duration * self.stream.time_base * RATE_HZ)
        if self.container.duration is not None:
            return self.container.duration * RATE_HZ // av.time_base
        return None

    def blocks(self) -> Iterator[Floats]:
        """All of its samples in order."""
        resampler: Resampler | None = None
        for frame in self.frames():
            if resampler is None or not resampler.takes(frame):
                if resampler is not None:
                    yield self._finished(resampler)
                resampler = Resampler(frame)
            resampler.push(frame)
            if resampler.pending >= WINDOW_S * frame.sample_rate:
                yield resampler.pull()
        if resampler is not None:
            yield self._finished(resampler)

    def _finished(self, resampler: Resampler) -> Floats:
        sound = resampler.finish()
        self._stereo = [so_far + more for so_far, more in zip(self._stereo, resampler.stereo_power, strict=True)]
        return sound

    def seek_windows(self, starts: Sequence[int]) -> tuple[Floats | None, int]:
        """The windows that begin there (None: not all could be filled), and where the file's sound ends."""
        windows = np.empty((len(starts), WINDOW_SAMPLES), dtype=np.float32)
        for window, start in zip(windows, starts, strict=True):
            if not any(self._seek_window(window, start, preroll_s) for preroll_s in PREROLLS_S):
                return None, 0
        return windows, self._end()

    def _seek_window(self, window: Floats, start: int, preroll_s: float) -> bool:
        begins = self.stream.start_time or 0
        target_s = Fraction(start, RATE_HZ) - Fraction(preroll_s)
        target = max(0, int(target_s / self._time_base)) + begins
        try:
            self.container.seek(target, stream=self.stream)
        except av.error.FFmpegError:
            return False
        arrived = self._gather(target, start + WINDOW_SAMPLES + FILTER_SAMPLES)
        resampler = self._resampler
        if arrived is None or resampler is None:
            return False
        # Only from a place where both rates meet do the resampler's numbers agree with those of a whole decoding. One
        # resampler serves all windows if it is given whole steps.
        step_in, step_out = resampler.step_in, resampler.step_out
        step = max((start - FILTER_SAMPLES) // step_out, math.ceil(arrived / step_in), 0)
        skip = start - step * step_out
        if skip < 0:
            return False
        before = step * step_in - arrived
        needed = math.ceil((skip + WINDOW_SAMPLES + FILTER_SAMPLES) / step_out) * step_in
        if before + needed > resampler.pending:
            return False
        resampler.drop(before)
        window[:] = resampler.stretch(needed)[skip : skip + WINDOW_SAMPLES]
        return True

    def _gather(self, target: int, end: int) -> int | None:
        """Push frames from this stamp on until past this position: which sample of the file comes first."""
        begins = self.stream.start_time or 0
        numerator, ticks = self._time_base.numerator, self._time_base.denominator
        resampler = self._resampler
        if resampler is not None:
            resampler.drop(resampler.pending)
        stamps: list[int] = []
        counted = 0
        for frame in self.frames(target - int(Fraction(PAGE_S) / self._time_base)):
            if resampler is None:
                resampler = self._resampler = Resampler(frame)
            elif not resampler.takes(frame):
                return None
            rate, stamp = frame.sample_rate, frame.pts
            if stamp is not None:  # in whole numbers: fractions would cost as much as the decoding
                stamps.append(((stamp - begins) * numerator * rate + ticks // 2) // ticks - counted)
            counted += frame.samples
            resampler.push(frame)
            if stamps and (stamps[0] + counted) * RATE_HZ >= (end + resampler.step_out + STAMP_ERROR_SAMPLES) * rate:
                break
        # Vorbis with blocks of several lengths has single stamps, and stamps of whole pages, that are some milliseconds
        # late (up to half of them in eight seconds of real music) and none that are early.
        return sorted(stamps)[len(stamps) // 4] if stamps else None

    def _end(self) -> int:
        """Where the last packet from here on ends; packets are read, not decoded."""
        end = 0
        try:
            for packet in self.container.demux(self.stream):
                if packet.pts is not None:
                    end = packet.pts + (packet.duration or 0)
        except av.error.InvalidDataError:
            pass  # what follows is no sound
        return int((end - (self.stream.start_time or 0)) * self._time_base * RATE_HZ)

    def frames(self, since: int | None = None) -> Iterator[AudioFrame]:
        """Decoded frames from here on. Broken packets are left out, as players do; a broken file ends there.

        A seek may lead to a page or cluster that begins long before: packets that end before ``since`` are not decoded.
        """
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.InvalidDataError, EOFError):
                return
            if packet is None:
                return
            if since is not None and packet.pts is not None:
                if packet.duration and packet.pts + packet.duration <= since:
                    continue
                since = None
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                if frame.samples:
                    yield frame


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.InvalidDataError | EOFError):
        return "not a sound file, or a damaged one"
    return f"it can't be read ({(getattr(error, 'strerror', None) or str(error)).lower()})"
