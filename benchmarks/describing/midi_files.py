"""The tempo that a standard MIDI file says it has (RP-001), where nearly all of it has one."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

__all__ = ["tempo_of"]

STEADY = 0.95
"""The share of a piece that its tempo has to have, so that it can be said to have one."""
DEFAULT_US = 500_000
"""Microseconds a beat where nothing is said."""
TEMPO, END = 0x51, 0x2F


def tempo_of(path: Path) -> float | None:
    """Quarter notes a minute of a piece that keeps its tempo; None for one that does not, or is no MIDI."""
    content = path.read_bytes()
    if not content.startswith(b"MThd") or len(content) < 14:
        return None
    changes: list[tuple[int, int]] = [(0, DEFAULT_US)]
    last = 0
    try:
        for track in _tracks(content):
            for tick, kind, data in _events(track):
                if kind == TEMPO:
                    changes.append((tick, int.from_bytes(data, "big")))
                elif kind is None:
                    last = max(last, tick)
    except IndexError:
        return None
    changes.sort(key=lambda one: one[0])
    lengths: Counter[int] = Counter()
    for (begin, beat_us), (end, _) in zip(changes, [*changes[1:], (last, 0)], strict=True):
        lengths[beat_us] += max(end - begin, 0) * beat_us
    if not lengths.total():
        return None
    (beat_us, length), *_ = lengths.most_common(1)
    return 60e6 / beat_us if length >= STEADY * lengths.total() else None


def _tracks(content: bytes) -> Iterator[bytes]:
    at = 8 + int.from_bytes(content[4:8], "big")
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "big")
        if content[at : at + 4] == b"MTrk":
            yield content[at + 8 : at + 8 + length]
        at += 8 + length


def _events(track: bytes) -> Iterator[tuple[int, int | None, bytes]]:
    """Tick, kind and data of each meta event; a note or another message has no kind."""
    at, tick, status = 0, 0, 0
    while at < len(track):
        wait, at = _number(track, at)
        tick += wait
        if track[at] & 0x80:
            status = track[at]
            at += 1
        if status == 0xFF:
            kind = track[at]
            length, at = _number(track, at + 1)
            if kind == END:
                return
            yield tick, kind, track[at : at + length]
            at += length
        elif status in (0xF0, 0xF7):
            length, at = _number(track, at)
            at += length
        else:
            yield tick, None, b""
            at += 1 if status >> 4 in (0xC, 0xD) else 2


def _number(track: bytes, at: int) -> tuple[int, int]:
    number = 0
    while True:
        byte = track[at]
        number, at = number << 7 | byte & 127, at + 1
        if byte < 128:
            return number, at
