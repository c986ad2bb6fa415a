"""``segue similar``: what sounds like this."""

from typing import Annotated

import typer

from segue.cli.picks import show_picks
from segue.cli.screen import print_json


def similar(
    track: Annotated[str, typer.Argument(help="A track (title, “Artist - Title”, id) or any audio file.")],
    count: Annotated[int, typer.Option("--count", "-k", min=1, help="How many tracks.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Find the tracks of the library that sound most like a track, or like a file from outside the library."""
    import segue

    with segue.open() as library:
        picks = library.similar(track, k=count)
    if as_json:
        print_json(picks)
        return
    show_picks(f"Sounds like {track}", picks)
