"""iALS: tracks and listeners as factors whose products tell what is played, learned by alternating least squares.

In: events as bags, one a session (see ``ease``), each a user of its own: one account of ten years says little of
tonight. Out: a score a track, y_i · u for the factor u of the bag x that was played of late. Fitted is (Hu, Koren &
Volinsky 2008, "Collaborative filtering for implicit feedback datasets", eq. 3)::

    min  Σ_{u,i} c_ui (p_ui − u · y_i)²  +  λ (Σ |u|² + Σ |y_i|²),   c = 1 + α x,   p = 1 where x > 0, else 0

by the library implicit (``segue[ials]``), with one thread, so that a seed gives one result. Factors of bags are thrown
away: serving needs those of tracks alone, and solves for the listener in closed form (eq. 4) in NumPy::

    u = (YᵀY + λI + Σ_i (c_i − 1) y_i y_iᵀ)⁻¹ Σ_i c_i y_i        over the few tracks i of the bag; YᵀY is kept

A track that was just heard is its own best match, which least squares can't help. So how likely it comes again is
counted instead, and the others share the rest of the probability, as ``neighbours`` tells: in proportion to the square
of y_i · u where that is above zero, since a product is small for very many tracks at once.
"""

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.errors import BadInput, NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.settings import Size
from segue.taste.contract import Scores, TasteModel
from segue.taste.ease import Bag, Bags, bag_begins, session_bags
from segue.taste.files import read_model, saved_settings, write_model
from segue.taste.neighbours import CONTEXT, Recent, answer, returns, served_rows
from segue.taste.popularity import relative_popularity, restored

__all__ = ["Heard", "Ials", "IalsSettings", "available", "need_implicit"]

Floats = npt.NDArray[np.float32]

SHARPNESS = 2
"""The power of a product that is a track's mass. On development splits of listens 1 loses a quarter of the hits."""


@dataclass(frozen=True, slots=True)
class IalsSettings:
    """How many factors there are and how they are learned.

    Attributes
    ----------
    width
        Numbers in a factor.
    passes
        Times that bags and tracks are solved for.
    confidence
        α: what a play adds to the confidence of 1 that an absent track has.
    ridge
        λ: what a factor's length costs.
    half_life_plays, after_a_pause, memory
        How a bag fades while serving: see ``ease.Bag``.
    most_bags
        Sessions at most; see ``ease.session_bags``.
    """

    width: int = 128
    passes: int = 8
    confidence: float = 40.0
    ridge: float = 0.05
    half_life_plays: float = 3.0
    after_a_pause: float = 0.2
    memory: int = 40
    most_bags: int = 200_000

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise BadInput("ridge of the model ials must be above 0: without it a listener of few plays has no factor")

    @classmethod
    def of(cls, size: Size) -> Self:
        """The settings at one position of the dial.

        Examples
        --------
        >>> IalsSettings.of("large").width
        256
        """
        return cls(width={"tiny": 32, "small": 128, "medium": 192, "large": 256}[size])


class Heard(NamedTuple):
    """What was played of late, as a bag and as the tracks heard last."""

    bag: Bag = Bag()
    recent: Recent = Recent()


