"""Simulated music: small pieces whose tempo and key are known because they were written down before they sounded.

In: a style, a tonic, a mode, a tempo, a seed. Out: a standard MIDI file (RP-001, format 0) as bytes. A style is a
chord progression for each mode, a metre, and what drums, bass, accompaniment and tune do in it; the instruments are
drawn anew for each piece, so that neither style nor sound tells the tempo or the key.

No one would take it for good music. What is read off it says how well an encoder hears tempo and key of such pieces.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["MODES", "STEPS", "STYLES", "Mode", "Score", "Style", "compose"]

Mode = Literal["major", "minor"]
MODES: tuple[Mode, ...] = ("major", "minor")

TICKS = 480
"""A beat."""
STEPS = 4
"""A beat has so many steps; patterns have a character for each step of a bar."""
SCALES: Mapping[Mode, Sequence[int]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
DOMINANT = 4

BASSES = (32, 33, 34, 35, 36, 38, 39, 43, 58)
CHORDS = (0, 1, 2, 4, 5, 6, 7, 11, 12, 16, 17, 19, 21, 24, 25, 26, 27, 46, 48, 50, 51, 61, 62, 63, 89, 90)
TUNES = (
    0,
    4,
    10,
    11,
    13,
    22,
    24,
    26,
    29,
    30,
    40,
    41,
    42,
    56,
    57,
    60,
    64,
    65,
    66,
    68,
    71,
    72,
    73,
    74,
    75,
    79,
    80,
    81,
    104,
)
"""General MIDI programs, counted from 0."""
KICK, STICK, SNARE, CLOSED, OPEN, RIDE, SHAKER, CLAP = 36, 37, 38, 42, 46, 51, 70, 39
DRUMS_CHANNEL = 9


@dataclass(frozen=True)
class Style:
    """How a piece goes.

    Attributes
    ----------
    progressions
        For each mode the degree (from 0) of each bar's chord, again and again.
    bass
        For each step: "1", "3", "5" a note of the chord, "8" the octave, "." nothing; a note lasts until the next.
    chords
        For each step: "x" the chord, "a" the next note of it, "." nothing.
    drums
        For each drum, a character a step: "x" a stroke, "o" a soft one, "." none.
    density
        How likely the tune has a note on an eighth.
    swing
        Where in the beat its second half begins.
    """

    name: str
    progressions: Mapping[Mode, Sequence[int]]
    bass: str
    chords: str
    drums: Mapping[int, str]
    density: float
    swing: float = 0.5


def _progressions(major: Sequence[int], minor: Sequence[int]) -> dict[Mode, Sequence[int]]:
    return {"major": major, "minor": minor}


STYLES = (
    Style(
        "ballad",
        _progressions((0, 4, 5, 3, 0, 3, 4, 0), (0, 5, 2, 6, 0, 3, 4, 0)),
        "1.......5.......",
        "a.a.a.a.a.a.a.a.",
        {KICK: "x.......x.x.....", SNARE: "....x.......x...", CLOSED: "o.o.o.o.o.o.o.o."},
        0.4,
    ),
    Style(
        "rock",
        _progressions((0, 3, 4, 3), (0, 6, 5, 6)),
        "1.1.1.1.1.1.1.1.",
        "x.x...x.x.x...x.",
        {KICK: "x.....x.x.......", SNARE: "....x.......x...", OPEN: "x...x...x...x..."},
        0.45,
    ),
    Style(
        "swing",
        _progressions((1, 4, 0, 0, 1, 4, 0, 5), (3, 4, 0, 0, 3, 4, 0, 5)),
        "1...3...5...3...",
        "......x.......x.",
        {RIDE: "x...x.x.x...x.x.", CLOSED: "....x.......x...", KICK: "o...o...o...o..."},
        0.6,
        swing=2 / 3,
    ),
    Style(
        "waltz",
        _progressions((0, 0, 4, 4, 4, 4, 0, 0), (0, 0, 4, 4, 3, 4, 0, 0)),
        "1...........",
        "....x...x...",
        {KICK: "x...........", STICK: "....o...o..."},
        0.5,
    ),
    Style(
        "blues",
        _progressions((0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4)),
        "1.1.5.5.1.1.5.5.",
        "x.......x.......",
        {KICK: "x.......x.......", SNARE: "....x.......x...", RIDE: "x.x.x.x.x.x.x.x."},
        0.5,
        swing=2 / 3,
    ),
    Style(
        "dance",
        _progressions((5, 3, 0, 4), (0, 5, 2, 6)),
        "..1...1...1...1.",
        "x..x..x...x..x..",
        {KICK: "x...x...x...x...", CLAP: "....x.......x...", OPEN: "..x...x...x...x."},
        0.35,
    ),
    Style(
        "reggae",
        _progressions((0, 3, 0, 4), (0, 3, 0, 4)),
        "1.....3.5...1...",
        "....x.......x...",
        {KICK: "........x.......", STICK: "........x.......", CLOSED: "x.x.x.x.x.x.x.x."},
        0.3,
        swing=0.58,
    ),
    Style(
        "bossa",
        _progressions((0, 1, 4, 0, 5, 1, 4, 0), (0, 3, 4, 0, 5, 3, 4, 0)),
        "1.....5.5.....1.",
        "x..x..x...x..x..",
        {KICK: "x.....x.x.....x.", STICK: "x..x..x...x..x..", SHAKER: "oooooooooooooooo"},
        0.4,
    ),
    Style(
        "canon",
        _progressions((0, 4, 5, 2, 3, 0, 3, 4), (0, 4, 5, 2, 3, 0, 3, 4)),
        "1...5...1...5...",
        "aaaaaaaaaaaaaaaa",
        {},
        0.5,
    ),
    Style(
        "march",
        _progressions((0, 4, 0, 3, 0, 4, 4, 0), (0, 4, 0, 3, 0, 4, 4, 0)),
        "1...5...1...5...",
        "..x...x...x...x.",
        {KICK: "x.......x.......", SNARE: "x.ooxoo.x.ooxxxx"},
        0.55,
    ),
)


def compose(style: Style, tonic: int, mode: Mode, tempo_bpm: float, *, duration_s: float, seed: str) -> bytes:
    """A piece as a standard MIDI file; the same arguments give the same bytes.

    Parameters
    ----------
    tonic
        Pitch class, 0 is C.
    tempo_bpm
        Quarter notes a minute.
    duration_s
        About how long: whole bars.

    Examples
    --------
    >>> compose(STYLES[0], 0, "major", 120, duration_s=4, seed="0")[:4]
    b'MThd'
    """
    rng = random.Random(seed)
    steps = len(style.bass)
    bars = max(1, round(duration_s * tempo_bpm / 60 * STEPS / steps))
    piece = Score(rng, style.swing)
    for channel, programs in enumerate((BASSES, CHORDS, TUNES)):
        piece.program(channel, rng.choice(programs))
    tune = 7 * 5  # a degree of the scale, counted from the tonic's lowest note
    for bar in range(bars):
        progression = style.progressions[mode]
        degree = progression[bar % len(progression)]
        scale = list(SCALES[mode])
        if mode == "minor" and degree == DOMINANT:
            scale[6] = 11  # the leading note

        def pitch(place: int, scale: Sequence[int] = scale) -> int:
            return tonic + 12 * (place // 7) + scale[place % 7]

        triad = [degree + third for third in (0, 2, 4)]
        first = bar * steps
        for step, length in _held(style.bass):
            place = {"1": degree, "3": degree + 2, "5": degree + 4, "8": degree + 7}[style.bass[step]]
            # between E1 and D#2, where every bass has its notes
            piece.note(0, 28 + (pitch(place) - 28) % 12, first + step, length, 96)
        for struck, (step, length) in enumerate(_held(style.chords)):
            voices = triad if style.chords[step] == "x" else [triad[struck % 3] + 7 * (struck % 6 // 3)]
            for place in voices:
                piece.note(1, pitch(place + 7 * 4), first + step, min(length, STEPS), 72)
        for step in range(0, steps, STEPS // 2):
            on_beat = step % STEPS == 0
            if rng.random() < style.density * (1.4 if on_beat else 0.7):
                tune = min(max(tune + rng.choice((-2, -1, -1, 0, 1, 1, 2)), 7 * 4 + 3), 7 * 6)
                if on_beat:  # on the beat a note of the chord
                    tune = min((tune + off for off in (0, 1, -1)), key=lambda one: (one - degree) % 7 not in (0, 2, 4))
                piece.note(2, pitch(tune), first + step, min(rng.choice((2, 2, 4)), bars * steps - first - step), 92)
        for drum, pattern in style.drums.items():
            for step, stroke in enumerate(pattern):
                if stroke != ".":
                    piece.note(DRUMS_CHANNEL, drum, first + step, 1, 100 if stroke == "x" else 60)
    return piece.file(tempo_bpm, bars * steps)


def _held(pattern: str) -> list[tuple[int, int]]:
    """Where in the bar something sounds, and how many steps it is until the next."""
    begins = [step for step, mark in enumerate(pattern) if mark != "."]
    ends = [*begins[1:], len(pattern)]
    return [(begin, end - begin) for begin, end in zip(begins, ends, strict=True)]


class Score:
    """The notes so far, and the file they make; times are in steps from the start.

    Parameters
    ----------
    rng
        How hard each note is struck varies with it.
    swing
        Where in the beat its second half begins.
    """

    def __init__(self, rng: random.Random, swing: float) -> None:
        self._rng, self._swing = rng, swing
        self._events: list[tuple[int, int, bytes]] = []

    def program(self, channel: int, program: int) -> None:
        """Give a channel its instrument (General MIDI, counted from 0)."""
        self._events.append((0, 0, bytes([0xC0 | channel, program])))

    def note(self, channel: int, pitch: int, step: int, length: int, velocity: int) -> None:
        """Play a note, struck about so hard."""
        struck = velocity + self._rng.randint(-10, 10)
        begin, end = self._tick(step), self._tick(step + length) - TICKS // 32
        # at one time what ends comes before what begins
        self._events.append((begin, 2, bytes([0x90 | channel, pitch, struck])))
        self._events.append((end, 1, bytes([0x80 | channel, pitch, 0])))

    def file(self, tempo_bpm: float, steps: int) -> bytes:
        """A standard MIDI file of so many steps."""
        tempo = b"\xff\x51\x03" + round(60e6 / tempo_bpm).to_bytes(3, "big")
        events = [(0, 0, tempo), *self._events, (self._tick(steps), 3, b"\xff\x2f\x00")]
        track, now = bytearray(), 0
        for tick, _, message in sorted(events):
            track += _variable(tick - now) + message
            now = tick
        header = (6).to_bytes(4, "big") + b"".join(number.to_bytes(2, "big") for number in (0, 1, TICKS))
        return b"MThd" + header + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)

    def _tick(self, step: int) -> int:
        beat, part = divmod(step, STEPS)
        half = STEPS // 2
        within = part / half * self._swing if part <= half else self._swing + (part / half - 1) * (1 - self._swing)
        return round((beat + within) * TICKS)


def _variable(number: int) -> bytes:
    """A number as MIDI writes it: seven bits a byte, the last without the high bit."""
    assert number >= 0, "an event before the one it follows: a player would wait for ever"
    written = [number & 127]
    while number := number >> 7:
        written.append(number & 127 | 128)
    return bytes(reversed(written))
