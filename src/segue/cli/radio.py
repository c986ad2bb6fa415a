"""``segue radio``: an endless station, or an evening of it in a playlist."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.picks import show_picks
from segue.cli.screen import print_json, say
from segue.cli.wished import Energy, Genre, Mood, Strict, Tempo, Valence, Year, read_wishes


def radio(
    listener: Annotated[str, typer.Argument(help="For whom.")] = "me",
    minutes: Annotated[float, typer.Option(min=1, max=10_080, help="How long; a week at most.")] = 60,
    start: Annotated[
        str | None, typer.Option(help="Begin near this track or audio file.", show_default="the listener's own taste")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(readable=False, help="Write an M3U8 playlist here.", show_default=False)
    ] = None,
    at: Annotated[
        str | None, typer.Option(help='The moment it begins: "22:30" or ISO 8601.', show_default="now")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another evening.")] = 0,
    genre: Genre = None,
    year: Year = None,
    tempo: Tempo = None,
    mood: Mood = None,
    energy: Energy = None,
    valence: Valence = None,
    strict: Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Plan a radio programme for a listener. Planning is not listening: nothing is written to the history."""
    import segue
    from segue.recommend.playlists import write_m3u8

    wishes = read_wishes(genre, year, tempo, mood, energy, valence, strict=strict)
    with segue.open() as library:
        picks = library.programme(listener, minutes=minutes, start=start, at=at, seed=seed, wishes=wishes)
    name = f"Segue radio for {listener}"
    if to is not None:
        write_m3u8(to, [pick.track for pick in picks], name)
    if as_json:
        print_json({"listener": listener, "picks": picks, "playlist": to})
        return
    show_picks(name, picks)
    length_s = sum(pick.track.duration_s or 0 for pick in picks)
    say(f"{len(picks)} tracks, {length_s / 60:.0f} minutes" + (f", written to {to}" if to else ""))
