from pathlib import Path

import numpy as np
import pytest

from segue.listening.context import GAP_BINS, GAP_EDGES_S, gap_bin, gaps, hour_of_week, sessions
from segue.listening.events import Events
from segue.listening.orders import album_order, join
from segue.types import Outcome, Track


def test_gap_bins_rise_and_every_edge_opens_one() -> None:
    assert gap_bin(GAP_EDGES_S).tolist() == list(range(2, GAP_BINS))
    assert gap_bin(np.array(GAP_EDGES_S) - 1).tolist() == list(range(1, GAP_BINS - 1))
    assert gap_bin([np.nan, -1, 0, 10**12]).tolist() == [0, 0, 1, GAP_BINS - 1]
    assert gap_bin(np.zeros((2, 3))).shape == (2, 3)


def test_gaps_begin_anew_with_every_listener() -> None:
    events = Events.make(["a", "b", "album"], [0, 0, 0, 1, 1, 2, 2], [0] * 7, [100, 130, 4000, 50, 50, 0, 0])
    np.testing.assert_array_equal(gaps(events), [np.nan, 30, 3870, np.nan, 0, np.nan, np.nan])
    assert gap_bin(gaps(events)).tolist() == [0, 2, 5, 0, 1, 0, 0]


def test_sessions_end_with_a_pause_and_with_the_listener() -> None:
    events = Events.make(["a", "b", "album"], [0, 0, 0, 1, 2, 2], [0] * 6, [100, 1899, 3699, 3700, 0, 0])
    assert sessions(events).tolist() == [0, 0, 1, 2, 3, 3]
    assert sessions(events, gap_s=10).tolist() == [0, 1, 2, 3, 4, 4]
    assert sessions(events).dtype == np.int32
    nobody = Events.make([], [], [], [])
    assert sessions(nobody).tolist() == []
    assert gaps(nobody).tolist() == []


def test_hours_of_the_week() -> None:
    monday = 1_700_438_400  # Monday, 20 November 2023, 0:00 UTC
    hours = monday + 3600 * np.arange(168)
    assert hour_of_week(hours).tolist() == list(range(168))
    assert hour_of_week(hours + 3599).tolist() == list(range(168))
    assert hour_of_week([monday], utc_offset_s=19_800).tolist() == [5]
    assert hour_of_week([monday], utc_offset_s=-1).tolist() == [167]


def track(name: str, **tags: object) -> Track:
    return Track(name, f"Title {name}", ("Artist",), **{"album": "Album", **tags})


def test_albums_in_disc_and_track_order() -> None:
    tracks = [
        track("d", disc_number=2, track_number=1),
        track("c", disc_number=1, track_number=10),
        track("b", track_number=2),
        track("a", disc_number=1, path=Path("/m/zz.ogg")),
        track("e", disc_number=1, path=Path("/m/aa.ogg")),
        track("single", album="Alone"),
        track("none", album=None),
        track("x", album="ALBUM (Remastered)", album_artist="artist", track_number=1),
        track("r2", release_mbid="m", track_number=2),
        track("r1", release_mbid="m", track_number=1),
        track("unknown", track_number=3),
    ]
    ids = sorted(each.id for each in tracks if each.id != "unknown")
    events = album_order([*tracks, tracks[0]], ids)
    named = {
        name: [ids[row] for row in events.track[events.listener == number]]
        for number, name in enumerate(events.listeners)
    }
    assert list(named.values()) == [["x", "b", "c", "e", "a", "d"], ["r1", "r2"]]
    assert all(name.startswith("album:") for name in named)
    assert not events.started_at.any()
    assert set(events.outcome.tolist()) == {Outcome.UNKNOWN}
    assert len(album_order([], [])) == 0


def test_joining_keeps_both_and_refuses_a_listener_twice() -> None:
    first = Events.make(["a", "b"], [0, 1], [3, 4], [10, 20], [1, 2], [0.5, 1.0])
    second = Events.make(["c"], [0, 0], [5, 6], [7, 8])
    both = join(first, second)
    assert both.listeners == ("a", "b", "c")
    assert both.listener.tolist() == [0, 1, 2, 2]
    assert both.track.tolist() == [3, 4, 5, 6]
    assert both.offsets.tolist() == [0, 1, 2, 4]
    assert both.listener.dtype == np.int32
    assert len(join(first, Events.make([], [], [], []))) == 2
    with pytest.raises(ValueError, match="'a'"):
        join(first, first)
