"""``segue embed``: vectors of any audio files, without a library."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.choices import Size
from segue.cli.screen import print_json, say, watching


def embed(
    paths: Annotated[list[Path], typer.Argument(readable=False, help="Audio files, or folders of them.")],
    to: Annotated[Path, typer.Option(readable=False, help="The Parquet file to write: path, vector.")],
    encoder: Annotated[
        str,
        typer.Option(
            help="ears, the ones that come with Segue; or a folder that holds a trained one. "
            "With --train: ears, autoencoder, gru or statistics."
        ),
    ] = "ears",
    train: Annotated[bool, typer.Option("--train", help="Train it on these files first.")] = False,
    size: Annotated[Size, typer.Option(help="With --train: one dial for size and time.")] = Size.small,
    seed: Annotated[int, typer.Option(min=0, help="With --train: where randomness starts.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Write one vector a file to a Parquet file; files that can't be heard go to NAME.skipped.jsonl beside it.

    With --train the encoder is kept beside it too, as NAME.encoder: give that folder to --encoder later.
    """
    from segue.library.embed import embed_files

    with watching() as progress:
        report = embed_files(paths, to, encoder=encoder, train=train, size=size.value, seed=seed, progress=progress)
    if as_json:
        print_json(report)
        return
    say(f"{report.embedded} files embedded ({report.dim} numbers each), {report.skipped} skipped: {to}")
