"""Files to measure with, made of real music: one track in every codec, or many short tracks of a few long ones."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

TRACK_S = 240
CUT_S = 75
"""Just too long to be decoded whole: such a track costs what a long one costs, and takes little room."""
CODECS: dict[str, tuple[str, int, dict[str, str]]] = {
    "mp3-cbr.mp3": ("libmp3lame", 160_000, {}),
    "mp3-vbr.mp3": ("libmp3lame", 0, {"compression_level": "5", "flags": "+qscale", "global_quality": "472"}),
    "flac.flac": ("flac", 0, {}),
    "vorbis.ogg": ("vorbis", 160_000, {"strict": "experimental"}),
    "aac.m4a": ("aac", 160_000, {}),
    "opus.opus": ("libopus", 128_000, {}),
}
"""File name: encoder, bits a second (0: its own choice), options."""


def in_every_codec(source: Path, folder: Path) -> list[Path]:
    """Four minutes of a track in every codec. A codec that the source has is cut out of it and not encoded again.

    FFmpeg's own Vorbis encoder is a poor one, so a source in Vorbis is the better choice.

    Raises
    ------
    ValueError
        The source is shorter.
    """
    with av.open(str(source)) as container:
        found = container.streams.audio[0].codec_context.name.removesuffix("float")
        if (container.duration or 0) < TRACK_S * av.time_base:
            raise ValueError(f"{source} lasts less than {TRACK_S} s: give a longer one")
    made: list[Path] = []
    for name, (codec, bit_rate, options) in CODECS.items():
        path = folder / f"{source.stem}-{name}"
        if found in ("vorbis", "opus", "flac", "aac") and name.startswith(found):
            cut(source, path, 0.0, TRACK_S)
        else:
            _encode(source, path, codec, bit_rate, options)
        made.append(path)
    return made


def many(sources: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """So many tracks of 75 s, cut out of the sources at equal steps without encoding anew; they may overlap.

    No two begin at the same place, so that each has other bytes and is a track of its own.

    Raises
    ------
    ValueError
        No source is long enough.
    """
    rooms = [max(0.0, _duration_s(source) - CUT_S - 1) for source in sources]
    if not sum(rooms):
        raise ValueError(f"no source is longer than {CUT_S} s")
    made: list[Path] = []
    step = sum(rooms) / count
    begin_s = step / 2
    for source, room in zip(sources, rooms, strict=True):
        while begin_s < room and len(made) < count:
            path = folder / f"{len(made):06d}{source.suffix}"
            cut(source, path, begin_s, CUT_S)
            made.append(path)
            begin_s += step
        begin_s -= room
    return made


def cut(source: Path, path: Path, begin_s: float, seconds: float) -> None:
    """A stretch of a file as another file: its packets as they are."""
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = container.streams.audio[0]
        time_base = stream.time_base or Fraction(1, av.time_base)
        copied = output.add_stream_from_template(stream)
        first = round(begin_s / time_base) + (stream.start_time or 0)
        container.seek(first, stream=stream)
        zero: int | None = None
        latest = -1
        for packet in container.demux(stream):
            if packet.pts is None or packet.pts < first:
                continue
            if packet.pts >= first + round(seconds / time_base):
                break
            zero = packet.pts if zero is None else zero
            # A packet of Vorbis may be stamped a little before the one that it follows, which no writer takes.
            latest = max(packet.pts - zero, latest + 1)
            packet.pts = packet.dts = latest
            packet.stream = copied
            output.mux(packet)


def _encode(source: Path, path: Path, codec: str, bit_rate: int, options: dict[str, str]) -> None:
    rate_hz = 48_000 if codec == "libopus" else 44_100
    with av.open(str(path), "w") as output:
        stream = cast("AudioStream", output.add_stream(codec, rate=rate_hz, options=options))
        stream.layout = "stereo"
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.open()
        resampler = av.AudioResampler(
            stream.format.name, "stereo", rate_hz, frame_size=stream.codec_context.frame_size or 4_096
        )
        encoded = 0
        for frame in _decoded(source):
            for ready in resampler.resample(frame):
                ready.pts, ready.time_base = encoded, Fraction(1, rate_hz)
                encoded += ready.samples
                output.mux(stream.encode(ready))
            if encoded >= TRACK_S * rate_hz:
                break
        output.mux(stream.encode(None))


def _decoded(source: Path) -> Iterator[AudioFrame]:
    with av.open(str(source)) as container:
        yield from container.decode(audio=0)


def _duration_s(source: Path) -> float:
    with av.open(str(source)) as container:
        return (container.duration or 0) / av.time_base
