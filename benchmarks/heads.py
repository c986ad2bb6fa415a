"""How right genres and moods are that heads tell from a few labels, on packages (games) they never saw.

python -m benchmarks.heads MUSIC [--cache DIR] [--markdown FILE] [--seed N]

MUSIC is the folder of packages that ``recipes.music.fetch`` fills; the packages that no training heard are asked
about, each told by heads that learned from other packages only (``segue.qualities.heads``, five folds of whole
packages). Beside the ears the same heads learn from MFCC statistics and from descriptors only, and "majority" tells the
frequencies. Moods: the signs of valence and arousal that people gave (``SEGUE_DATA/mood``), each game told from the
others.
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.hearing.contenders import Contender, baselines, ours
from benchmarks.hearing.sounds import Kept, Sound
from benchmarks.pages import put
from recipes.music import recordings
from segue.audio.descriptors.describe import describe_file
from segue.audio.descriptors.values import Descriptors
from segue.cli.screen import complain, watching
from segue.encoders.corpus import Corpus
from segue.encoders.registry import load_encoder
from segue.encoders.shipped import shipped_place
from segue.errors import BadInput, SegueError
from segue.evaluate.intervals import DRAWS, interval
from segue.progress import Progress
from segue.qualities.heads import FOLDS, fit_heads, folds_of

FEW = (5, 10, 20, 50)
REPEATS = 10
BINS = 10
STATISTICS_TRACKS = 200

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Tell = Callable[[Mask, Mask], Floats]
"""Probabilities float64 (rows asked, labels) from the rows that may be learned from and the rows asked."""


class Question(NamedTuple):
    """What is to be told.

    Attributes
    ----------
    labels
        Their names.
    truth
        bool (n, labels).
    groups
        (n,): what is never on both sides.
    """

    labels: tuple[str, ...]
    truth: Mask
    groups: list[str]


def genres(styles: Sequence[str | None], packages: Sequence[str]) -> tuple[npt.NDArray[np.int64], Question]:
    """The rows whose style two packages have, and the question which it is."""
    having: dict[str, set[str]] = {}
    for style, package in zip(styles, packages, strict=True):
        if style:
            having.setdefault(style, set()).add(package)
    names = tuple(sorted(style for style, where in having.items() if len(where) > 1))
    rows = np.array([row for row, style in enumerate(styles) if style in names], dtype=np.int64)
    truth = np.array([[styles[row] == name for name in names] for row in rows], dtype=bool)
    return rows, Question(names, truth, [packages[row] for row in rows])


def held_out(question: Question, tell: Tell, folds: int = FOLDS) -> Floats:
    """Probabilities float64 (n, labels), each told from the other folds."""
    fold = folds_of(question.groups, folds)
    found = np.zeros(question.truth.shape)
    for one in np.unique(fold):
        found[fold == one] = tell(fold != one, fold == one)
    return found


def telling(vectors: npt.NDArray[np.floating], question: Question) -> Tell:
    """Heads over vectors; a label that stands nowhere among the rows learned from is not told."""
    groups = np.asarray(question.groups)

    def tell(known: Mask, asked: Mask) -> Floats:
        truth = question.truth[known]
        there: Mask = np.asarray(truth.any(axis=0) & ~truth.all(axis=0))
        found = np.tile(truth.mean(axis=0), (int(asked.sum()), 1))
        if there.any():
            labels = [label for label, one in zip(question.labels, there, strict=True) if one]
            heads = fit_heads(vectors[known], truth[:, there], labels, groups[known].tolist())
            found[:, there] = heads(vectors[asked])
        return found

    return tell


def majority(question: Question) -> Tell:
    """Every track is told how frequent each label is."""
    return lambda known, asked: np.tile(question.truth[known].mean(axis=0), (int(asked.sum()), 1))


def raised(question: Question, tell: Tell) -> Tell:
    """Chances over the labels' frequencies among the rows learned from: which label is raised most."""

    def lift(known: Mask, asked: Mask) -> Floats:
        return np.asarray(tell(known, asked) / np.maximum(question.truth[known].mean(axis=0), 1e-9))

    return lift


