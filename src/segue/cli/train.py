"""``segue train``: learn from the library and its listens."""

from typing import Annotated

import typer

from segue.cli.choices import Size
from segue.cli.screen import print_json, table, watching


def train(
    size: Annotated[Size | None, typer.Option(help="One dial for size and time.", show_default="small")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Where randomness starts.", show_default="0")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Train the models: what the music sounds like, and what its listeners do with it.

    What has not changed since the last training is not done again.
    """
    import segue

    with segue.open() as library, watching() as progress:
        result = library.train(size=size.value if size else None, seed=seed, progress=progress)
    if as_json:
        print_json(result)
        return
    table(
        "Trained",
        ["tracks", "with a vector", "events", *(f"{stage} (s)" for stage in result.seconds)],
        [[result.tracks, result.embedded, result.listens, *result.seconds.values()]],
    )
