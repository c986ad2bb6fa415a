"""Keeps one artist, one album and two versions of one piece apart in an order of tracks.

Greedy: each position takes the best track that fits after those placed. Where none fits, rules give way in a stated
order, for this position only: first versions (side by side), then albums, then artists; in the last case the track
whose artist was placed longest ago is taken.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from segue.recommend.shelf import Shelf

__all__ = ["Spacing"]

Ints = npt.NDArray[np.int64]

LONG_AGO = -(2**40)


class Spacing:
    """Which places may follow those placed so far.

    Parameters
    ----------
    shelf
        Whose artists, albums and titles count; an unknown artist or album (-1) is never in the way.
    artist, album
        Tracks there must be between two of one artist, of one album.

    Attributes
    ----------
    relaxed
        How often each rule had to give way.
    """

    def __init__(self, shelf: Shelf, artist: int, album: int) -> None:
        # In the order in which they are held longest: the last one gives way first.
        self._rules = [("artist", shelf.artist, artist), ("album", shelf.album, album), ("version", shelf.version, 1)]
        self._last = [np.full(int(codes.max(initial=-1)) + 2, LONG_AGO, dtype=np.int64) for _, codes, _ in self._rules]
        self._placed = 0
        self.relaxed: Counter[str] = Counter()

    def place(self, place: int) -> None:
        """Put a place at the end of the order."""
        for (_, codes, _), last in zip(self._rules, self._last, strict=True):
            if codes[place] >= 0:
                last[codes[place]] = self._placed
        self._placed += 1

    def fits(self, places: Ints, rules: int = 3) -> npt.NDArray[np.bool_]:
        """bool (n,): which of these places may come next under the first so many rules (artist, album, version)."""
        fit = np.ones(len(places), dtype=bool)
        for (_, codes, between), last in zip(self._rules[:rules], self._last[:rules], strict=True):
            # Index -1 reads the array's last field, which no code has: it stays long ago.
            fit &= self._placed - last[codes[places]] > between
        return fit

    def loosest(self, places: Ints) -> int:
        """The position in ``places`` of the one whose artist, then album, was placed longest ago (first of equals)."""
        ages = [last[codes[places]] for (_, codes, _), last in zip(self._rules[:2], self._last[:2], strict=True)]
        return int(np.lexsort((np.arange(len(places)), ages[1], ages[0]))[0])

    def next_of(self, places: Ints) -> Ints:
        """Those of ``places`` that may come next under the most rules that can be kept; never none of some."""
        for rules in (3, 2, 1):
            fitting = places[self.fits(places, rules)]
            if len(fitting):
                return fitting
        return places[[self.loosest(places)]]

    def arrange(self, order: Ints, k: int) -> list[int]:
        """The first k of an order of places, best first, as the rules let them stand; they count as placed."""
        taken = np.zeros(len(order), dtype=bool)
        chosen: list[int] = []
        head = 0
        while len(chosen) < min(k, len(order)):
            while taken[head]:
                head += 1
            index = self._first(order, taken, head)
            taken[index] = True
            chosen.append(int(order[index]))
            self.relaxed.update(self.broken_by(chosen[-1]))
            self.place(chosen[-1])
        return chosen

    def _first(self, order: Ints, taken: npt.NDArray[np.bool_], head: int) -> int:
        for rules in (3, 2, 1):
            start, size = head, 64
            while start < len(order):
                part = slice(start, start + size)
                fit = self.fits(order[part], rules) & ~taken[part]
                if fit.any():
                    return start + int(fit.argmax())
                start, size = start + size, size * 4
        left = head + np.flatnonzero(~taken[head:])
        return int(left[self.loosest(order[left])])

    def broken_by(self, place: int) -> list[str]:
        """The rules that a place would break if it came next."""
        return [
            name
            for (name, codes, between), last in zip(self._rules, self._last, strict=True)
            if codes[place] >= 0 and self._placed - last[codes[place]] <= between
        ]

    def notes(self) -> tuple[str, ...]:
        """One sentence for each rule that gave way."""
        words = {"artist": "the same artist", "album": "the same album", "version": "two versions of one title"}
        return tuple(
            f"{words[name]} came closer than set {times}×: nothing else was left to choose"
            for name, times in sorted(self.relaxed.items())
        )
