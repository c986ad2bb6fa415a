"""``segue explain``: why a track stands where it stands."""

from typing import Annotated

import typer

from segue.cli.screen import print_json, say, table
from segue.cli.wished import Energy, Genre, Mood, Strict, Tempo, Valence, Year, read_wishes


def explain(
    listener: Annotated[str, typer.Argument(help="For whom.")],
    track: Annotated[str, typer.Argument(help="A track: title, “Artist - Title”, id or file.")],
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
    """Explain why a track is, or is not, recommended to a listener."""
    import segue

    wishes = read_wishes(genre, year, tempo, mood, energy, valence, strict=strict)
    with segue.open() as library:
        shown = library.explain(listener, track, at=at, wishes=wishes)
    if as_json:
        print_json(shown)
        return
    say(f"{shown.track} stands at {shown.rank} of {shown.of} for {listener}, from {shown.basis}: {shown.score:+.2f}")
    say(f"  {shown.reason}")
    if shown.filtered:
        say(f"  It would not be picked now: {shown.filtered}")
    table("What moved it", ["part", "by"], [(name, round(value, 3)) for name, value in shown.parts.items()])
    if voices := [(name, round(value, 3)) for name, value in shown.voices.items() if value]:
        table("Behind the sequence: what moved the model's own score", ["voice", "by"], voices)
    for title, neighbours in (("Pulls it up by sound", shown.near), ("Pushes it down by sound", shown.away)):
        if neighbours:
            rows = [(one.name, one.how, round(one.similarity, 2), round(one.weight, 2)) for one in neighbours]
            table(title, ["track", "what you did", "similarity", "weight"], rows)
