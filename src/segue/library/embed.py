"""Vectors of any files with one call: choose or train the encoder, then write the table. No home folder is used."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import BadInput, NotFound
from segue.home import new_directory
from segue.library.ears import EARS
from segue.progress import Progress, silent
from segue.settings import Size

if TYPE_CHECKING:
    from segue.encoders.contract import Encoder
    from segue.encoders.files import EmbedReport

__all__ = ["embed_files"]


def embed_files(
    paths: Sequence[str | os.PathLike[str]],
    to: Path,
    *,
    encoder: str = EARS,
    train: bool = False,
    size: Size = "small",
    seed: int = 0,
    workers: int = 0,
    progress: Progress = silent,
) -> "EmbedReport":
    """Write one vector a sound file to the Parquet file ``to`` (columns ``path``, ``vector``).

    Parameters
    ----------
    encoder
        With ``train``: the kind to train (see ``encoders.registry.ENCODERS``), kept beside ``to`` as NAME.encoder.
        Without: a folder with a trained one, or "ears" for the one that comes with Segue.

    Raises
    ------
    NotFound
        A path, or the encoder, does not exist.
    BadInput
        ``to`` can't be written, or there is nothing to train on.
    """
    from segue.encoders.files import embed_paths, train_and_embed_paths
    from segue.encoders.registry import ENCODERS, train_encoder

    if not train:
        return embed_paths(paths, _place_of(encoder), to, workers=workers, progress=progress)
    if encoder not in ENCODERS:
        raise NotFound(f"no encoder is called '{encoder}': train one of {', '.join(ENCODERS)}")
    kept = to.with_name(f"{to.stem}.encoder")
    if kept.exists() and not (kept / "card.json").exists():
        raise BadInput(f"{kept} is in the way of the encoder that is to be kept there: move it, or name another --to")

    def learn(mels: Any, groups: list[str]) -> "Encoder":
        learned = train_encoder(encoder, mels, groups, size=size, seed=seed, progress=progress)
        if kept.exists():
            shutil.rmtree(kept)
        with new_directory(kept) as directory:
            learned.save(directory)
        return learned

    return train_and_embed_paths(paths, learn, to, workers=workers, progress=progress)


def _place_of(name: str) -> Path:
    from segue.encoders.shipped import shipped_place, shipped_version

    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name != EARS:
        raise NotFound(f"no trained encoder is in '{name}': give a folder that has one, or train it with --train")
    shipped_version()  # says what to do where the package is not whole
    return shipped_place()
