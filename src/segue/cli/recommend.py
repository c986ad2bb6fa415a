"""``segue recommend``: what to hear now."""

from typing import Annotated

import typer

from segue.cli.picks import show_picks
from segue.cli.screen import print_json, say
from segue.cli.wished import Energy, Genre, Mood, Strict, Tempo, Valence, Year, read_wishes


def recommend(
    listener: Annotated[str, typer.Argument(help="For whom.")] = "me",
    count: Annotated[int, typer.Option("--count", "-k", min=1, help="How many tracks.")] = 10,
    at: Annotated[str | None, typer.Option(help='The moment: "22:30" or ISO 8601.', show_default="now")] = None,
    genre: Genre = None,
    year: Year = None,
    tempo: Tempo = None,
    mood: Mood = None,
    energy: Energy = None,
    valence: Valence = None,
    strict: Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Recommend tracks to a listener, each with the reason that truly ranked it."""
    import segue

    wishes = read_wishes(genre, year, tempo, mood, energy, valence, strict=strict)
    with segue.open() as library:
        answer = library.recommend(listener, k=count, at=at, wishes=wishes)
    if as_json:
        print_json(answer)
        return
    show_picks(f"For {listener}, from {answer.basis}", answer.picks)
    for note in answer.notes:
        say(f"  {note}")
