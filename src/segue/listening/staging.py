"""The rows of a history gathered into columns: about 40 bytes a listen, each recording's names once.

In: what a reader yields. Out: the listens of one listener in the order of time, their distinct mentions, opinions, and
what could not be used. Nothing is written before a file has been read to its end.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segue.errors import BadInput
from segue.listening.mentions import Mention, mbid
from segue.listening.readers.rows import Heard, Problem, Row, Said, place
from segue.progress import Progress
from segue.types import Opinion

__all__ = ["NO_HINT", "SCROBBLING_BEGAN", "History", "Staged"]

SCROBBLING_BEGAN = 1009843200
"""2002-01-01: Audioscrobbler opened that year; an earlier time is of a clock that was never set."""

DAY_S = 86_400
PROBLEMS_KEPT = 100
WATCH_EVERY = 20_000

NO_HINT = -1
"""Where the source does not say how a listen ended."""

_END_OF_YEARS = 253_402_300_800


@dataclass(frozen=True, slots=True)
class History:
    """One listener's share of a file.

    Attributes
    ----------
    mentions
        The recordings it names, in the order they were met.
    mention
        int32 (listens,): positions in ``mentions``.
    started_at
        int64 (listens,): unix seconds, non-decreasing.
    played_s, duration_s
        float64 (listens,): seconds, NaN where unknown.
    skipped
        bool (listens,): the source says it was skipped.
    hint
        int8 (listens,): the ``Outcome`` the source gives, or ``NO_HINT``.
    opinions
        (position in ``mentions``, opinion, unix seconds).
    nameless
        (recording MBID, opinion, unix seconds): opinions whose recording the file does not name.
    others
        Listens of other people in the same file.
    """

    mentions: list[Mention]
    mention: npt.NDArray[np.int32]
    started_at: npt.NDArray[np.int64]
    played_s: npt.NDArray[np.float64]
    duration_s: npt.NDArray[np.float64]
    skipped: npt.NDArray[np.bool_]
    hint: npt.NDArray[np.int8]
    opinions: list[tuple[int, Opinion, int]]
    nameless: list[tuple[str, Opinion, int]]
    others: int

    def __len__(self) -> int:
        return len(self.mention)


class Staged:
    """Takes rows, keeps columns.

    Parameters
    ----------
    now
        Unix seconds: a listen more than a day later is a problem.
    """

    def __init__(self, now: int) -> None:
        self.problems: list[Problem] = []
        self.problem_count = 0
        self._newest = now + DAY_S
        self._numbers: dict[tuple[str | None, ...], int] = {}
        self._keys: dict[str, int] = {}
        self._mentions: list[Mention] = []
        self._mention = array("i")
        self._started_at = array("q")
        self._played_s = array("d")
        self._duration_s = array("d")
        self._skipped = array("b")
        self._hint = array("b")
        self._person = array("i")
        self._people: dict[str | None, int] = {}
        self._opinions: list[tuple[int, Opinion, int]] = []
        self._nameless: list[tuple[str, Opinion, int]] = []

    def take(self, rows: Iterable[Row], progress: Progress) -> None:
        """Take every row. This loop runs once a listen."""
        nan, numbers, mentions, oldest, newest = float("nan"), self._numbers, self._mentions, *self._span
        done = 0
        for done, row in enumerate(rows, start=1):
            if done % WATCH_EVERY == 0:
                progress("read", done, None)
            if type(row) is not Heard:
                self._take_other(row)
                continue
            # fmt: off
            (title, artist, album, recording_mbid, isrc, at, mapped, played_s, duration_s,
             skipped, outcome, listener, _, _) = row
            # fmt: on
            if not oldest <= at <= newest:
                self._refuse(_out_of_time(row, at))
                continue
            number = numbers.get((title, artist, album, recording_mbid, isrc))
            if number is None:
                number = self._number(title, artist, album, recording_mbid, isrc)
            if number < 0:
                self._refuse(Problem(place(row.part, row.line), "it has no title"))
                continue
            told = mentions[number]
            if mapped is not None and told.recording_mbid is None:
                told.recording_mbid = mbid(mapped)
            if duration_s is not None and told.duration_s is None:
                told.duration_s = duration_s
            self._mention.append(number)
            self._started_at.append(at)
            self._played_s.append(nan if played_s is None else played_s)
            self._duration_s.append(nan if duration_s is None else duration_s)
            self._skipped.append(skipped is True)
            self._hint.append(NO_HINT if outcome is None else outcome)
            self._person.append(self._people.setdefault(listener, len(self._people)))
        progress("read", done, done)

    def of_listener(self, name: str, path: Path) -> History:
        """The listens of one listener, in the order of time; equal times keep the order they were played in.

        Raises
        ------
        BadInput
            The file holds several people and none of them is called so.
        """
        mine = np.ones(len(self._mention), dtype=bool)
        people = [person for person in self._people if person is not None]
        if len(people) > 1:
            called = {person.strip().casefold(): number for person, number in self._people.items() if person}
            if name.casefold() not in called:
                some = ", ".join(sorted(people)[:5]) + (", …" if len(people) > 5 else "")
                raise BadInput(
                    f"{path} holds the listens of {len(people)} people ({some}) and none is called {name!r}: "
                    "name one of them as the listener"
                )
            mine = np.frombuffer(self._person, np.int32) == called[name.casefold()]
        rows = np.flatnonzero(mine)
        started_at = np.frombuffer(self._started_at, np.int64)[rows]
        steps = np.diff(started_at)
        if np.count_nonzero(steps < 0) > np.count_nonzero(steps > 0):
            # Newest first: turned round, so that listens of one minute keep the order they were played in.
            rows, started_at = rows[::-1], started_at[::-1]
        order = np.argsort(started_at, kind="stable")
        rows = rows[order]
        numbers = np.frombuffer(self._mention, np.int32)[rows]
        said = np.array([number for number, _, _ in self._opinions], dtype=np.int32)
        used = np.unique(np.concatenate([numbers, said]))
        return History(
            mentions=[self._mentions[number] for number in used],
            mention=np.searchsorted(used, numbers).astype(np.int32),
            started_at=started_at[order],
            played_s=np.frombuffer(self._played_s, np.float64)[rows],
            duration_s=np.frombuffer(self._duration_s, np.float64)[rows],
            skipped=np.frombuffer(self._skipped, np.int8)[rows] == 1,
            hint=np.frombuffer(self._hint, np.int8)[rows],
            opinions=[(int(np.searchsorted(used, number)), opinion, at) for number, opinion, at in self._opinions],
            nameless=self._nameless,
            others=int(np.count_nonzero(~mine)),
        )

    @property
    def _span(self) -> tuple[int, int]:
        return SCROBBLING_BEGAN, self._newest

    def _number(self, *names: str | None) -> int:
        """The mention's number, -1 when it has no title."""
        told = Mention.told(names[0] or "", *names[1:])
        number = -1
        if told is not None:
            # Words that differ in spaces or control signs only are one mention.
            number = self._keys.setdefault(told.key, len(self._mentions))
            if number == len(self._mentions):
                self._mentions.append(told)
        self._numbers[names] = number
        return number

    def _take_other(self, row: Row) -> None:
        if isinstance(row, Problem):
            self._refuse(row)
        elif isinstance(row, Said):
            oldest, newest = self._span
            if row.said_at != 0 and not oldest <= row.said_at <= newest:
                self._refuse(_out_of_time(row, row.said_at))
            elif row.title is None:
                recording = mbid(row.recording_mbid)
                if recording is None:
                    self._refuse(Problem(place(row.part, row.line), "it names no recording"))
                else:
                    self._nameless.append((recording, row.opinion, row.said_at))
            else:
                names = (row.title, row.artist, row.album, row.recording_mbid, row.isrc)
                number = self._numbers.get(names)
                if number is None:
                    number = self._number(*names)
                if number < 0:
                    self._refuse(Problem(place(row.part, row.line), "it has no title"))
                else:
                    self._opinions.append((number, row.opinion, row.said_at))

    def _refuse(self, problem: Problem) -> None:
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)


def _out_of_time(row: Heard | Said, at: int) -> Problem:
    day = f" ({datetime.fromtimestamp(at, UTC):%Y-%m-%d})" if 0 <= at < _END_OF_YEARS else ""
    when = "before scrobbling existed" if at < SCROBBLING_BEGAN else "in the future"
    return Problem(place(row.part, row.line), f"its time{day} is {when}")
