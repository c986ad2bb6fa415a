"""A past built at once is the past built event by event, and both are what a plain loop over the events says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segue.listening.events import Event, Events
from segue.taste.past import Lived

TRACKS = st.lists(st.integers(0, 6), max_size=40)


def events(tracks: list[int]) -> Events:
    return Events.make(["ada"], [0] * len(tracks), tracks, np.arange(len(tracks)) * 100 + 100)


@given(tracks=TRACKS, at_once=st.integers(0, 40), most=st.one_of(st.none(), st.integers(1, 4)))
def test_it_says_what_a_loop_says(tracks: list[int], at_once: int, most: int | None) -> None:
    """Some events are there at first, the others are appended."""
    lived = Lived.of(events(tracks[:at_once]))
    for place, track in enumerate(tracks[at_once:], at_once):
        lived = lived.after(Event(track, 100 * place + 100))
    past, length = lived.past, len(tracks)
    met = list(dict.fromkeys(tracks))
    assert lived == Lived(past, length)
    assert lived.met == len(met)
    assert past.distinct[: len(met)].tolist() == met
    assert past.own[:length].tolist() == [met.index(track) for track in tracks]
    assert past.met[:length].tolist() == [len(set(tracks[: place + 1])) for place in range(length)]
    assert past.started_at[:length].tolist() == [100 * place + 100 for place in range(length)]
    for track in range(8):
        for end in range(length + 1):
            before = [place for place in range(end) if tracks[place] == track]
            found = past.before(track, end, most)
            assert found.dtype == np.int64
            assert found.tolist() == (before if most is None else before[-most:])


@given(tracks=TRACKS.filter(len), more=TRACKS)
def test_going_on_from_an_older_state_leaves_the_others(tracks: list[int], more: list[int]) -> None:
    whole = Lived.of(events(tracks))
    half = len(tracks) // 2
    other = Lived(whole.past, half)
    for track in more:
        other = other.after(Event(track, 0))
    assert whole.past.tracks[: len(tracks)].tolist() == tracks
    assert other.past.tracks[: other.length].tolist() == tracks[:half] + more
    for state, said in ((whole, tracks), (other, tracks[:half] + more)):
        for track in range(7):
            expected = [place for place, met in enumerate(said) if met == track]
            assert state.past.before(track, state.length).tolist() == expected
