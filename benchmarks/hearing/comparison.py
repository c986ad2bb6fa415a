"""One comparison: tracks and training tracks go in, everything that was found comes out.

Whatever can't take part (a peer that is not installed, a file that can't be heard) is left out and named in a note;
a figure is only ever shown beside others that were asked about the same tracks.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from math import isqrt
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from benchmarks.hearing import measures
from benchmarks.hearing.contenders import Contender, baselines, ours
from benchmarks.hearing.listening import Vectors, hear, standards, vectors
from benchmarks.hearing.measures import Outcome
from benchmarks.hearing.peers import JOINED, JOINED_TITLES, MISSING, Bliss, taggers
from benchmarks.hearing.report import Report
from benchmarks.hearing.sounds import Kept, Sound
from benchmarks.hearing_material import distorted, tempo_key_set
from recipes.music import Recording
from segue.encoders.corpus import Corpus
from segue.encoders.registry import load_encoder
from segue.encoders.shipped import shipped_place
from segue.encoders.standard import Standard
from segue.errors import BadInput, NotReady, UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["CENTRES", "MEASURES", "Options", "compare", "limited"]

MEASURES = ("albums", "artists", "halves", "genre", "mood", "tempo", "robustness", "hubs")
CENTRES = ("test", "train")
HEARD_WITH_EARS = ("ears", "pca", "untrained")
"""How the contenders are called that are parts of the ears, or as large as they are."""
MOST_UNHEARD = 0.1
"""A contender that fails on more of the tracks is left out; otherwise the tracks are, for everybody."""


@dataclass(frozen=True)
class Options:
    """What a comparison can be told."""

    cache: Path
    ears: Path | None = None
    wheel: Path | None = None
    bliss_python: str = sys.executable
    only: tuple[str, ...] = ()
    measures: tuple[str, ...] = MEASURES
    train_tracks: int = 200
    robust_tracks: int = 40
    centre: str = "test"
    thorough: bool = False
    mood: Path | None = None
    seed: int = 0


class Comparison:
    """Music, contenders, and what was heard; ``run`` asks the measures."""

    def __init__(
        self, tracks: Sequence[Recording], training: Sequence[Recording], options: Options, progress: Progress
    ) -> None:
        self.options, self.progress = options, progress
        self.kept: Kept = Kept(options.cache)
        self.notes: list[str] = []
        self.tracks = self._different(tracks)
        self.training = [training[row] for row in _spread(len(training), options.train_tracks)]
        self.contenders: list[Contender] = []
        self.standards: dict[str, Standard] = {}

    def run(self, command: str) -> Report:
        """Hear everything, measure, and tell.

        Raises
        ------
        SegueError
            There is nothing to compare, or on nothing.
        """
        with ExitStack() as stack:
            self.contenders = list(self._make(stack))
            if not self.contenders:
                raise NotReady("no contender is left: name others (--only)")
            heard = self._hear_tracks()
            outcomes = list(self._measured(heard))
        titles = {one.key: one.title for one in self.contenders} | JOINED_TITLES
        own = [key for key in titles if key.startswith("ears")]
        order = [key for key in titles if key not in own] + own
        return Report(
            command=command,
            notes=[*self._about(), *self.notes, MISSING],
            titles={key: titles[key] for key in order if key in heard},
            outcomes=outcomes,
        )

    def _different(self, tracks: Sequence[Recording]) -> list[Recording]:
        """The tracks without those that another package holds as well."""
        found = {Sound(track.path, self.kept).content: track for track in reversed(tracks)}
        different = [track for track in tracks if track in found.values()]
        if len(different) < len(tracks):
            self.notes.append(f"Files that are there twice, and asked about once: {len(tracks) - len(different)}.")
        if len(different) < 2:
            raise BadInput("at least two different tracks are needed: name the folder that recipes.music.fetch fills")
        return different

    def _make(self, stack: ExitStack) -> Iterator[Contender]:
        only = set(self.options.only)
        wanted = {part for key in only for part in JOINED.get(key, (key,))}
        ears = None
        if not wanted or any(key.startswith(HEARD_WITH_EARS) for key in wanted):
            ears = load_encoder(self.options.ears or shipped_place())
        makers = baselines(cache(self._corpus), ears, self.options.seed)
        makers["bliss"] = lambda: stack.enter_context(Bliss(self.options.bliss_python))
        makers |= taggers(self.options.wheel or self.options.cache / "wheel")
        makers |= ours(ears) if ears else {}
        unknown = wanted - set(makers)
        if unknown:
            raise BadInput(f"no contender is called {min(unknown)!r}: choose {', '.join([*makers, *JOINED])}")
        for key, make in makers.items():
            if not wanted or key in wanted:
                try:
                    yield make()
                except NotReady as error:
                    self.notes.append(f"Without {key}: {error}.")

    def _corpus(self) -> Corpus:
        mels, groups = [], []
        for done, track in enumerate(self.training):
            self.progress("hearing the training music", done, len(self.training))
            try:
                mels.append(Sound(track.path, self.kept).mels.astype(np.float16))
                groups.append(track.package)
            except UnreadableAudio as error:
                self.notes.append(f"Left out of training: {error}.")
        self.progress("hearing the training music", len(self.training), len(self.training))
        if not mels:
            raise NotReady("there is no training music there: fetch it with recipes.music")
        return Corpus(np.stack(mels), groups, self.options.seed)

    def _hear_tracks(self) -> dict[str, Vectors]:
        rows, failures = hear(
            self.contenders, [one.path for one in self.tracks], self.kept, stage="hearing", progress=self.progress
        )
        self.notes += [f"Without {one.key}: it fails on every track." for one in self.contenders if one.key not in rows]
        unheard = {key: np.isnan(made[:, 0]).any(1) for key, made in rows.items()}
        for key in sorted(key for key, mask in unheard.items() if mask.mean() > MOST_UNHEARD):
            self.notes.append(f"Without {key}: it fails on {unheard[key].sum()} of {len(self.tracks)} tracks.")
            del rows[key], unheard[key]
        self.contenders = [one for one in self.contenders if one.key in rows]
        lost = np.any([np.zeros(len(self.tracks), dtype=np.bool_), *unheard.values()], axis=0)
        if lost.any():
            self.tracks = [track for track, gone in zip(self.tracks, lost, strict=True) if not gone]
            rows = {key: made[~lost] for key, made in rows.items()}
            left = tuple(f"{one.key}: " for one in self.contenders)
            self.notes += [
                f"Left out for everybody: {key} ({why})." for key, why in failures.items() if key.startswith(left)
            ]
        if len(self.tracks) < 2 or not rows:
            raise NotReady("fewer than two tracks can be heard by everybody: name fewer contenders (--only)")
        if self.options.centre == "train":
            bare = [one for one in self.contenders if not one.centred]
            known, _ = hear(
                bare, [one.path for one in self.training], self.kept, stage="centring", progress=self.progress
            )
            self.standards = standards(bare, known)
        else:
            self.standards = standards(self.contenders, rows)
        return vectors(rows, self.standards)

    def _measured(self, heard: dict[str, Vectors]) -> Iterator[Outcome]:
        asked, seed, tracks = self.options.measures, self.options.seed, self.tracks
        packages = [track.package for track in tracks]
        if "albums" in asked:
            yield from measures.albums(tracks, heard, seed)
        if "artists" in asked:
            yield from measures.artists(tracks, heard, seed)
        if "halves" in asked:
            yield from measures.halves(tracks, heard, seed)
        if "genre" in asked:
            genre = list(measures.labels("genre", [track.style for track in tracks], packages, heard, seed))
            self.notes += [] if genre else ["Without genre: no two styles stand in two packages each."]
            yield from genre
        if "mood" in asked:
            yield from self._mood()
        if "tempo" in asked:
            yield from self._tempo_and_key()
        if "robustness" in asked:
            yield from self._robustness(heard)
        if "hubs" in asked:
            yield from measures.hubness(heard)

    def _mood(self) -> Iterator[Outcome]:
        if self.options.mood is None:
            self.notes.append("Without mood: SEGUE_DATA names no folder with mood/labels.tsv.")
            return
        with (self.options.mood / "labels.tsv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file, delimiter="\t"))
        heard = self._heard_too([self.options.mood / line["file"] for line in lines], "hearing moods")
        for name in ("valence", "arousal"):
            said = [line[name] for line in lines]
            yield from measures.labels(name, said, [line["group"] for line in lines], heard, self.options.seed)

    def _tempo_and_key(self) -> Iterator[Outcome]:
        try:
            pieces = tempo_key_set(self.options.cache / "tempo and key")
        except NotReady as error:  # the pieces are rendered by another program
            self.notes.append(f"Without tempo and key: {error}.")
            return
        paths, tempos, tonics, _, groups = zip(*pieces, strict=True)
        heard = self._heard_too(paths, "hearing tempo and key")
        yield from measures.tempo(tempos, groups, heard, self.options.seed)
        yield from measures.key(tonics, groups, heard, self.options.seed)

    def _robustness(self, heard: dict[str, Vectors]) -> Iterator[Outcome]:
        asked = [one for one in self.contenders if self.options.thorough or not one.costly]
        if len(asked) < len(self.contenders):
            self.notes.append("Robustness: without those that take seconds a track (--thorough asks them too).")
        queries, names = [], list[str]()
        made: dict[str, list[npt.NDArray[np.float32]]] = {}
        places = _spread(len(self.tracks), self.options.robust_tracks)
        for done, place in enumerate(places):
            self.progress("hearing distorted tracks", done, len(places))
            # The copies of a track may take 300 MB, so they go as soon as they were heard.
            with TemporaryDirectory(dir=self.options.cache) as folder:
                try:
                    copies = distorted(self.tracks[place].path, Path(folder))
                except UnreadableAudio as error:
                    self.notes.append(f"Not distorted: {error}.")
                    continue
                rows, _ = hear(asked, list(copies.values()), self.kept, stage="copies")
            queries.append(place)
            names = list(copies)
            for key, parts in rows.items():
                made.setdefault(key, []).append(parts)
        self.progress("hearing distorted tracks", len(places), len(places))
        whole = {key: np.stack(parts) for key, parts in made.items() if len(parts) == len(queries)}
        spoilt = {
            name: vectors({key: parts[:, number] for key, parts in whole.items()}, self.standards)
            for number, name in enumerate(names)
        }
        yield from measures.robustness(self.tracks, heard, queries, spoilt, self.options.seed)

    def _heard_too(self, paths: Sequence[Path], stage: str) -> dict[str, Vectors]:
        """Other music, by the same standards; a contender that fails on any of it is not asked, which a note says."""
        rows, failures = hear(self.contenders, paths, self.kept, stage=stage, progress=self.progress)
        self.notes += [f"Without a part of '{stage}': {who} ({why})." for who, why in failures.items()]
        able = {key: made for key, made in rows.items() if not np.isnan(made[:, 0]).any()}
        return vectors(able, self.standards)

    def _about(self) -> Iterator[str]:
        packages = len({track.package for track in self.tracks})
        yield (
            f"{len(self.tracks)} tracks in {packages} packages (a package stands for an album), none of them ever"
            " trained on; MFCC statistics, principal components and untrained networks were made from"
            f" {len(self.training)} training tracks."
        )
        centre = "these tracks themselves, which favours them" if self.options.centre == "test" else "training tracks"
        yield (
            "All are centred, z-scored and compared by cosine; MusiCNN, bliss-audio and principal components by the"
            f" mean and deviation of {centre}."
        )
        yield "In brackets 95 % intervals over whole albums, drawn 1,000 times; differences are paired."


def compare(
    tracks: Sequence[Recording],
    training: Sequence[Recording],
    options: Options,
    *,
    command: str = "python -m benchmarks.ears MUSIC",
    progress: Progress = silent,
) -> Report:
    """Everything that was found on these tracks, with contenders made from the training tracks.

    Raises
    ------
    SegueError
        There is nothing to compare, or on nothing.
    """
    return Comparison(tracks, training, options, progress).run(command)


def limited(tracks: Sequence[Recording], most: int) -> list[Recording]:
    """At most so many tracks: some of each of the first packages, so that albums are still albums."""
    each = max(2, isqrt(most))
    taken: dict[str, int] = {}
    chosen = []
    for track in tracks:
        taken[track.package] = taken.get(track.package, 0) + 1
        if taken[track.package] <= each:
            chosen.append(track)
    return chosen[:most]


def _spread(count: int, most: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []
