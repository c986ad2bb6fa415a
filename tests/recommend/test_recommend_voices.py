"""Reasons of a model that tells what moved its score: split by kind, said in words, beside parts that stay exact."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import pytest
from recommend_world import NOW, Successor, heard, library
from test_recommend_reasons import said_shares

from segue.listening.events import Event
from segue.recommend.profile import Said
from segue.recommend.reasons import foremost, reason, shares
from segue.recommend.recommender import Recommender
from segue.settings import RecommendSettings
from segue.taste.contract import Voice
from segue.types import Opinion, Outcome, Pick

VOICES: dict[str, Said] = {
    "after": Said(3.0, cause=70),
    "around": Said(1.0, cause=70),
    "artist": Said(-2.0, cause=5),
    "order": Said(1.0),
}


class Telling(Successor):
    """After track i comes i + 1, and it says so; of the others it says what the test tells it to."""

    voices_of_all: Mapping[str, Said] = VOICES

    def voices(self, state: int, at: int, tracks: np.ndarray) -> dict[str, Voice]:
        count = len(tracks)
        return {
            kind: Voice(np.full(count, said.adds, np.float32), np.full(count, said.more), np.full(count, said.cause))
            for kind, said in self.voices_of_all.items()
        }


def telling(**settings: Any) -> Recommender:
    tracks, items = library()
    return Recommender(tracks, items, Telling(items), RecommendSettings(**settings))


def exact(pick: Pick) -> None:
    assert pick.score == sum(pick.parts.values())
    assert not set(pick.parts) & {"after", "around", "order"}
    assert pick.voices == {kind: said.adds for kind, said in VOICES.items()}
    expected = [round(100 * share) for share in shares(pick.parts, VOICES).values() if share >= 0.1][:3]
    assert said_shares(pick.reason) == pytest.approx(expected, abs=1)


def test_the_sequence_is_split_among_what_spoke_for_the_track() -> None:
    found = shares({"sequence": 4.0, "sound": 1.0, "avoid": -2.0}, VOICES)
    assert found == pytest.approx({"after": 0.48, "around": 0.16, "order": 0.16, "sound": 0.2})
    assert shares({"sequence": -4.0, "sound": 1.0}, VOICES) == {"sound": 1.0}
    assert shares({"sequence": 4.0}, {"after": Said(-1.0), "order": Said(0.0)}) == {"sequence": 1.0}
    assert shares({"sequence": 3.0, "artist": 1.0}, {"artist": Said(2.0), "order": Said(1.0)}) == {
        "artist": 0.75,
        "order": 0.25,
    }


def test_picks_carry_voices_beside_exact_parts() -> None:
    for pick in telling().recommend(heard([*range(40)]), {"t070": Opinion.LIKE}, k=10, at=NOW):
        exact(pick)
        assert "which you skipped" not in pick.reason
    for pick in islice(telling().station(heard([*range(40)]), {}, at=NOW), 5):
        exact(pick)


def test_what_is_recommended_does_not_depend_on_voices() -> None:
    tracks, items = library()
    silent = Recommender(tracks, items, Successor(items), RecommendSettings())
    first = silent.recommend(heard([*range(40)]), {}, k=20, at=NOW)
    second = telling().recommend(heard([*range(40)]), {}, k=20, at=NOW)
    assert [(pick.track, pick.score, pick.parts) for pick in first] == [
        (pick.track, pick.score, pick.parts) for pick in second
    ]
    assert all(not pick.voices for pick in first)


def test_explain_tells_what_the_pick_tells() -> None:
    box = telling()
    (pick,) = box.recommend(heard([*range(3, 33), 70]), {}, k=1, at=NOW)
    found = box.explain(heard([*range(3, 33), 70]), {}, pick.track.id, at=NOW)
    assert found.voices == pick.voices
    assert found.reason == pick.reason
    assert found.parts == pick.parts


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("after", Said(1, cause=70), "comes after “Artist 22 – Title 70” in your listening"),
        ("around", Said(1, cause=70), "stands near “Artist 22 – Title 70” in your listening"),
        ("together", Said(1, cause=70), "is played in one session with “Artist 22 – Title 70”"),
        ("together", Said(1, cause=97), "is played in one session with a track outside your library"),
        ("after", Said(1, cause=6), "comes after itself in your listening"),
        ("together", Said(1), "goes with what you play of late"),
        ("order", Said(1), "the order you play in leads here"),
        ("order", Said(1, more=False), "what you play leads here"),
        ("after", Said(1), "what you play leads here"),
        ("popularity", Said(1), "one of the more played tracks"),
        ("popularity", Said(1, more=False), "a change from what is played most"),
        ("something new", Said(1, cause=70), "goes with “Artist 22 – Title 70”"),
        ("artist", Said(1, cause=14), "you play Artist 6 of late"),
        ("artist", Said(1, more=False), "a change from the artists you play most of late"),
        ("habit", Said(1), "new to you"),
    ],
)
def test_voices_in_words(kind: str, said: Said, words: str) -> None:
    profile = telling()._profile(heard([5]), {}, NOW)
    assert reason(profile, {"sequence": 1.0}, 6, NOW, voices={kind: said}) == f"{words} – 100%"


def test_the_artist_you_like_is_no_change() -> None:
    profile = telling()._profile(heard([5]), {"t014": Opinion.LIKE}, NOW)
    found = reason(profile, {"sequence": 1.0}, 6, NOW, voices={"artist": Said(1, more=False)})
    assert found == "you play or like Artist 6 – 100%"


def test_a_track_that_was_only_skipped_was_not_played() -> None:
    profile = telling()._profile(heard([6], outcome=int(Outcome.SKIPPED)), {}, NOW)
    found = reason(profile, {"sequence": 1.0}, 6, NOW, voices={"habit": Said(1)})
    assert found == "you have not played it through, heard 3 days ago – 100%"


def test_the_artist_of_a_track_behind_several_voices_is_named_once() -> None:
    profile = telling()._profile(heard([5]), {}, NOW)
    found = reason(profile, {"sequence": 1.0}, 6, NOW, voices=VOICES)
    assert found == (
        "comes after “Artist 22 – Title 70” in your listening – 60%; stands near “Title 70” in your listening – 20%; "
        "the order you play in leads here – 20%"
    )


def event(outcome: Outcome, track: int = 1) -> Event:
    return Event(track, NOW, int(outcome), 1.0 if outcome is Outcome.FINISHED else 0.1)


def test_a_skip_leads_only_where_it_outweighs_all_else() -> None:
    skip, play, other = event(Outcome.SKIPPED), event(Outcome.FINISHED, 2), event(Outcome.FINISHED, 3)
    assert foremost([]) is None
    assert foremost([(skip, 0.5), (play, 0.4), (other, 0.3)]) == (play, 0.4)
    assert foremost([(skip, 0.9), (play, 0.4), (other, 0.3)]) == (skip, 0.9)
    assert foremost([(skip, 0.5), (play, -0.9)]) == (play, -0.9)
    assert foremost([(skip, -0.5)]) is None
    assert foremost([(play, 0.1), (other, 0.3)]) == (other, 0.3)


def test_reasons_stay_short_enough_to_read() -> None:
    for pick in telling().recommend(heard([*range(40)]), {}, k=10, at=NOW):
        assert len(re.findall(r"– \d+%", pick.reason)) <= 3