class Ials(TasteModel[Heard]):
    """Implicit alternating least squares, each listener folded in from what they played of late."""

    name: ClassVar[str] = "ials"

    def __init__(self, settings: IalsSettings | None = None) -> None:
        self.settings = settings or IalsSettings()
        self._fitted: dict[str, Any] = {}
        nothing = np.zeros(0, dtype=np.float32)
        self._serve(Items(()), (), np.zeros((0, self.settings.width), dtype=np.float32), nothing, nothing)

    def _serve(self, items: Items, ids: tuple[str, ...], factors: Floats, again: Floats, popularity: Floats) -> None:
        self.items, self._ids, self._factors, self._again, self._popularity = items, ids, factors, again, popularity
        self._row = served_rows(ids, items)[:-1]
        """Where each factor's track stands among the items; behind them where it is gone."""
        self._place = np.full(len(items), len(ids))
        self._place[self._row[self._row < len(items)]] = np.flatnonzero(self._row < len(items))
        wide = factors.astype(np.float64)
        self._gram = wide.T @ wide + self.settings.ridge * np.eye(factors.shape[1])

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Learn the factors of all tracks that were played; the card holds the settings.

        Raises
        ------
        NotReady
            implicit is not installed.
        """
        need_implicit()
        bags = session_bags(events, self.settings.most_bags, seed=seed)
        rows, column = np.unique(bags.track, return_inverse=True)
        bags = Bags(bags.bag, column.astype(np.int32), bags.weight, bags.size)
        factors = learn(bags, len(rows), self.settings, seed=seed, progress=progress)
        self._fitted = {
            "settings": asdict(self.settings),
            "seed": seed,
            "events": len(events),
            "bags": bags.size,
            "tracks": len(rows),
        }
        ids = tuple(items.ids[row] for row in rows)
        self._serve(items, ids, factors, returns(events), relative_popularity(events, len(items)))
        return self._fitted

    def start(self) -> Heard:
        """Nothing heard."""
        return Heard()

    def step(self, state: Heard, event: Event) -> Heard:
        """One event later."""
        settings = self.settings
        bag = state.bag.add(
            event,
            half_life_plays=settings.half_life_plays,
            after_a_pause=settings.after_a_pause,
            memory=settings.memory,
        )
        return Heard(bag, state.recent.after(event))

    def lasting(self, events: Events) -> int:
        """The last plays, and the tracks heard last."""
        return min(bag_begins(events, self.settings.memory), max(0, len(events) - CONTEXT))

    def factor(self, state: Heard) -> npt.NDArray[np.float64]:
        """float64 (width,): who the listener is now, solved for in closed form; zero where nothing known was played."""
        tracks, weights = state.bag.weights()
        known = self._place[tracks] < len(self._ids)
        played = self._factors[self._place[tracks[known]]].astype(np.float64)
        confidence = self.settings.confidence * weights[known].astype(np.float64)
        matrix = self._gram + (played * confidence[:, None]).T @ played
        solved: npt.NDArray[np.float64] = np.linalg.solve(matrix, (1 + confidence) @ played)
        return solved

    def score(self, state: Heard, at: int = 0) -> Scores:
        """float32 (tracks,): the probability to come next, by factors, or for what was just heard by a count."""
        del at
        told = np.maximum(self._factors @ self.factor(state).astype(np.float32), 0)
        mass = np.bincount(self._row, told**SHARPNESS, minlength=len(self.items) + 1)
        return answer(mass.astype(np.float64), state.recent, self._again, self._popularity)

    def save(self, directory: Path) -> None:
        """Write the factors of all tracks that were fitted, served or not."""
        of_ids = np.append(self._popularity, np.float32(0))[self._row]
        arrays = {"factors": self._factors, "again": self._again, "popularity": of_ids}
        write_model(directory, {"model": self.name, **self._fitted}, self._ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the factors, without implicit; a track that has none neither says anything nor is anything said of it.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        card, ids, arrays = files = read_model(directory, cls.name, {"factors": 2, "again": 1, "popularity": 1})
        model = cls(saved_settings(directory, card, IalsSettings))
        model._fitted = files.fitted
        popularity = restored(arrays["popularity"], ids, items)
        model._serve(items, ids, arrays["factors"], arrays["again"], popularity)
        return model


def available() -> bool:
    """Whether implicit is installed."""
    return find_spec("implicit") is not None


def need_implicit() -> None:
    """Refuse to go on without implicit.

    Raises
    ------
    NotReady
        It is not installed.
    """
    if not available():
        raise NotReady("the model ials is fitted with implicit: run pip install 'segue[ials]'")


def learn(bags: Bags, tracks: int, settings: IalsSettings, *, seed: int = 0, progress: Progress = silent) -> Floats:
    """float32 (tracks, width): the factors of tracks, by implicit; zero of a track in no bag."""
    if not bags.size:
        return np.zeros((tracks, settings.width), dtype=np.float32)
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    confidence = 1 + np.float32(settings.confidence) * bags.weight
    matrix = csr_matrix((confidence, (bags.bag, bags.track)), shape=(bags.size, tracks))
    # implicit warns where BLAS has threads of its own: they cost it time, and sums in another order other bits.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=settings.width,
            regularization=settings.ridge,
            iterations=settings.passes,
            num_threads=1,
            random_state=seed,
        )
        model.fit(matrix, False, lambda done, *_: progress("train ials", done + 1, settings.passes))
    return np.asarray(model.item_factors, dtype=np.float32)
