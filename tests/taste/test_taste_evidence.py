"""What the own past says, against answers known by hand and against slow plain counting."""

import numpy as np
import pytest

from segue.listening.events import Event, Events
from segue.taste.evidence import MADE_BY, OWN, made_by, own_evidence, unheard
from segue.taste.past import Lived
from segue.types import Outcome

START = 1_700_000_000
MINUTE = 60


def lived(tracks: list[int], *, gap_s: int = 200, outcomes: list[int] | None = None, timed: bool = True) -> Lived:
    at = START + gap_s * np.arange(len(tracks)) if timed else np.zeros(len(tracks))
    return Lived.of(Events.make(["ada"], np.zeros(len(tracks)), tracks, at, outcomes))


def told(state: Lived, column: str, at: int = 0) -> dict[int, float]:
    found = own_evidence(state, at)
    values = found.columns[:, OWN.index(column)]
    return dict(zip(found.tracks.tolist(), values.tolist(), strict=True))


def test_nothing_lived_tells_nothing() -> None:
    found = own_evidence(Lived.nothing(), START)
    assert found.tracks.shape == (0,)
    assert found.columns.shape == (0, len(OWN))
    assert made_by(Lived.nothing(), np.array([0, 1], dtype=np.int32), np.array([1])).tolist() == [[0] * len(MADE_BY)]


def test_what_came_after_the_last_track_is_told() -> None:
    state = lived([1, 2, 3, 9, 1, 2, 4, 9, 1])
    after = told(state, "came right after")
    assert after[2] > 0
    assert [after[track] for track in (1, 3, 4, 9)] == [0, 0, 0, 0]
    second = told(state, "came second after")
    assert second[4] > second[3] > 0  # the later occurrence weighs more
    assert second[2] == 0


def test_longer_agreement_is_told_apart() -> None:
    # After 1 2 3 4 came 5; after 9 9 9 4 came 6.
    state = lived([1, 2, 3, 4, 5, 9, 9, 9, 4, 6, 7, 1, 2, 3, 4])
    assert told(state, "came right after")[6] > told(state, "came right after")[5]
    four = told(state, "came after four alike")
    assert four[5] > 0
    assert four[6] == 0
    assert told(state, "came after two alike")[6] == 0


def test_both_sides_of_an_earlier_place_count_as_around() -> None:
    state = lived([7, 1, 8, *range(100, 120), 1])
    around = told(state, "stood around")
    assert around[7] > 0
    assert around[8] > 0
    assert around[119] == 0
    assert around[1] == 0


def test_sums_agree_with_plain_counting() -> None:
    chance = np.random.default_rng(3)
    tracks = chance.integers(0, 12, 300).tolist()
    outcomes = chance.choice([0, 1, 2, 3, 4], 300).tolist()
    state = lived(tracks, outcomes=outcomes, gap_s=700)
    at = START + 700 * 300
    skipped = {int(Outcome.SKIPPED), int(Outcome.FAILED)}
    for track in range(12):
        plays = [place for place in range(300) if tracks[place] == track and outcomes[place] not in skipped]
        count = sum(one == track for one in tracks)
        assert told(state, "plays", at)[track] == pytest.approx(np.log1p(len(plays)))
        assert told(state, "skips", at)[track] == pytest.approx(np.log1p(count - len(plays)))
        events = sum(1 / (300 - place) for place in plays)
        assert told(state, "active by events", at)[track] == pytest.approx(np.log1p(events / 0.1), rel=1e-5)
        hours = sum((700 * (300 - place) / 3600) ** -0.7 for place in plays)
        assert told(state, "active by hours", at)[track] == pytest.approx(np.log1p(hours / 0.1), rel=1e-5)
        last = max(place for place in range(300) if tracks[place] == track)
        assert told(state, "events ago", at)[track] == pytest.approx(np.log(300 - last), abs=1e-5)
        assert told(state, "was among the last five", at)[track] == float(300 - last <= 5)


def test_a_pause_ends_the_session() -> None:
    state = lived([1, 2, 3])
    soon, late = START + 3 * 200, START + 3 * 200 + 40 * MINUTE
    assert told(state, "in this session", soon) == {1: 1, 2: 1, 3: 1}
    assert told(state, "in this session", late) == {1: 0, 2: 0, 3: 0}


def test_an_order_without_times_is_one_session_and_finite() -> None:
    state = lived([1, 2, 1, 3], timed=False)
    assert np.isfinite(own_evidence(state, 0).columns).all()
    assert told(state, "in this session") == {1: 1, 2: 1, 3: 1}


def test_a_state_is_told_nothing_of_what_came_after_it() -> None:
    chance = np.random.default_rng(4)
    tracks = chance.integers(0, 30, 400).tolist()
    whole = lived(tracks)
    for length in (0, 1, 7, 150, 399):
        cut, part = Lived(whole.past, length), lived(tracks[:length])
        at = START + 200 * length
        one, other = own_evidence(cut, at), own_evidence(part, at)
        assert np.array_equal(one.tracks, other.tracks)
        assert np.array_equal(one.columns, other.columns)


def test_steps_give_what_the_whole_gives() -> None:
    chance = np.random.default_rng(5)
    tracks = chance.integers(0, 200, 500).tolist()
    state = Lived.nothing()
    for place, track in enumerate(tracks):
        state = state.after(Event(track, START + 200 * place))
    assert np.array_equal(
        own_evidence(state, START + 10**6).columns, own_evidence(lived(tracks), START + 10**6).columns
    )


def test_two_ways_on_from_one_state_do_not_meet() -> None:
    first = lived([1, 2, 3])
    one, other = first.after(Event(4, START + 900)), first.after(Event(5, START + 900))
    assert own_evidence(one, 0).tracks.tolist() == [1, 2, 3, 4]
    assert own_evidence(other, 0).tracks.tolist() == [1, 2, 3, 5]
    assert own_evidence(first, 0).tracks.tolist() == [1, 2, 3]


def test_the_makers_of_what_was_heard_are_present() -> None:
    artist = np.array([0, 0, 1, -1, 2], dtype=np.int32)
    state = lived([2, 0, 0])
    told = dict(zip(MADE_BY, made_by(state, artist, np.arange(5)).T.tolist(), strict=True))
    assert told["artist of the last"] == [1, 1, 0, 0, 0]
    assert told["artist of the last ten"][1] > told["artist of the last ten"][2] > 0
    assert told["plays of the artist"] == pytest.approx([np.log(3), np.log(3), np.log(2), 0, 0])
    assert [column[3] for column in told.values()] == [0, 0, 0, 0]
    # What nobody is known to have made does not speak for its like.
    assert np.array_equal(made_by(lived([3]), artist, np.array([3])), np.zeros((1, len(MADE_BY))))


def test_what_was_never_heard_is_long_ago() -> None:
    line = dict(zip(OWN, unheard().tolist(), strict=True))
    assert line["events ago"] > np.log(30_000)
    assert {name for name, value in line.items() if value} == {"events ago", "hours ago"}