def macro_f1(question: Question, lifts: Floats, seed: int = 0) -> tuple[float, float, float]:
    """Macro-F1 of the label that is raised most over its frequency, and its 95 % interval over groups.

    The likeliest label itself is nearly always the most frequent one: what counts every label alike asks for this.
    """
    said = np.eye(len(question.labels), dtype=bool)[lifts.argmax(axis=1)]
    counts = [question.truth & said, ~question.truth & said, question.truth & ~said]
    drawn = _by_group(question, np.concatenate(counts, axis=1).astype(np.float64), seed)

    def score(sums: Floats) -> Floats:
        right, false, missed = np.split(sums, 3, axis=1)
        return np.asarray((2 * right / np.maximum(2 * right + false + missed, 1)).mean(axis=1))

    return float(score(drawn[:1])[0]), *interval(score(drawn[1:]))


def balanced_accuracy(question: Question, chances: Floats, column: int, seed: int = 0) -> tuple[float, float, float]:
    """Balanced accuracy of one label, told above its frequency, and its 95 % interval over groups."""
    truth = question.truth[:, column]
    said = chances[:, column] > truth.mean()
    counts = np.stack([truth & said, truth, ~truth & ~said, ~truth], axis=1).astype(np.float64)
    drawn = _by_group(question, counts, seed)
    score = (drawn[:, 0] / np.maximum(drawn[:, 1], 1) + drawn[:, 2] / np.maximum(drawn[:, 3], 1)) / 2
    return float(score[0]), *interval(score[1:])


def calibration_error(question: Question, chances: Floats) -> float:
    """How far chances lie from frequencies, in ten bins of all pairs of track and label, weighed by their sizes."""
    place = np.minimum((chances * BINS).astype(int), BINS - 1).ravel()
    sizes = np.bincount(place, minlength=BINS)
    apart = np.bincount(place, (chances - question.truth).ravel(), minlength=BINS)
    return float(np.abs(apart).sum() / sizes.sum())


def from_few(question: Question, vectors: npt.NDArray[np.floating], few: int, seed: int = 0) -> float:
    """Mean macro-F1 where heads learn from so many tracks a label at most, over ``REPEATS`` draws of them."""
    tell, scores = telling(vectors, question), []
    for repeat in range(REPEATS):
        chance = np.random.default_rng([seed, few, repeat])

        def some(known: Mask, asked: Mask, chance: np.random.Generator = chance) -> Floats:
            kept = np.zeros_like(known)
            for column in question.truth.T:
                rows = np.flatnonzero(column & known)
                kept[chance.permutation(rows)[:few]] = True
            return raised(question, tell)(kept, asked)

        scores.append(macro_f1(question, held_out(question, some))[0])
    return float(np.mean(scores))


def _by_group(question: Question, counts: Floats, seed: int) -> Floats:
    """float64 (1 + draws, columns): the sums of counts, first as they are, then of groups drawn with replacement."""
    names, number = np.unique(np.asarray(question.groups), return_inverse=True)
    sums = np.stack([np.bincount(number, column, minlength=len(names)) for column in counts.T], axis=1)
    drawn = np.random.default_rng([seed, 7]).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    return np.concatenate([np.ones((1, len(names))), drawn]) @ sums


def numbers(told: Descriptors) -> list[float]:
    """The descriptors as numbers, NaN where one could not be told."""
    key = told.key
    pairs = (
        None if told.tempo_bpm is None else float(np.log2(told.tempo_bpm)),
        told.tempo_confidence,
        None if key is None else float(key.mode == "minor"),
        None if key is None else key.confidence,
        told.loudness_lufs,
        told.loudness_range_lu,
        None if told.brightness_hz is None else float(np.log2(told.brightness_hz + 1)),
        told.onsets_per_s,
        told.pulse_clarity,
    )
    return [np.nan if one is None else float(one) for one in pairs]


def standardised(rows: npt.NDArray[np.floating]) -> Floats:
    """Columns at mean 0 and deviation 1; what is unknown is the mean."""
    rows = np.asarray(rows, dtype=np.float64)
    rows = rows - np.nanmean(rows, axis=0)
    return np.asarray(np.nan_to_num(rows / np.maximum(np.nanstd(rows, axis=0), 1e-9), nan=0.0))


def hear(paths: Sequence[Path], contenders: Sequence[Contender], kept: Kept, progress: Progress) -> dict[str, Floats]:
    """Vectors float64 (n, dim) by contender, descriptors among them, standardised each."""
    rows: dict[str, list[npt.NDArray[np.floating]]] = {"descriptors": [], **{one.key: [] for one in contenders}}
    for done, path in enumerate(paths):
        progress("hearing", done, len(paths))
        sound = Sound(path, kept)
        for one in contenders:
            maker = f"{one.key}-{one.version}"
            made = kept.get(maker, sound.content)
            if made is None:
                made = one.hear(sound).astype(np.float32)
                kept.put(maker, sound.content, made)
            rows[one.key].append(made[0])
        made = kept.get("descriptors-1", sound.content)
        if made is None:
            made = np.array(numbers(describe_file(path)))
            kept.put("descriptors-1", sound.content, made)
        rows["descriptors"].append(made)
    progress("hearing", len(paths), len(paths))
    return {key: standardised(np.stack(each)) for key, each in rows.items()}


