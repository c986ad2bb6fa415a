"""Which sound a file holds, whatever its name, tags and cover art are.

A path flows in, ``Identity`` flows out. The id is a BLAKE2b hash over the codec's name and the encoded audio
packets as FFmpeg's demuxer hands them out: nothing is decoded, and whatever a tag editor or a move changes lies outside
them. Where the container states how long it lasts (flac, ogg, opus, m4a, wav, aiff, wma, ape, wv), the first
MiB of packets and that length are enough; where the length is an estimate (mp3, ADTS aac, a flac that was streamed),
every packet counts.

Merging two sounds by mistake would lose history, so what many sounds share does not fill the MiB: a packet equal to
the one before it (digital silence) is hashed without being counted.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer

from segue.errors import UnreadableAudio

__all__ = ["Identity", "identify", "open_sound"]

HEAD_BYTES = 1 << 20
"""Encoded audio that is hashed where the container states its length."""
PCM_BLOCK_BYTES = 4096
"""PCM has no packets of its own, and demuxers cut it as they like; we cut it so."""
STATED = frozenset({"flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2", "wav", "aiff", "asf", "ape", "wv"})
"""FFmpeg's names of the containers that state their exact length."""
CUT_SHORT_S = Fraction(1)
"""Sound that may be missing at the end of a file before it counts as damaged."""
# FFmpeg guesses the format from the content. Without this list, a text file named .mp3 can be a playlist that it
# fetches from the network.
FORMATS = "aac,aiff,ape,asf,flac,mov,mp3,ogg,wav,wv"


@dataclass(frozen=True, slots=True)
class Identity:
    """A sound's id (32 hexadecimal digits), length, and how it is encoded."""

    track_id: str
    duration_s: float
    codec: str
    rate_hz: int
    channels: int


def open_sound(path: Path) -> InputContainer:
    """FFmpeg's view of a sound file; close it.

    Raises
    ------
    av.error.FFmpegError
        It is no file of a format that we read, or can't be opened.
    """
    # An absolute path, because "12:30.mp3" is a protocol to FFmpeg.
    absolute = os.path.abspath(path)  # noqa: PTH100 (Path.resolve would follow links)
    return av.open(absolute, options={"format_whitelist": FORMATS}, metadata_errors="replace")


def identify(path: Path) -> Identity:
    """The identity of one file's first sound.

    Raises
    ------
    UnreadableAudio
        There is no whole sound in it; the message is ``"PATH: REASON"``.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableAudio(f"{path}: the file is empty")
        with open_sound(path) as container:
            return _identity(container, path)
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise UnreadableAudio(f"{path}: not a sound file, or a damaged one") from error
    except (OSError, av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableAudio(f"{path}: it can't be read ({reason})") from error


def _identity(container: InputContainer, path: Path) -> Identity:
    if not container.streams.audio:
        raise UnreadableAudio(f"{path}: there is no sound in it")
    stream = container.streams.audio[0]
    context = stream.codec_context
    rate_hz, channels = context.sample_rate, context.channels
    if not rate_hz or not channels:
        raise UnreadableAudio(f"{path}: not a sound file, or a damaged one")
    codec = context.codec.canonical_name
    digest = hashlib.blake2b(codec.encode(), digest_size=16, person=b"segue")
    length_s = _stated_s(container, stream)
    if length_s is None:
        length_s = _hash_all(container, stream, digest)
    else:
        digest.update(f" {length_s.numerator}/{length_s.denominator} s".encode())
        _hash_head(container, stream, digest, pcm=codec.startswith("pcm_"))
        _require_end(container, stream, length_s, path)
    if not length_s:
        raise UnreadableAudio(f"{path}: there is no sound in it")
    return Identity(digest.hexdigest(), float(length_s), codec, rate_hz, channels)


def _stated_s(container: InputContainer, stream: AudioStream) -> Fraction | None:
    """The length that the container states, or None where FFmpeg would have to guess it."""
    if container.format.name not in STATED or not stream.duration or stream.duration < 0 or stream.time_base is None:
        return None
    return stream.duration * stream.time_base


def _hash_all(container: InputContainer, stream: AudioStream, digest: "hashlib.blake2b") -> Fraction:
    """Hash every packet; the sum of their lengths (s)."""
    ticks = 0
    for packet in container.demux(stream):
        digest.update(packet)
        ticks += packet.duration or 0
    return ticks * (stream.time_base or Fraction(0))


def _hash_head(container: InputContainer, stream: AudioStream, digest: "hashlib.blake2b", *, pcm: bool) -> None:
    """Hash packets until a MiB of them differed from the one before."""
    packets = (bytes(packet) for packet in container.demux(stream))
    left, before = HEAD_BYTES, b""
    for block in _cut(packets) if pcm else packets:
        digest.update(block)
        if block != before:
            left -= len(block)
            if left <= 0:
                return
        before = block


def _cut(packets: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for packet in packets:
        rest += packet
        end = len(rest) - len(rest) % PCM_BLOCK_BYTES
        yield from (rest[start : start + PCM_BLOCK_BYTES] for start in range(0, end, PCM_BLOCK_BYTES))
        rest = rest[end:]
    yield rest


def _require_end(container: InputContainer, stream: AudioStream, length_s: Fraction, path: Path) -> None:
    """Refuse a file whose sound stops before the stated end, as one half downloaded does."""
    for from_s in (max(Fraction(0), length_s - CUT_SHORT_S), Fraction(0)):  # an index may lie: then look at everything
        present_s = _end_s(container, stream, from_s)
        if present_s is None or present_s + CUT_SHORT_S >= length_s:
            return
        found = f"{float(present_s):.0f} of {float(length_s):.0f} s are there"
    raise UnreadableAudio(f"{path}: cut short, {found}")


def _end_s(container: InputContainer, stream: AudioStream, from_s: Fraction) -> Fraction | None:
    """Where the last packet ends; None where FFmpeg can't seek in this stream (flac of 192 kHz and six channels)."""
    assert stream.time_base is not None
    start = stream.start_time or 0
    end = start
    try:
        container.seek(start + int(from_s / stream.time_base), stream=stream)
    except av.error.FFmpegError:
        return None
    for packet in container.demux(stream):
        if packet.size and packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    return (end - start) * stream.time_base
