"""``segue describe``: tempo, key, loudness and more, of tracks and of files."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.screen import print_json, say, table

if TYPE_CHECKING:
    from segue.library.describing import Description

COLUMNS = ("", "bpm", "key", "LUFS", "LU", "Hz", "onsets/s", "pulse", "genre")

Genres = list[tuple[str, float]]


def describe(
    tracks: Annotated[
        list[str], typer.Argument(help="Tracks (title, “Artist - Title”, id) or any audio files.", show_default=False)
    ],
    whole: Annotated[
        bool, typer.Option("--whole", help="Hear whole files, not eight windows of them: exact loudness, more time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a sound is like: tempo, key, loudness, brightness, how busy it is and how plain its pulse.

    In the table: tempo (with the next best answer, most often its double or half), key (with its place on the Camelot
    wheel), loudness and its range, brightness (the spectral centroid), onsets a second, pulse clarity from 0 to 1. “?”
    is said of what is less likely right than wrong, “–” of what could not be told. A genre with a share is told by its
    sound, as learned from the tracks that are tagged with it; one without is in the track's own tags.
    """
    import segue

    with segue.open() as library:
        found = [library.describe(one, whole=whole) for one in tracks]
        genres: list[Genres] = [library.genres(one.track) if one.track and one.track.path else [] for one in found]
    if as_json:
        print_json([_plain(*one) for one in zip(found, genres, strict=True)])
        return
    table("What it sounds like", COLUMNS, [_row(*one) for one in zip(found, genres, strict=True)])
    if not whole:
        say("From eight windows of each; loudness is an estimate: --whole measures it.")


def _row(found: "Description", genres: Genres) -> list[object]:
    told = found.descriptors
    return [
        str(found.track) if found.track else found.path and found.path.name,
        _tempo(told.tempo_bpm, told.other_tempo_bpm, told.tempo_confidence),
        told.key and f"{told.key.name} ({told.key.camelot}){_doubt(told.key.confidence)}",
        _rounded(told.loudness_lufs, 1),
        _rounded(told.loudness_range_lu, 1),
        _rounded(told.brightness_hz, 0),
        _rounded(told.onsets_per_s, 1),
        _rounded(told.pulse_clarity, 2),
        ", ".join(genre if chance == 1 else f"{genre} {chance:.0%}" for genre, chance in genres[:2]) or None,
    ]


def _tempo(bpm: float | None, other_bpm: float | None, confidence: float | None) -> str | None:
    if bpm is None:
        return None
    return f"{bpm:.1f}{_doubt(confidence)}" + (f" ({other_bpm:.0f})" if other_bpm else "")


def _doubt(confidence: float | None) -> str:
    return "?" if confidence is not None and confidence < 0.5 else ""


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _plain(found: "Description", genres: Genres) -> dict[str, object]:
    told = found.descriptors
    key = told.key and {"name": told.key.name, "camelot": told.key.camelot, **asdict(told.key)}
    return {"path": found.path, "track": found.track, "descriptors": {**asdict(told), "key": key}, "genres": genres}
