import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommend_world import DAY, NOBODY, NOW, heard, library, recommender

from segue.recommend.reasons import ago, reason, shares
from segue.recommend.recommender import Recommender
from segue.settings import RecommendSettings
from segue.taste.popularity import Popularity
from segue.types import Opinion


@given(st.dictionaries(st.text(max_size=3), st.floats(-100, 100), max_size=9))
def test_shares_sum_to_one(parts) -> None:
    found = shares(parts)
    assert set(found) == {name for name, part in parts.items() if part > 0}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    if found:
        assert sum(found.values()) == pytest.approx(1)


def said_shares(text: str) -> list[int]:
    return [int(share) for share in re.findall(r"– (\d+)%", text)]


def test_the_shares_said_are_those_of_the_parts() -> None:
    answer = recommender(model=True).recommend(heard([*range(40)]), {"t070": Opinion.LIKE}, k=20, at=NOW)
    for pick in answer.picks:
        expected = [round(100 * share) for share in shares(pick.parts).values() if share >= 0.1][:3]
        assert said_shares(pick.reason) == pytest.approx(expected, abs=1)


def test_a_sound_reason_names_the_track_and_its_true_similarity() -> None:
    box = recommender()
    for pick in box.recommend(heard([30, 55]), {}, k=10, at=NOW).picks:
        found = re.search(
            r"sounds like “Artist \d+ – Title (\d+)”, which you finished (.*) \(similarity (.*)\)", pick.reason
        )
        if "sound" not in shares(pick.parts):
            continue
        other, when, similarity = int(found[1]), found[2], float(found[3])
        place = int(pick.track.id[1:])
        assert other in (30, 55)
        assert when == "3 days ago"
        assert similarity == pytest.approx(float(box.shelf.vectors[place] @ box.shelf.vectors[other]), abs=0.006)


def test_the_sequence_reason_names_the_listen_that_led_there() -> None:
    """The model knows only the last track: leaving out any other changes nothing, so only that one is named."""
    box = recommender(model=True)
    pick = box.recommend(heard([*range(3, 33), 70], ended=NOW - 7200), {}, k=1, at=NOW).picks[0]
    assert pick.track.id == "t071"
    assert "more so since “Artist 22 – Title 70”, which you finished 2 hours ago" in pick.reason
    other = box.recommend(heard([*range(3, 33), 70], ended=NOW - 7200), {}, k=5, at=NOW).picks[4]
    assert "what you play leads here" not in other.reason


def test_an_event_that_lowered_a_track_is_no_reason_for_it() -> None:
    box = recommender(model=True)
    profile = box._profile(heard([5]), {}, NOW)
    parts, place = {"sequence": 1.0}, 6
    raised = reason(profile, parts, place, NOW, after=(profile.last, 0.4))
    assert raised == (
        "what you play leads here, more so since “Artist 5 – Title 5”, which you finished 3 days ago – 100%"
    )
    for after in (None, (profile.last, -0.4), (profile.last, 0.0)):
        assert reason(profile, parts, place, NOW, after=after) == "what you play leads here – 100%"


def test_habit_and_novelty_are_told_with_numbers() -> None:
    listens = heard([7] * 12 + [*range(40, 60)], ended=NOW - 14 * DAY)
    known = recommender(discover=0.0, sound=False).recommend(listens, {}, k=1, at=NOW).picks[0]
    assert known.track.id == "t007"
    assert "you have played it 12 times, last heard 2 weeks ago" in known.reason
    picks = recommender(discover=0.9, sound=False).recommend(listens, {}, k=5, at=NOW).picks
    new = next(pick for pick in picks if "habit" not in shares(pick.parts))
    assert new.parts["novelty"] > 0
    assert "you have not heard it yet (discover 0.9)" in new.reason


def test_what_speaks_against_a_pick_is_told() -> None:
    box = recommender()
    listens = heard([0, 1, 2, 30], outcome=[1, 1, 1, 3])
    found = box.explain(listens, {}, "t030", at=NOW)
    assert "although you skipped it 3 days ago" in found.reason
    near = box.explain(listens, {}, "t031", at=NOW)
    assert near.parts["avoid"] < 0
    assert near.away[0].name == "“Artist 14 – Title 30”"


def test_an_artist_who_was_skipped_is_named() -> None:
    box = recommender(sound=False)
    found = box.explain(heard([0, 8, 30], outcome=[3, 3, 1]), {}, "t016", at=NOW)
    assert found.parts["artist"] < 0
    assert found.reason.endswith("although you skipped or disliked Artist 0")
    liked = box.explain(heard([0, 8, 30], outcome=[1, 1, 3]), {"t016": Opinion.LIKE}, "t016", at=NOW)
    assert "you play or like Artist 0" in liked.reason
    assert "you liked it" in liked.reason


def test_the_model_of_popularity_is_not_told_as_taste() -> None:
    tracks, items = library(sound=False)
    model = Popularity()
    everybody = heard([5] * 9 + [6] * 4)
    model.fit(everybody, items)
    box = Recommender(tracks, items, model, RecommendSettings())
    pick = box.recommend(NOBODY, {}, k=1, at=NOW).picks[0]
    assert pick.track.id == "t005"
    assert pick.reason == "much played by everybody here – 100%"


def test_the_varied_start_says_what_share_it_stands_for() -> None:
    picks = recommender().recommend(NOBODY, {}, k=4, at=NOW).picks
    for pick in picks:
        assert pick.reason == f"a varied start: of these picks it sounds most like {pick.score:.0%} of the library"
    assert np.isclose(sum(pick.score for pick in picks), 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-5, "just now"),
        (61, "1 minute ago"),
        (3600 * 5, "5 hours ago"),
        (DAY, "1 day ago"),
        (6 * DAY, "6 days ago"),
        (15 * DAY, "2 weeks ago"),
        (70 * DAY, "2 months ago"),
        (800 * DAY, "2 years ago"),
    ],
)
def test_spans_in_words(seconds: int, words: str) -> None:
    assert ago(seconds) == words