def _contenders(music: Path, kept: Kept, progress: Progress) -> list[Contender]:
    def corpus() -> Corpus:
        training = recordings(music, "train")
        some = training[:: max(1, len(training) // STATISTICS_TRACKS)]
        mels = []
        for done, one in enumerate(some):
            progress("training music for MFCC statistics", done, len(some))
            mels.append(Sound(one.path, kept).mels.astype(np.float16))
        return Corpus(np.stack(mels), [one.package for one in some])

    ears = load_encoder(shipped_place())
    return [baselines(corpus, ears, 0)["statistics"](), ours(ears)["ears"]()]


TITLES = {"majority": "majority", "descriptors": "descriptors", "statistics": "MFCC statistics", "ears": "Segue: ears"}


def tables(genre: tuple[Question, dict[str, Floats]], mood: tuple[Question, dict[str, Floats]] | None) -> str:
    """Everything in Markdown."""

    def shown(three: tuple[float, float, float]) -> str:
        return f"{three[0]:.3f} ({three[1]:.2f} to {three[2]:.2f})"

    question, heard = genre
    lines = [
        f"*Genre*: {len(question.truth)} tracks of {len(set(question.groups))} packages, "
        f"{len(question.labels)} styles.",
        "",
        "| | macro-F1 | calibration error | " + " | ".join(f"macro-F1 from {few}" for few in FEW) + " |",
        "|---" * (3 + len(FEW)) + "|",
    ]
    for key in TITLES:
        tell = majority(question) if key == "majority" else telling(heard[key], question)
        chances = held_out(question, tell)
        few = ["" if key == "majority" else f"{from_few(question, heard[key], one):.3f}" for one in FEW]
        lifts = held_out(question, raised(question, tell))
        cells = [shown(macro_f1(question, lifts)), f"{calibration_error(question, chances):.3f}", *few]
        lines.append(f"| {TITLES[key]} | {' | '.join(cells)} |")
    if mood is not None:
        question, heard = mood
        games = len(set(question.groups))
        lines += [
            "",
            f"*Mood*: {len(question.truth)} pieces of {games} games, each game told from the others.",
            "",
            "| | valence, balanced accuracy | arousal, balanced accuracy | calibration error |",
            "|---|---|---|---|",
        ]
        for key in TITLES:
            tell = majority(question) if key == "majority" else telling(heard[key], question)
            chances = held_out(question, tell, games)
            cells = [shown(balanced_accuracy(question, chances, column)) for column in range(2)]
            lines.append(f"| {TITLES[key]} | {' | '.join(cells)} | {calibration_error(question, chances):.3f} |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heads", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("music", type=Path, metavar="MUSIC", help="the folder that recipes.music.fetch fills")
    parser.add_argument("--cache", type=Path, help="where to keep what was heard (default: MUSIC/../hearing)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables into this page")
    given = parser.parse_args(words)
    try:
        kept = Kept(given.cache or given.music.parent / "hearing")
        tracks = [one for one in recordings(given.music, "test") if one.style]
        if not tracks:
            raise BadInput(f"{given.music} holds no packages of music: fill it with recipes.music.fetch")
        data = os.environ.get("SEGUE_DATA")
        labels = Path(data) / "mood" / "labels.tsv" if data else None
        with watching() as progress:
            contenders = _contenders(given.music, kept, progress)
            heard = hear([one.path for one in tracks], contenders, kept, progress)
            rows, question = genres([one.style for one in tracks], [one.package for one in tracks])
            genre = (question, {key: each[rows] for key, each in heard.items()})
            mood = None
            if labels and labels.is_file():
                with labels.open(encoding="utf-8", newline="") as file:
                    lines = list(csv.DictReader(file, delimiter="\t"))
                signs = np.array([[float(line["valence"]) > 0, float(line["arousal"]) > 0] for line in lines])
                asked = Question(("valence", "arousal"), signs, [line["group"] for line in lines])
                mood = (asked, hear([labels.parent / line["file"] for line in lines], contenders, kept, progress))
            text = tables(genre, mood)
        if given.markdown:
            put(text, given.markdown, "heads")
    except SegueError as error:
        complain(str(error))
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
