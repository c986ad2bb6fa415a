"""Orders that are no history: albums as sequences, and sources joined into one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segue.catalogue.names import name_key
from segue.listening.events import Events
from segue.types import Track

__all__ = ["album_order", "join"]

_LAST = 1 << 30


def album_order(tracks: Sequence[Track], ids: Sequence[str]) -> Events:
    """Each album of two tracks or more as a listener called "album:…" who hears it once, in disc and track order.

    What a library says before anybody has listened: tracks that stand together belong together. Times are 0 and
    outcomes unknown. An album is one release MBID, or else one artist (the album's, or the track's first) and title.
    Tracks without a number come last, by file name.

    Parameters
    ----------
    tracks
        What is known of them.
    ids
        The track ids that events call 0, 1, …; tracks of other ids are left out.
    """
    position = {track_id: row for row, track_id in enumerate(ids)}
    albums: dict[str, list[Track]] = defaultdict(list)
    for track in {track.id: track for track in tracks if track.id in position}.values():
        if track.album:
            artist = track.album_artist or (track.artists[0] if track.artists else None)
            albums[track.release_mbid or name_key(artist, track.album)].append(track)
    names = sorted(name for name, members in albums.items() if len(members) > 1)
    ordered = [sorted(albums[name], key=_place_on_album) for name in names]
    return Events.make(
        [f"album:{name}" for name in names],
        [listener for listener, members in enumerate(ordered) for _ in members],
        [position[track.id] for members in ordered for track in members],
        np.zeros(sum(map(len, ordered)), dtype=np.int64),
    )


def _place_on_album(track: Track) -> tuple[int, int, str, str]:
    number = _LAST if track.track_number is None else track.track_number
    return track.disc_number or 1, number, track.path.name if track.path else "", track.id


def join(first: Events, second: Events) -> Events:
    """The listeners of both, first ``first``'s, over the same tracks.

    Raises
    ------
    ValueError
        A listener is in both.
    """
    shared = set(first.listeners) & set(second.listeners)
    if shared:
        raise ValueError(f"listeners in both: {sorted(shared)[:5]}")
    return replace(
        first,
        listeners=first.listeners + second.listeners,
        listener=np.concatenate([first.listener, second.listener + np.int32(len(first.listeners))]),
        track=np.concatenate([first.track, second.track]),
        started_at=np.concatenate([first.started_at, second.started_at]),
        outcome=np.concatenate([first.outcome, second.outcome]),
        completion=np.concatenate([first.completion, second.completion]),
    )
