"""Everything heard by everybody: files go in, unit vectors of whole tracks and of their halves come out.

Files are taken one after the other and every contender hears each, so that a file is decoded once; what is done is
kept at once, and a run that was ended goes on where it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.hearing.contenders import Contender
from benchmarks.hearing.peers import joined
from benchmarks.hearing.sounds import Kept, Sound
from segue.encoders.standard import Standard, unit
from segue.errors import UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["Vectors", "hear", "standards", "vectors"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors float32 (tracks, dim) of one contender; all NaN where it does not hear halves."""

    whole: Floats
    first: Floats
    second: Floats

    @property
    def halves(self) -> bool:
        """Whether it hears them."""
        return not bool(np.isnan(self.first).any() or np.isnan(self.second).any())

    def only(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Vectors":
        """Of these tracks."""
        return Vectors(self.whole[rows], self.first[rows], self.second[rows])


def hear(
    contenders: Sequence[Contender], paths: Sequence[Path], kept: Kept, *, stage: str, progress: Progress = silent
) -> tuple[dict[str, Floats], dict[str, str]]:
    """float32 (tracks, 3, dim) by contender's key, also of those joined, NaN where it failed; and who failed on what.

    The failures are by ``"KEY: FILE"``.
    """
    heard: dict[str, list[Floats | None]] = {one.key: [] for one in contenders}
    failures: dict[str, str] = {}
    progress(stage, 0, len(paths))
    for done, path in enumerate(paths):
        sound = Sound(path, kept)
        for one in contenders:
            try:
                heard[one.key].append(_heard(one, sound, kept))
            except UnreadableAudio as error:
                heard[one.key].append(None)
                failures[f"{one.key}: {path.name}"] = str(error).removeprefix(f"{path}: ")
        progress(stage, done + 1, len(paths))
    rows = {key: _rows(parts) for key, parts in heard.items() if any(part is not None for part in parts)}
    return {**rows, **joined(rows)}, failures


def standards(contenders: Iterable[Contender], heard: Mapping[str, Floats]) -> dict[str, Standard]:
    """The centre and deviation of the whole tracks heard, for each contender that brings none of its own."""
    centred = {one.key for one in contenders if one.centred}
    return {
        key: Standard.of(rows[:, 0][np.isfinite(rows[:, 0]).all(1)])
        for key, rows in heard.items()
        if key not in centred
    }


def vectors(heard: Mapping[str, Floats], by: Mapping[str, Standard]) -> dict[str, Vectors]:
    """The unit vectors of what was heard, centred and z-scored by these standards."""
    made = {}
    for key, rows in heard.items():
        lines = [[_vector(part, by.get(key)) for part in track] for track in rows]
        made[key] = Vectors(*np.asarray(lines, dtype=np.float32).transpose(1, 0, 2))
    return made


def _heard(one: Contender, sound: Sound, kept: Kept) -> Floats:
    maker = f"{one.key}-{one.version}"
    known = kept.get(maker, sound.content)
    if known is None:
        known = one.hear(sound).astype(np.float32)
        kept.put(maker, sound.content, known)
    return known


def _rows(parts: Sequence[Floats | None]) -> Floats:
    shape = next(part.shape for part in parts if part is not None)
    return np.stack([np.full(shape, np.nan, dtype=np.float32) if part is None else part for part in parts])


def _vector(features: Floats, standard: Standard | None) -> Floats:
    if np.isnan(features).any():
        return np.full_like(features, np.nan)
    return unit(features if standard is None else standard.apply(features))
