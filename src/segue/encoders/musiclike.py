"""Does it sound like music? A score from the vector that a track has anyway.

In: unit vectors of one encoder, of music and of what is none (speech, noise, effects). Out: ``MusicLike``, a logistic
regression on those vectors and nothing else, so that every track already heard can be scored without its file. Its
two tensors travel inside the encoder's weights: they mean nothing for another encoder's vectors.

A library is nearly all music, so the bias is not the one of the training sets' sizes: it is placed where the
threshold of one half costs a stated share of the music of groups that the regression had not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from segue.encoders.contract import Tensors, Vector

__all__ = ["FALSE_ALARM", "THRESHOLD", "MusicLike"]

THRESHOLD = 0.5
"""Below it a track is said not to be music-like."""
FALSE_ALARM = 0.01
"""The share of music from unseen groups that ``fit`` lets fall below the threshold."""
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""The L2 penalties that ``fit`` chooses from."""
FOLDS = 5
WEIGHT, BIAS = "musiclike.weight", "musiclike.bias"

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MusicLike:
    """A weight for each number of the vector, float32 (dim,), and a bias."""

    weight: Vector
    bias: float

    @classmethod
    def fit(
        cls,
        music_vectors: Vector,
        other_vectors: Vector,
        music_groups: Sequence[str],
        other_groups: Sequence[str],
        *,
        false_alarm: float = FALSE_ALARM,
        seed: int = 0,
    ) -> Self:
        """Learn from vectors of music and of what is none.

        Both sides weigh the same, however many there are of each. The L2 penalty is the one of least mean log loss
        over five folds; a group is wholly in one fold.

        Parameters
        ----------
        music_vectors, other_vectors
            float32 (tracks, dim), each of length 1.
        music_groups, other_groups
            One name a track: its album or package, its speaker or kind of noise. A name means the same on both sides.
        false_alarm
            The share of held-out music whose score is to be below ``THRESHOLD``.
        seed
            Which groups make a fold.

        Raises
        ------
        ValueError
            The shapes do not fit, or a side has fewer than two groups.

        Examples
        --------
        >>> music, noise = np.eye(4, dtype=np.float32)[:2], np.eye(4, dtype=np.float32)[2:]
        >>> likeness = MusicLike.fit(music, noise, ["a", "b"], ["c", "d"])
        >>> bool(likeness.score(music).min() > likeness.score(noise).max())
        True
        """
        shapes_fit = music_vectors.ndim == other_vectors.ndim == 2 and music_vectors.shape[1] == other_vectors.shape[1]
        if not shapes_fit or len(music_vectors) != len(music_groups) or len(other_vectors) != len(other_groups):
            raise ValueError("vectors have the shape (tracks, dim) on both sides, and each has its group")
        if len(set(music_groups)) < 2 or len(set(other_groups)) < 2:
            raise ValueError("at least two groups of music and two of other sound are needed, to hold some out")
        x = np.concatenate([music_vectors, other_vectors]).astype(np.float64)
        is_music = np.arange(len(x)) < len(music_vectors)
        folds = _folds([*music_groups, *other_groups], is_music, np.random.default_rng([seed, 1]))
        held_out = {strength: _held_out_logits(x, is_music, folds, strength) for strength in STRENGTHS}
        strength = min(STRENGTHS, key=lambda one: _loss(held_out[one], is_music))
        weight, bias = _regress(x, is_music, strength)
        bias -= float(np.quantile(held_out[strength][is_music], false_alarm))
        return cls(weight.astype(np.float32), bias)

    def score(self, vectors: Vector) -> Vector:
        """float32 (n,) in 0..1 of float32 (n, dim): how much like music; see ``THRESHOLD``.

        Raises
        ------
        ValueError
            The vectors are of another length than those that this was fitted on.

        Examples
        --------
        >>> MusicLike(np.array([1, -1], dtype=np.float32), 0.0).score(np.zeros((1, 2), dtype=np.float32)).tolist()
        [0.5]
        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.weight):
            raise ValueError(f"vectors have the shape (n, {len(self.weight)}); got {vectors.shape}")
        # By rows, not by a matrix product, whose bits would depend on how many vectors come at once.
        logits = (vectors.astype(np.float64) * self.weight).sum(1) + self.bias
        scores: Vector = expit(logits).astype(np.float32)
        return scores

    def tensors(self) -> Tensors:
        """Both, under the names that ``restore`` looks for."""
        return {WEIGHT: self.weight, BIAS: np.array([self.bias], dtype=np.float64)}

    @classmethod
    def restore(cls, tensors: Tensors) -> Self:
        """From what ``tensors`` gave."""
        return cls(tensors[WEIGHT], float(tensors[BIAS][0]))


def _folds(groups: Sequence[str], is_music: npt.NDArray[np.bool_], rng: np.random.Generator) -> Groups:
    """A fold for each track: groups go, in a shuffled order, to the fold that has least of their side."""
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    load = np.zeros((FOLDS, 2))
    fold_of_group = np.zeros(len(names), dtype=np.int64)
    for group in rng.permutation(len(names)):
        members = group_of == group
        music, other = np.count_nonzero(members & is_music), np.count_nonzero(members & ~is_music)
        fold = int(load[:, 0 if music >= other else 1].argmin())
        load[fold] += music, other
        fold_of_group[group] = fold
    return fold_of_group[group_of]


def _held_out_logits(x: Floats, is_music: npt.NDArray[np.bool_], folds: Groups, strength: float) -> Floats:
    logits = np.empty(len(x))
    for fold in np.unique(folds):
        out = folds == fold
        weight, bias = _regress(x[~out], is_music[~out], strength)
        logits[out] = x[out] @ weight + bias
    return logits


def _loss(logits: Floats, is_music: npt.NDArray[np.bool_]) -> float:
    """Mean log loss, both sides weighing the same."""
    return float((np.logaddexp(0, -logits[is_music]).mean() + np.logaddexp(0, logits[~is_music]).mean()) / 2)


def _regress(x: Floats, is_music: npt.NDArray[np.bool_], strength: float) -> tuple[Floats, float]:
    """Weight and bias of least ``_loss`` + strength/2 · |weight|²."""
    from scipy.optimize import minimize  # only a fit needs it, and it is slow to import

    side = np.where(is_music, 0.5 / max(is_music.sum(), 1), 0.5 / max((~is_music).sum(), 1))

    def loss(both: Floats) -> tuple[float, Floats]:
        logits = x @ both[:-1] + both[-1]
        slope = side * (expit(logits) - is_music)
        value = side @ np.logaddexp(0, np.where(is_music, -logits, logits)) + strength / 2 * both[:-1] @ both[:-1]
        return float(value), np.append(x.T @ slope + strength * both[:-1], slope.sum())

    found: Any = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x[:-1], float(found.x[-1])
