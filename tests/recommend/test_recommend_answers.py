from itertools import islice

import numpy as np
import pytest
from recommend_world import CLUSTERS, DAY, NOBODY, NOW, cluster, heard, library, recommender

from segue.errors import NotFound
from segue.listening.events import Events, Items
from segue.recommend.recommender import Recommender
from segue.recommend.scoring import FEW_LISTENS, NOTHING_KNOWN, YOUR_LISTENING
from segue.settings import RecommendSettings
from segue.taste.popularity import Popularity
from segue.taste.rules import Rules
from segue.taste.sound import Sound
from segue.types import Opinion, Outcome, Track


def ids(answer):
    return [pick.track.id for pick in answer.picks]


def test_the_basis_follows_how_much_is_known() -> None:
    box = recommender(model=True)
    assert box.recommend(NOBODY, {}, at=NOW).basis == NOTHING_KNOWN
    assert box.recommend(heard([3]), {}, at=NOW).basis == FEW_LISTENS
    assert box.recommend(NOBODY, {"t001": Opinion.LIKE}, at=NOW).basis == FEW_LISTENS
    assert box.recommend(heard([3] * 19), {}, at=NOW).basis == FEW_LISTENS
    assert box.recommend(heard([3] * 20), {}, at=NOW).basis == YOUR_LISTENING


def test_a_failed_load_or_a_listen_yet_to_come_is_no_listen() -> None:
    box = recommender()
    assert box.recommend(heard([3] * 30, outcome=int(Outcome.FAILED)), {}, at=NOW).basis == NOTHING_KNOWN
    assert box.recommend(heard([3] * 30, ended=NOW + 30 * DAY), {}, at=NOW).basis == NOTHING_KNOWN


def test_nothing_known_gives_a_start_from_every_cluster() -> None:
    for at in range(NOW, NOW + 5 * DAY, DAY):
        answer = recommender().recommend(NOBODY, {}, k=CLUSTERS, at=at)
        assert {cluster(pick.track) for pick in answer.picks} == set(range(CLUSTERS))
        assert sum(pick.parts["variety"] for pick in answer.picks) == pytest.approx(1)


def test_a_few_listens_lead_to_their_sound() -> None:
    answer = recommender().recommend(heard([30, 31]), {}, k=6, at=NOW)
    assert [cluster(pick.track) for pick in answer.picks] == [1] * 6


def test_two_tastes_give_both_and_not_what_lies_between() -> None:
    """The average of clusters 0 and 1 is planted as a track of its own: an averaged taste would pick it first."""
    tracks, items = library(heard_only=0)
    middle = items.vectors[0:48].mean(axis=0)
    sounds = np.concatenate([items.vectors, middle[None] / np.linalg.norm(middle)]).astype(np.float32)
    tracks = [*tracks, Track("t999", "Between", ("Nobody",))]
    items = Items((*items.ids, "t999"), vectors=sounds, artist=np.append(items.artist, 99).astype(np.int32))
    box = Recommender(tracks, items, None, RecommendSettings())
    picks = box.recommend(heard([0, 24, 1, 25, 2, 26]), {}, k=10, at=NOW).picks
    found = [cluster(pick.track) for pick in picks if pick.track.id != "t999"]
    assert set(found) == {0, 1}
    assert "t999" not in [pick.track.id for pick in picks[:8]]


def test_dislikes_and_skips_push_away_what_sounds_like_them() -> None:
    box = recommender()
    listens = heard([0, 24, 1, 25, 2, 26])
    skipped = heard([0, 24, 1, 25, 2, 26, 30, 31], outcome=[1] * 6 + [3] * 2)

    def of_cluster_one(answer):
        return sum(cluster(pick.track) == 1 for pick in answer.picks)

    before = of_cluster_one(box.recommend(listens, {}, k=10, at=NOW))
    assert of_cluster_one(box.recommend(listens, {"t030": Opinion.DISLIKE}, k=10, at=NOW)) < before
    assert of_cluster_one(box.recommend(skipped, {}, k=10, at=NOW)) < before


def test_the_model_of_what_comes_next_has_its_say() -> None:
    answer = recommender(model=True).recommend(heard([*range(96), *range(40, 59)]), {}, k=1, at=NOW)
    assert ids(answer) == ["t059"]
    assert answer.picks[0].parts["sequence"] > 1


