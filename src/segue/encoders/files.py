"""Vectors of any sound files, without a home folder: the table that ``segue embed`` writes.

Files and folders flow in; a Parquet file of paths and vectors flows out, and beside it the list of files that gave
none. Where the encoder is to be trained on these very files, they are still decoded only once: their log-mels wait
in a scratch file beside the table.
"""

import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segue.audio.listen import SHAPE, mel_windows_of_many
from segue.catalogue.walk import Found, Skipped, text_of, walk
from segue.encoders.contract import Encoder, read_card
from segue.encoders.hearing import vectors_of_many
from segue.errors import BadInput, NotFound, UnreadableAudio
from segue.home import write_bytes, write_text
from segue.progress import Progress, silent

__all__ = ["EmbedReport", "embed_paths", "train_and_embed_paths"]

Floats = npt.NDArray[np.float32]
Train = Callable[[npt.NDArray[np.float16], list[str]], Encoder]
"""Makes an encoder of log-mels (files, windows, frames, mels) and of the folder each file is in."""


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What was written: numbers of files, numbers a vector, and the two files."""

    embedded: int
    skipped: int
    dim: int
    vectors: Path
    skipped_file: Path


def embed_paths(
    paths: Sequence[str | os.PathLike[str]],
    place: Path,
    to: Path,
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> EmbedReport:
    """Write the vector of each sound file to a Parquet file.

    ``to`` has the columns ``path`` (text; bytes that are no UTF-8 are spelled out) and ``vector`` (list of float32,
    unit length), one row a readable file, in order of the paths. Beside it NAME.skipped.jsonl has a line
    ``{"path": …, "reason": …}`` for each file that could not be used. Both are written whole or not at all.

    Parameters
    ----------
    paths
        Sound files, and folders that are searched for them.
    place
        The folder of a saved encoder.

    Raises
    ------
    NotFound
        One of the paths does not exist.
    BadInput
        ``to`` can't be written.
    DamagedHome
        The folder holds no encoder that can be read.
    """
    files, skipped = _files(paths)
    _require_writable(to)
    heard: list[str] = []
    rows: list[Floats] = []
    for position, vector in vectors_of_many(files, place, workers, progress):
        if isinstance(vector, UnreadableAudio):
            skipped.append(_unheard(files[position], vector))
        else:
            heard.append(files[position])
            rows.append(vector)
    return _write(to, heard, rows, int(read_card(place)["dim"]), skipped)


def train_and_embed_paths(
    paths: Sequence[str | os.PathLike[str]],
    train: Train,
    to: Path,
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> EmbedReport:
    """Train an encoder on sound files and write their vectors, as ``embed_paths`` does.

    Raises
    ------
    NotFound
        One of the paths does not exist.
    BadInput
        ``to`` can't be written, or none of the files can be heard.
    """
    files, skipped = _files(paths)
    _require_writable(to)
    heard: list[str] = []
    with tempfile.TemporaryFile(dir=to.parent, prefix=".log_mel.") as scratch:
        for position, mels in mel_windows_of_many(files, workers, progress):
            if isinstance(mels, UnreadableAudio):
                skipped.append(_unheard(files[position], mels))
            else:
                heard.append(files[position])
                scratch.write(mels.astype(np.float16).data)
        scratch.flush()
        if not heard:
            first = f" (the first: {skipped[0].reason})" if skipped else ""
            raise BadInput(f"none of these files can be heard{first}: give some music to train on")
        matrix = np.memmap(scratch, dtype=np.float16, mode="r", shape=(len(heard), *SHAPE))
        encoder = train(matrix, [str(Path(file).parent) for file in heard])
        rows = []
        for mels in matrix:
            rows.append(encoder.encode(mels))
            progress("encoding", len(rows), len(heard))
    return _write(to, heard, rows, encoder.dim, skipped)


def _require_writable(to: Path) -> None:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if not os.access(to.parent, os.W_OK):
            raise PermissionError(None, "permission denied")
    except OSError as error:
        raise BadInput(f"{to} can't be written ({error.strerror}): name a file such as vectors.parquet") from error


def _unheard(file: str, why: UnreadableAudio) -> Skipped:
    shown = text_of(os.fsencode(file))
    return Skipped(shown, str(why).removeprefix(f"{shown}: "))


def _write(to: Path, heard: Sequence[str], rows: Sequence[Floats], dim: int, skipped: list[Skipped]) -> EmbedReport:
    skipped_file = to.with_name(f"{to.stem}.skipped.jsonl")
    skipped.sort(key=lambda one: one.path)
    matrix = np.stack(rows) if rows else np.zeros((0, dim), dtype=np.float32)
    lines = [json.dumps({"path": one.path, "reason": one.reason}, ensure_ascii=False) for one in skipped]
    try:
        write_text(skipped_file, "".join(f"{line}\n" for line in lines))
        write_bytes(to, _parquet([text_of(os.fsencode(file)) for file in heard], matrix))
    except OSError as error:
        raise BadInput(f"{to} can't be written ({error.strerror}): name another place") from error
    return EmbedReport(len(heard), len(skipped), dim, to, skipped_file)


def _files(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[str], list[Skipped]]:
    """The sound files that are meant, each once, sorted, and what could not be looked at."""
    folders: list[bytes] = []
    files: set[bytes] = set()
    skipped: list[Skipped] = []
    for path in paths:
        name = os.fsencode(path)
        if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises where a folder above can't be entered)
            raise NotFound(f"there is no file or folder {text_of(name)}: check the name")
        if Path(path).is_dir():
            folders.append(name)
        else:
            files.add(name)
    for found in walk(sorted(set(folders))):
        if isinstance(found, Found):
            files.add(found.path)
        else:
            skipped.append(found)
    return [os.fsdecode(name) for name in sorted(files)], skipped


def _parquet(paths: list[str], matrix: Floats) -> bytes:
    import polars  # 0.1 s, not needed to look a vector up

    vectors = polars.Series("vector", matrix, dtype=polars.Array(polars.Float32, matrix.shape[1]))
    frame = polars.DataFrame(
        [polars.Series("path", paths, dtype=polars.String), vectors.cast(polars.List(polars.Float32))]
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
