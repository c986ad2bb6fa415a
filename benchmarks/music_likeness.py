"""Do the ears tell music from speech, noise and effects? Music, voices and sounds that no training ever heard.

python -m benchmarks.music_likeness CACHE [--ears DIR] [--json]

CACHE is the recipe's (``make weights``): its ``music`` holds the packages that ``recipes.music.fetch`` fills, and the
clips that are no music are made in it (``recipes.not_music``).
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recipes.music import recordings
from recipes.not_music import not_music
from segue.audio.listen import mel_windows_of_many
from segue.cli.screen import complain, watching
from segue.encoders.joint import Ears
from segue.encoders.musiclike import THRESHOLD
from segue.encoders.shipped import shipped_place
from segue.errors import NotReady, SegueError, UnreadableAudio
from segue.progress import Progress

Floats = npt.NDArray[np.float32]


def area(music: Floats, others: Floats) -> float:
    """The chance that music scores above what is none (the area under the ROC curve); a tie is half a win."""
    above = (music[:, None] > others).mean() + (music[:, None] == others).mean() / 2
    return float(above)


def summary(music: Floats, others: Mapping[str, Floats]) -> dict[str, Any]:
    """What the scores of music and of each kind of other sound say."""
    rest = np.concatenate(list(others.values()))
    return {
        "auc": area(music, rest),
        "kinds": {
            kind: {
                "files": len(scores),
                "median": float(np.median(scores)),
                "below": float((scores < THRESHOLD).mean()),
            }
            for kind, scores in {"music": music, "all other sound": rest, **others}.items()
        },
    }


def measure(cache: Path, folder: Path, progress: Progress) -> dict[str, Any]:
    """Score the unheard music of the cache, and sound that is none.

    Raises
    ------
    SegueError
        There is no music, or the clips can't be made.
    """
    ears = Ears.load(folder)
    if ears.likeness is None:
        raise NotReady(f"{folder} never learned what is no music")

    def scores(paths: Sequence[Path]) -> Floats:
        heard = [mels for _, mels in mel_windows_of_many(paths, 0, progress) if not isinstance(mels, UnreadableAudio)]
        if not heard or ears.likeness is None:
            raise NotReady(f"there is no music in {cache}: fetch it with recipes.music")
        return ears.likeness.score(np.stack([ears.encode(mels) for mels in heard]))

    clips = not_music(cache, "test", progress)
    kinds = sorted({clip.kind for clip in clips})
    music = scores([recording.path for recording in recordings(cache / "music", "test")])
    return summary(music, {kind: scores([clip.path for clip in clips if clip.kind == kind]) for kind in kinds})


def table(found: Mapping[str, Any]) -> str:
    """As a person reads it."""
    lines = [
        f"AUC {found['auc']:.3f}",
        "",
        "| sound | files | median score | said to be no music |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | {one['files']} | {one['median']:.3f} | {100 * one['below']:.1f} % |"
        for kind, one in found["kinds"].items()
    ]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.music_likeness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("cache", type=Path, metavar="CACHE", help="the cache of make weights")
    parser.add_argument("--ears", type=Path, help="a folder with trained ears (default: those shipped)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(words)
    try:
        with watching() as progress:
            found = measure(given.cache, given.ears or shipped_place(), progress)
    except SegueError as error:
        complain(str(error))
        return 1
    print(json.dumps(found, indent=1) if given.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
