"""``segue recommend``: what to hear now."""

from typing import Annotated

import typer

from segue.cli.picks import show_picks
from segue.cli.screen import print_json, say


def recommend(
    listener: Annotated[str, typer.Argument(help="For whom.")] = "me",
    count: Annotated[int, typer.Option("--count", "-k", min=1, help="How many tracks.")] = 10,
    at: Annotated[str | None, typer.Option(help='The moment: "22:30" or ISO 8601.', show_default="now")] = None,
    genre: Annotated[str | None, typer.Option(help='Steer to a genre, in your words: "dub techno".')] = None,
    year: Annotated[str | None, typer.Option(help="Steer to years: 1994, 1990..1999, 2010.., ..1980.")] = None,
    tempo: Annotated[str | None, typer.Option(help="Steer to beats a minute: 120..130.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Leave out what does not fit a wish.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Recommend tracks to a listener, each with the reason that truly ranked it."""
    import segue
    from segue.recommend.wishes import Range, Wishes

    wishes = Wishes(
        genre=genre,
        year=None if year is None else Range.read(year, "year"),
        tempo=None if tempo is None else Range.read(tempo, "tempo"),
        strict=strict,
    )
    with segue.open() as library:
        answer = library.recommend(listener, k=count, at=at, wishes=wishes)
    if as_json:
        print_json(answer)
        return
    show_picks(f"For {listener}, from {answer.basis}", answer.picks)
    for note in answer.notes:
        say(f"  {note}")
