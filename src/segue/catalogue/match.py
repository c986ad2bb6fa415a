"""Which track of the library a source meant: recording MBID, then ISRC, then the normalised artist and title.

In: a recording as somebody's history names it. Out: a track id and how it was found, or None. Only equal names match:
a false merge mixes two histories for good, a false split is mended by matching again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from segue.catalogue.names import name_key, normalise
from segue.types import Track

__all__ = ["Matcher"]

NEAR_S = 10.0
"""Durations that differ by no more than this may be of one recording."""

_NOBODY = frozenset({"", "various artists", "various", "va", "unknown artist", "unknown"})


class Matcher:
    """Finds tracks by what a history says of them.

    ``how`` is ``"mbid"``, ``"isrc"``, ``"name"`` (the whole artist credit and the title) or ``"credit"`` (the title and
    one of the credited artists, the album's artist, or an artist written into the title).

    Examples
    --------
    >>> matcher = Matcher([Track("t1", "Army of Me", ("Björk",), album="Post")])
    >>> matcher.match("Bjork", "Army Of Me (2011 Remaster)", None, None, None, None)
    ('t1', 'name')
    >>> matcher.match("Björk", "Army of Me (Live)", "Post", None, None, None) is None
    True
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._by_mbid: dict[str, list[Track]] = defaultdict(list)
        self._by_isrc: dict[str, list[Track]] = defaultdict(list)
        self._by_name: dict[str, list[Track]] = defaultdict(list)
        self._by_credit: dict[str, list[Track]] = defaultdict(list)
        # In the order of ids, so that the first of equal candidates is the lowest.
        for track in sorted(tracks, key=lambda track: track.id):
            if track.recording_mbid:
                self._by_mbid[_plain(track.recording_mbid)].append(track)
            if track.isrc:
                self._by_isrc[_plain(track.isrc)].append(track)
            names = set(_whole_credits(track))
            for key in names:
                self._by_name[key].append(track)
            for key in set(_partial_credits(track)) - names:
                self._by_credit[key].append(track)

    def match(
        self,
        artist: str | None,
        title: str,
        album: str | None,
        duration_s: float | None,
        recording_mbid: str | None,
        isrc: str | None,
    ) -> tuple[str, str] | None:
        """The id of the track that was meant and how it was found, or None.

        Of several candidates those of the same album win, then the nearest duration within 10 s, then the lowest id.
        """
        for how, candidates in self._candidates(artist, title, recording_mbid, isrc):
            if candidates:
                return _choose(candidates, album, duration_s).id, how
        return None

    def _candidates(
        self, artist: str | None, title: str, recording_mbid: str | None, isrc: str | None
    ) -> Iterator[tuple[str, list[Track] | None]]:
        if recording_mbid:
            yield "mbid", self._by_mbid.get(_plain(recording_mbid))
        if isrc:
            yield "isrc", self._by_isrc.get(_plain(isrc))
        if artist:
            key = name_key(artist, title)
            yield "name", self._by_name.get(key)
            yield "credit", self._by_credit.get(key)
        in_title, dash, rest = title.partition(" - ")
        if dash and in_title.strip() and rest.strip():
            key = name_key(in_title, rest)
            yield "credit", self._by_name.get(key) or self._by_credit.get(key)


def _plain(identifier: str) -> str:
    """An MBID or ISRC without case and hyphens: people write "GB-AYE-69-00531" too."""
    return identifier.replace("-", "").strip().lower()


def _whole_credits(track: Track) -> Iterator[str]:
    if not track.artists:
        return
    for credit in {", ".join(track.artists), " & ".join(track.artists), _listed(track.artists)}:
        if normalise(credit) not in _NOBODY:
            yield name_key(credit, track.title)


def _listed(artists: Sequence[str]) -> str:
    return " & ".join((", ".join(artists[:-1]), artists[-1])) if len(artists) > 1 else artists[0]


def _partial_credits(track: Track) -> Iterator[str]:
    credited = [artist for artist in (*track.artists, track.album_artist or "") if normalise(artist) not in _NOBODY]
    for artist in credited:
        yield name_key(artist, track.title)
    in_title, dash, rest = track.title.partition(" - ")
    if dash and rest.strip():
        prefix = normalise(in_title)
        if not credited or prefix in map(normalise, credited):
            yield name_key(in_title, rest)


def _choose(candidates: Sequence[Track], album: str | None, duration_s: float | None) -> Track:
    if len(candidates) == 1:
        return candidates[0]
    if album:
        wanted = normalise(album)
        candidates = [track for track in candidates if track.album and normalise(track.album) == wanted] or candidates
    if duration_s is not None:
        timed = [track for track in candidates if track.duration_s is not None]
        nearest = min(timed, key=lambda track: (abs((track.duration_s or 0.0) - duration_s), track.id), default=None)
        if nearest and abs((nearest.duration_s or 0.0) - duration_s) <= NEAR_S:
            return nearest
    return candidates[0]
