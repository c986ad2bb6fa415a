"""Wishes as options, the same for every command that picks."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segue.recommend.wishes import Wishes

__all__ = ["Energy", "Genre", "Mood", "Strict", "Tempo", "Valence", "Year", "read_wishes"]

Genre = Annotated[str | None, typer.Option(help='Steer to a genre, in your words: "dub techno".')]
Year = Annotated[str | None, typer.Option(help="Steer to years: 1994, 1990..1999, 2010.., ..1980.")]
Tempo = Annotated[str | None, typer.Option(help="Steer to beats a minute: 120..130.")]
Mood = Annotated[str | None, typer.Option(help='Steer to a mood: "calm", "happy", "dark", "party".')]
Energy = Annotated[str | None, typer.Option(help="Steer to energy, 0 to 1 of your library: 0.7.., 0.2..0.6.")]
Valence = Annotated[str | None, typer.Option(help="Steer to valence, sad 0 to happy 1: 0.5.., ..0.3.")]
Strict = Annotated[bool, typer.Option("--strict", help="Leave out what does not fit a wish.")]


def read_wishes(
    genre: str | None,
    year: str | None,
    tempo: str | None,
    mood: str | None,
    energy: str | None,
    valence: str | None,
    *,
    strict: bool,
) -> "Wishes":
    """Wishes as they were typed.

    Raises
    ------
    BadInput
        A range can't be read.
    """
    from segue.recommend.wishes import Range, Wishes

    return Wishes(
        genre=genre,
        year=None if year is None else Range.read(year, "year"),
        tempo=None if tempo is None else Range.read(tempo, "tempo"),
        mood=mood,
        energy=None if energy is None else Range.read(energy, "energy"),
        valence=None if valence is None else Range.read(valence, "valence"),
        strict=strict,
    )