def test_parts_sum_to_the_score() -> None:
    for events, opinions in ((NOBODY, {}), (heard([3, 4]), {"t010": Opinion.LIKE}), (heard([*range(60)]), {})):
        for model in (True, False):
            for pick in recommender(model=model).recommend(events, opinions, k=20, at=NOW).picks:
                assert sum(pick.parts.values()) == pytest.approx(pick.score, abs=1e-6)


def test_bans_and_dislikes_are_never_picked_even_of_a_short_library() -> None:
    box = recommender()
    opinions = {f"t{number:03}": Opinion.BAN if number % 2 else Opinion.DISLIKE for number in range(90)}
    answer = box.recommend(heard([*range(40)]), opinions, k=96, at=NOW)
    assert sorted(ids(answer)) == [f"t{number:03}" for number in range(90, 96)]
    nothing = box.recommend(heard([1]), {f"t{number:03}": Opinion.BAN for number in range(96)}, k=5, at=NOW)
    assert nothing.picks == ()
    assert "take one back" in nothing.notes[0]


def test_an_opinion_taken_back_counts_no_more() -> None:
    box = recommender()
    assert box.recommend(NOBODY, {"t001": Opinion.NONE}, at=NOW).basis == NOTHING_KNOWN


def test_what_was_heard_within_the_hours_rests() -> None:
    box = recommender(recent_hours=24.0)
    events = heard([*range(30)], ended=NOW - 3600)
    assert not set(ids(box.recommend(events, {}, k=66, at=NOW))) & set(box.shelf.items.ids[:30])
    later = box.recommend(events, {}, k=96, at=NOW + 2 * DAY)
    assert set(ids(later)) == set(box.shelf.items.ids[:96])
    assert not any("heard within" in note for note in later.notes)


def test_more_than_there_is_gives_all_and_says_what_gave_way() -> None:
    box = recommender()
    events = heard([*range(30)], ended=NOW - 3600)
    answer = box.recommend(events, {}, k=500, at=NOW)
    assert len(answer.picks) == 96
    assert len(set(ids(answer))) == 96
    assert set(ids(answer)[-30:]) == set(box.shelf.items.ids[:30])
    assert "30 heard within 24 hours: no others were left" in answer.notes
    first_of_the_rest = answer.picks[66].track.id
    assert first_of_the_rest == "t000"  # heard longest ago


def test_discover_goes_from_known_to_new() -> None:
    events = heard([*range(0, 96, 2)] * 2, ended=NOW - 20 * DAY)
    known = []
    for discover in (0.0, 0.1, 0.5, 0.9, 1.0):
        picks = recommender(discover=discover).recommend(events, {}, k=20, at=NOW).picks
        known.append(sum(int(pick.track.id[1:]) % 2 == 0 for pick in picks))
    assert known[0] == 20
    assert known[-1] == 0
    assert known[1:-1] == pytest.approx([18, 10, 2], abs=1)  # spacing may move one


def test_the_extremes_of_discover_give_way_rather_than_give_nothing() -> None:
    events = heard([5, 6, 7])
    answer = recommender(discover=0.0).recommend(events, {}, k=5, at=NOW)
    assert ids(answer)[:3] != []
    assert set(ids(answer)[:3]) == {"t005", "t006", "t007"}
    assert "2 never heard, against discover = 0: no others were left" in answer.notes
    everything = heard([*range(96)])
    new = recommender(discover=1.0).recommend(everything, {}, k=3, at=NOW)
    assert len(new.picks) == 3
    assert "3 heard before, against discover = 1: no others were left" in new.notes


def test_tracks_known_from_listening_only_are_never_picked() -> None:
    box = recommender(model=True)
    answer = box.recommend(heard([96, 97, 96]), {"heard:0": Opinion.LIKE}, k=500, at=NOW)
    assert set(ids(answer)) == set(box.shelf.items.ids[:96])


def test_a_history_outside_the_library_says_so_and_still_answers() -> None:
    answer = recommender().recommend(heard([96, 97] * 20), {}, k=4, at=NOW)
    assert len(answer.picks) == 4
    assert answer.basis == NOTHING_KNOWN
    assert answer.notes[0] == "nothing heard so far says anything of the tracks in this library"


