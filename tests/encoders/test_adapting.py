"""Ears are changed only for better ones: better on tracks that nothing was learned from, and by more than chance."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from scipy.fft import idct

from segue.audio.mel import FRAMES, MELS
from segue.encoders.adapting import adapt, scores_of
from segue.encoders.corpus import Corpus
from segue.encoders.statistics import MelStatistics
from segue.errors import NotReady

ALBUMS, EACH = 30, 3


def planted(albums: int = ALBUMS, seed: int = 0) -> Corpus:
    """Each album has a timbre and an unrest (how far each cepstral coefficient strays), each track a turn of both.

    Whatever the statistics measure says something: a feature that is but sampling noise would drown the tracks.
    """
    rng = np.random.default_rng(seed)
    timbres = rng.normal(0, 0.5, (albums, 1, 1, 1, MELS)) + rng.normal(0, 0.15, (albums, EACH, 1, 1, MELS))
    unrests = rng.normal(0, 0.5, (albums, 1, 1, 1, MELS)) + rng.normal(0, 0.15, (albums, EACH, 1, 1, MELS))
    cepstra = timbres + 0.3 * np.exp(unrests) * rng.normal(0, 1, (albums, EACH, 4, FRAMES, MELS))
    mels = 4 + idct(cepstra, norm="ortho")
    groups = [f"album {album}" for album in range(albums) for _ in range(EACH)]
    return Corpus(mels.reshape(-1, 4, FRAMES, MELS).astype(np.float16), groups)


class Student(MelStatistics):
    """Real ears that learn from a corpus in a second; ``heard`` are the corpora they were trained on with."""

    heard: list[Corpus]

    def continued(self, corpus: Corpus, **how: Any) -> MelStatistics:
        self.heard = [*getattr(self, "heard", []), corpus]
        return Student.fit(corpus)


def deafened(ears: MelStatistics) -> Student:
    """The same ears, but everything sounds the same to them."""
    tensors = ears.tensors()
    return Student.restore(dict(ears.card), {**tensors, "standard.mean": np.full_like(tensors["standard.mean"], 1e6)})


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return planted()


@pytest.fixture(scope="module")
def trained(corpus: Corpus) -> Student:
    return Student.fit(corpus)


def test_better_ears_are_kept_and_the_numbers_say_so(corpus: Corpus, trained: Student) -> None:
    deaf = deafened(trained)
    adapted = adapt(deaf, corpus, seed=1)
    assert adapted.kept
    assert adapted.ears is not deaf
    assert adapted.before.halves_recall == 0  # every track sounds the same: all are ties, and a tie is no find
    assert adapted.after.halves_recall > 0.8
    assert adapted.after.group_map is not None
    assert adapted.before.group_map is not None
    assert adapted.after.group_map > adapted.before.group_map + 0.3


def test_ears_that_got_worse_or_no_better_are_left(corpus: Corpus, trained: Student) -> None:
    again = adapt(trained, corpus)
    assert not again.kept
    assert again.ears is trained
    assert again.before == again.after  # the same corpus, the same statistics

    class Forgetful(Student):
        def continued(self, corpus: Corpus, **how: Any) -> MelStatistics:
            return deafened(self)

    worse = adapt(Forgetful.restore(dict(trained.card), trained.tensors()), corpus)
    assert not worse.kept
    assert asdict(worse.after) != asdict(worse.before)
    assert worse.after.halves_recall <= worse.before.halves_recall


def test_nothing_that_is_measured_on_was_learned_from_or_watched(corpus: Corpus, trained: Student) -> None:
    student = deafened(trained)
    adapted = adapt(student, corpus)
    (within,) = student.heard
    groups = np.array(corpus.groups)
    seen = {*groups[within.training], *groups[within.held_out]}
    measured = [row for row in corpus.held_out if groups[row] not in seen]
    assert adapted.tracks == len(measured)
    assert len(within.held_out) > 0
    assert 2 * len(measured) >= len(corpus.held_out) > len(measured)
    assert len(corpus.held_out) == len(within.held_out) + len(measured)
    assert adapted.after == scores_of(adapted.ears, corpus, np.array(measured))


def test_too_little_to_tell_is_said_before_anything_is_trained(trained: Student) -> None:
    class Idle(Student):
        def continued(self, corpus: Corpus, **how: Any) -> MelStatistics:
            raise AssertionError("it was trained")

    idle = Idle.restore(dict(trained.card), trained.tensors())
    with pytest.raises(NotReady, match=r"6 tracks of 2 albums.*without --adapt"):
        adapt(idle, planted(albums=2))


def test_scores_are_what_can_be_counted_by_hand() -> None:
    """Ears that hear the first band of the first frame as an angle."""

    class Angle:
        def encode(self, mels: np.ndarray) -> np.ndarray:
            angle = float(np.mean(mels[:, 0, 0]))
            return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)

    mels = np.zeros((4, 2, FRAMES, MELS), dtype=np.float32)
    # Halves of 0 and 1 find their own, the first half of 2 is nearest to the second of 3, and the other way round.
    mels[:, :, 0, 0] = [[0.0, 0.1], [0.5, 0.6], [1.0, 1.5], [1.45, 1.1]]
    corpus = Corpus(mels, ["a", "b", "a", "b"])
    scores = scores_of(Angle(), corpus, np.arange(4))  # type: ignore[arg-type]
    assert scores.halves_recall == 0.5
    # Whole tracks lie at 0.05, 0.55, 1.25 and 1.275; this is the other's place among the three others.
    places = [2, 3, 3, 2]
    assert scores.group_map == pytest.approx(np.mean([1 / place for place in places]), abs=1e-4)
    for groups in ("abcd", "aaaa"):  # nothing to find, or nothing to miss
        assert scores_of(Angle(), Corpus(mels, list(groups)), np.arange(4)).group_map is None  # type: ignore[arg-type]
