"""Wishes in people's words, made to what they ask of each playable track."""

import numpy as np

from segue.audio.descriptors.kept import kept_descriptors
from segue.errors import NotReady
from segue.qualities.library_genres import LibraryGenres
from segue.recommend.shelf import Shelf
from segue.recommend.wishes import Wish, Wishes, fit_range
from segue.store import Database

__all__ = ["over"]

YEARS, TEMPO = 5.0, 1.06
"""Every so far from a wished range a track fits half as well: years, and a ratio of tempos (a semitone of speed)."""


def over(database: Database, shelf: Shelf, genres: LibraryGenres, wishes: Wishes) -> list[Wish]:
    """Each wish over a shelf; ``genres`` are those of the shelf's tracks.

    Raises
    ------
    NotFound
        No genre like the one wished is in the library.
    NotReady
        A tempo is wished and none is known.
    """
    found: list[Wish] = []
    if wishes.genre is not None:
        fit = genres.fit(wishes.genre)
        said = " or ".join(fit.genres)

        def by_genre(place: int) -> str:
            return f"tagged {said}" if fit.tagged[place] else f"{said} by its sound ({fit.chance[place]:.0%})"

        found.append(Wish("genre", said, fit.chance, by_genre, wishes.strict))
    if wishes.year is not None:
        years = np.array([np.nan if track.year is None else float(track.year) for track in shelf.tracks])
        fits = fit_range(years, wishes.year, YEARS)

        def by_year(place: int) -> str:
            return "of no known year" if np.isnan(years[place]) else f"of {years[place]:.0f}"

        found.append(Wish("year", f"of the year {wishes.year}", fits, by_year, wishes.strict))
    if wishes.tempo is not None:
        kept = kept_descriptors(database, [track.id for track in shelf.tracks])
        if not kept:
            raise NotReady("no track's tempo is known yet: run 'segue describe', which keeps what it hears")
        told = [kept[track.id].tempo_bpm if track.id in kept else None for track in shelf.tracks]
        tempos = np.array([np.nan if tempo is None else tempo for tempo in told])
        fits = fit_range(tempos, wishes.tempo, TEMPO, ratio=True)

        def by_tempo(place: int) -> str:
            return "of no known tempo" if np.isnan(tempos[place]) else f"at {tempos[place]:.0f} bpm"

        found.append(Wish("tempo", f"at {wishes.tempo} bpm", fits, by_tempo, wishes.strict))
    return found