def test_a_library_without_sound_or_model_or_tags_still_answers() -> None:
    tracks = [Track(f"x{number}", f"x{number}") for number in range(5)]
    bare = Recommender(tracks, Items(tuple(track.id for track in tracks)), None, RecommendSettings())
    for events in (NOBODY, heard([0, 1])):
        answer = bare.recommend(events, {}, k=3, at=NOW)
        assert len(answer.picks) == 3
        assert all(pick.reason for pick in answer.picks)


def test_a_library_of_one_and_of_none() -> None:
    one = Track("only", "Only", ("Ada",))
    box = Recommender([one], Items(("only",), vectors=np.ones((1, 1), np.float32)), None, RecommendSettings())
    for events in (NOBODY, heard([0], ended=NOW)):
        assert ids(box.recommend(events, {}, k=10, at=NOW)) == ["only"]
    none = Recommender([], Items(("heard:x",)), None, RecommendSettings())
    answer = none.recommend(heard([0]), {}, at=NOW)
    assert answer.picks == ()
    assert "scan a folder" in answer.notes[0]


def test_tracks_without_a_vector_stand_in_the_middle() -> None:
    tracks, items = library()
    sounds = items.vectors.copy()
    sounds[80:96] = 0
    box = Recommender(tracks, Items(items.ids, sounds, items.artist, items.album), None, RecommendSettings())
    ranked = ids(box.recommend(heard([0, 1]), {}, k=96, at=NOW))
    place = [ranked.index(f"t{number:03}") for number in range(80, 96)]
    assert 20 < np.mean(place) < 60
    assert "t080" in ids(box.recommend(NOBODY, {}, k=96, at=NOW))


def test_the_same_question_has_the_same_answer() -> None:
    events, opinions = heard([*range(40)]), {"t050": Opinion.LIKE, "t060": Opinion.DISLIKE}
    first = recommender(model=True).recommend(events, opinions, k=30, at=NOW)
    assert recommender(model=True).recommend(events, opinions, k=30, at=NOW) == first
    assert recommender().recommend(NOBODY, {}, k=30, at=NOW) == recommender().recommend(NOBODY, {}, k=30, at=NOW + 1)


def test_misuse_is_told_at_once() -> None:
    tracks, items = library()
    two = Events.make(["ada", "ben"], [0, 1], [1, 2], [10, 20])
    with pytest.raises(ValueError, match="several listeners"):
        recommender().recommend(two, {}, at=NOW)
    with pytest.raises(ValueError, match="no items"):
        Recommender([*tracks, Track("new", "New")], items, None, RecommendSettings())
    with pytest.raises(ValueError, match="twice"):
        Recommender([tracks[0], tracks[0]], items, None, RecommendSettings())
    with pytest.raises(NotFound, match="zzz"):
        recommender().explain(NOBODY, {}, "zzz", at=NOW)


@pytest.mark.parametrize("kind", [Popularity, Rules, Sound])
def test_real_models_of_choice_answer_and_play(kind) -> None:
    """Everybody's listens turn in a circle through one cluster; what follows track 30 there is track 31."""
    tracks, items = library()
    model = kind()
    circles = [[*range(24 * group, 24 * group + 24)] * 3 for group in range(CLUSTERS)]
    when = [NOW - 9 * DAY + 300 * step for circle in circles for step in range(len(circle))]
    who = np.repeat(np.arange(CLUSTERS), 72)
    model.fit(
        Events.make([f"listener {group}" for group in range(CLUSTERS)], who, np.concatenate(circles), when), items
    )
    box = Recommender(tracks, items, model, RecommendSettings())
    events = heard([*range(48), *range(24, 31)])
    answer = box.recommend(events, {}, k=10, at=NOW)
    assert answer.basis == YOUR_LISTENING
    assert all(sum(pick.parts.values()) == pytest.approx(pick.score) for pick in answer.picks)
    if kind is Rules:
        assert "t031" in ids(answer)[:2]
    played = [pick.track.id for pick in islice(box.station(events, {}, at=NOW), 40)]
    assert len(set(played)) == 40
