"""Wishes in people's words, made to what they ask of each playable track."""

import numpy as np
import numpy.typing as npt

from segue.audio.descriptors.kept import kept_descriptors
from segue.audio.descriptors.values import Descriptors
from segue.errors import BadInput, NotReady
from segue.qualities.library_genres import LibraryGenres
from segue.qualities.moods import Mood, mood_named, plane
from segue.recommend.shelf import Shelf
from segue.recommend.wishes import Range, Wish, Wishes, fit_range
from segue.store import Database
from segue.types import Track

__all__ = ["over"]

YEARS, TEMPO, SHARE = 5.0, 1.06, 0.1
"""Every so far from a wished range a track fits half as well: years, a ratio of tempos (a semitone of speed), shares of
the library."""

Floats = npt.NDArray[np.float32]


def over(database: Database, shelf: Shelf, genres: LibraryGenres, wishes: Wishes) -> list[Wish]:
    """Each wish over a shelf; ``genres`` are those of the shelf's tracks.

    Raises
    ------
    NotFound
        No genre like the one wished is in the library, or no mood is called so.
    NotReady
        A tempo, a mood, energy or valence is wished and no track has been described.
    BadInput
        An energy or a valence lies above 1.
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
        tempos = _column([None if one is None else one.tempo_bpm for one in _told(database, shelf)])
        fits = fit_range(tempos, wishes.tempo, TEMPO, ratio=True)

        def by_tempo(place: int) -> str:
            return "of no known tempo" if np.isnan(tempos[place]) else f"at {tempos[place]:.0f} bpm"

        found.append(Wish("tempo", f"at {wishes.tempo} bpm", fits, by_tempo, wishes.strict))
    return found + _moods(database, shelf, wishes)


def _moods(database: Database, shelf: Shelf, wishes: Wishes) -> list[Wish]:
    """Wishes about the plane of energy and valence."""
    if wishes.mood is None and wishes.energy is None and wishes.valence is None:
        return []
    mood = None if wishes.mood is None else mood_named(wishes.mood)
    where = plane(_told(database, shelf))
    found: list[Wish] = []
    if mood is not None:
        tagged = np.array([_tagged(track, mood) for track in shelf.tracks])

        def by_mood(place: int) -> str:
            if tagged[place]:
                return f"tagged {mood.name}"
            told = f"energy {where.energy[place]:.2f}, valence {where.valence[place]:.2f}"
            return "of no known mood" if np.isnan(where.energy[place]) else f"{mood.name} by its sound ({told})"

        fits = np.maximum(where.fit(mood), tagged.astype(np.float32))
        found.append(Wish("mood", mood.name, fits, by_mood, wishes.strict))
    if wishes.energy is not None:
        found.append(_share("energy", where.energy, wishes.energy, strict=wishes.strict))
    if wishes.valence is not None:
        found.append(_share("valence", where.valence, wishes.valence, strict=wishes.strict))
    return found


def _share(name: str, values: Floats, wished: Range, *, strict: bool) -> Wish:
    if wished.least > 1:
        raise BadInput(f"{name} runs from 0 to 1, a share of the library: write 0.7.. or 0.2..0.6")

    def because(place: int) -> str:
        return f"of no known {name}" if np.isnan(values[place]) else f"of {name} {values[place]:.2f}"

    return Wish(name, f"of {name} {wished}", fit_range(values, wished, SHARE), because, strict)


def _told(database: Database, shelf: Shelf) -> list[Descriptors | None]:
    kept = kept_descriptors(database, [track.id for track in shelf.tracks])
    if not kept:
        raise NotReady(
            "of no track tempo, loudness and key are known yet: run 'segue describe', which keeps what it hears"
        )
    return [kept.get(track.id) for track in shelf.tracks]


def _tagged(track: Track, mood: Mood) -> bool:
    words = {mood.name, *mood.words}
    return any(one.strip().casefold() in words for said in track.moods for one in said.replace(",", ";").split(";"))


def _column(values: list[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
