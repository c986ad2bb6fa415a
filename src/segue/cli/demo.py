"""``segue demo``: the whole way, on real music."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    music: Annotated[
        Path | None, typer.Option(readable=False, help="Your own folder of music.", show_default="fetches open music")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(readable=False, help="Your own listening history.", show_default="simulated listeners"),
    ] = None,
    page: Annotated[Path, typer.Option(readable=False, help="The page to write.")] = Path("segue-demo.html"),
    seed: Annotated[int, typer.Option(min=0, help="Where randomness starts.")] = 0,
) -> None:
    """Show the whole way: get music, scan, listen, train, recommend, play a radio, and draw a page of it.

    It works in a home folder of its own ("demo" in Segue's home) and leaves your library alone.
    """
    from segue.cli.screen import console
    from segue.demo.run import run_demo
    from segue.home import Home

    run_demo(Home(Home().root / "demo"), music=music, history=history, page=page, seed=seed, console=console())
