"""The trials of one search, in a folder: what was tried, what it gave, and what to try next.

``study.sqlite`` is Optuna's own storage, and ``ranks/`` holds where each trial put every target. A trial counts once
both are written, the ranks first, so that a process killed at any moment loses the trial it was at and nothing else.

Each trial is proposed by a sampler seeded with the study's seed and the number of finished trials. So what a trial is
does not depend on how many processes it took to get there: a search that was killed and went on proposes what an
undisturbed one does. (Optuna's own state of randomness is not stored, and a fresh one would repeat its beginning.)

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization" (TPE); Watanabe, Bansal & Hutter 2023, "PED-ANOVA:
efficiently quantifying hyperparameter importance in arbitrary subspaces".
"""

import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.errors import DamagedHome
from segue.home import write_bytes
from segue.tune.space import Number, Range

if TYPE_CHECKING:
    import optuna

__all__ = ["LEAST_FOR_IMPORTANCE", "Study", "Trial"]

Ranks = npt.NDArray[np.int32]

LEAST_FOR_IMPORTANCE = 10
"""With fewer trials nothing is said of what matters."""

BEST_TRIALS = 5
"""Importance asks what the best tenth of the trials have in common, or so many of them if they are more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial.

    Attributes
    ----------
    number
        Under which ``ranks/`` holds its ranks; those of unfinished trials are skipped.
    values
        What was searched.
    recall, mrr
        Recall@20 and MRR@20 of the open catalogue.
    seconds
        From the first step of the fit to the last rank.
    """

    number: int
    values: dict[str, Number]
    recall: float
    mrr: float
    seconds: float


class Study:
    """The search in one folder; ``folder.opened`` makes it.

    Parameters
    ----------
    directory
        The folder.
    study
        Optuna's part.
    space, default
        The ranges, and a value in each: the first trial.
    seed
        Where every proposal starts.
    """

    def __init__(
        self,
        directory: Path,
        study: "optuna.Study",
        space: Mapping[str, Range],
        default: Mapping[str, Number],
        seed: int,
    ) -> None:
        self._directory, self._study = directory, study
        self._space, self._default, self._seed = space, default, seed
        self._asked: optuna.Trial | None = None

    def finished(self) -> list[Trial]:
        """Every finished trial in the order in which they ran: the default first."""
        from optuna.trial import TrialState

        found = self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        return [
            Trial(trial.number, trial.params, trial.values[0], trial.user_attrs["mrr"], trial.user_attrs["seconds"])
            for trial in found
        ]

    def best(self) -> Trial:
        """The trial of the highest Recall@20, then MRR@20; among equal ones the first, so the default before others."""
        return max(self.finished(), key=lambda trial: (trial.recall, trial.mrr, -trial.number))

    def ask(self) -> dict[str, Number]:
        """The values to try next: at first the default, then what the sampler proposes."""
        import optuna

        done = len(self.finished())
        if not done:
            self._study.enqueue_trial(dict(self._default), skip_if_exists=False)
        seed = int(np.random.SeedSequence([self._seed, done]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        self._asked = self._study.ask({name: _distribution(one) for name, one in self._space.items()})
        return dict(self._asked.params)

    def tell(self, rank: Ranks, *, recall: float, mrr: float, seconds: float) -> None:
        """Keep what the values that were asked for gave."""
        assert self._asked is not None
        (self._directory / "ranks").mkdir(exist_ok=True)
        content = io.BytesIO()
        np.save(content, rank, allow_pickle=False)
        write_bytes(self._file(self._asked.number), content.getvalue())
        self._asked.set_user_attr("mrr", mrr)
        self._asked.set_user_attr("seconds", seconds)
        self._study.tell(self._asked, recall)
        self._asked = None

    def give_up(self) -> None:
        """Trials that were begun and not told are no longer waited for; the same values will be proposed again."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING, TrialState.WAITING]):
            if trial.state == TrialState.WAITING:  # only a trial that runs can fail
                self._study.ask()
            self._study.tell(trial.number, state=TrialState.FAIL)

    def ranks(self, trial: Trial) -> Ranks:
        """int32 (targets,), from 1: where a trial put each target.

        Raises
        ------
        DamagedHome
            The file is gone or holds something else.
        """
        file = self._file(trial.number)
        try:
            return np.asarray(np.load(file, allow_pickle=False), dtype=np.int32)
        except (OSError, ValueError, EOFError) as error:
            raise DamagedHome(f"{file} can't be read: search again in another folder with --study") from error

    def importance(self) -> dict[str, float] | None:
        """How much of what tells the best trials from the others lies in each setting, summing to 1.

        None where there are too few trials, or none is better than another.
        """
        from optuna.exceptions import ExperimentalWarning
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        trials = self.finished()
        if len(trials) < LEAST_FOR_IMPORTANCE or len({trial.recall for trial in trials}) == 1:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # what earlier versions say of PED-ANOVA
            evaluator = PedAnovaImportanceEvaluator(target_quantile=max(0.1, BEST_TRIALS / len(trials)))
            found = get_param_importances(self._study, evaluator=evaluator)
        return found if all(math.isfinite(share) for share in found.values()) else None

    def _file(self, number: int) -> Path:
        return self._directory / "ranks" / f"{number:04d}.npy"


def _distribution(searched: Range) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(searched.low, int) and isinstance(searched.high, int):
        return IntDistribution(searched.low, searched.high, log=searched.log)
    return FloatDistribution(searched.low, searched.high, log=searched.log)
