from itertools import islice, pairwise

import numpy as np
import pytest
from recommend_world import DAY, NOBODY, NOW, cluster, heard, library, recommender

from segue.errors import NotFound, NotReady
from segue.listening.events import Items
from segue.recommend.recommender import Recommender
from segue.settings import RecommendSettings
from segue.types import Opinion, Outcome, Track


def tiny(count: int, **settings: float) -> Recommender:
    tracks = [
        Track(f"t{number}", f"Title {number}", (f"Artist {number % 3}",), duration_s=200) for number in range(count)
    ]
    sounds = np.random.default_rng(1).normal(size=(count, 4)).astype(np.float32)
    sounds /= np.linalg.norm(sounds, axis=1, keepdims=True)
    items = Items(
        tuple(track.id for track in tracks), sounds, np.array([number % 3 for number in range(count)], dtype=np.int32)
    )
    return Recommender(tracks, items, None, RecommendSettings(**settings))


@pytest.mark.parametrize("known", [True, False])
def test_five_hundred_picks_keep_every_promise(known: bool) -> None:
    box = recommender(model=True)
    banned = {f"t{number:03}": Opinion.BAN for number in range(0, 96, 10)}
    station = box.station(heard([*range(60)]) if known else NOBODY, banned, at=NOW)
    emitted, times = [], []
    for index, pick in enumerate(islice(station, 500)):
        assert pick.track.id not in banned
        assert pick.score == pytest.approx(sum(pick.parts.values()))
        assert pick.reason
        emitted.append(int(pick.track.id[1:]))
        times.append(station.now)
        if index % 7 == 3:
            station.skip(pick, after_s=20)
        elif index % 11 == 5:
            station.like(pick)
    horizon = 3 * 86 // 4
    by = box.shelf.artist.tolist()
    together = 0
    for position, place in enumerate(emitted):
        assert place not in emitted[max(position - horizon, 0) : position]
        together += by[place] in [by[other] for other in emitted[max(position - 4, 0) : position]]
    assert together < 25, "artist spacing gives way only where a quarter of the library is left to choose from"
    assert times == sorted(times)
    lengths = [180 + place for place in emitted]
    gaps = np.diff(times)
    assert all(gap in (20, length) for gap, length in zip(gaps, lengths[:-1], strict=True))


def test_a_large_library_keeps_spacing_and_repeats_nothing_for_a_day() -> None:
    count = 1500
    random = np.random.default_rng(3)
    artist = random.integers(0, 150, count).astype(np.int32)
    tracks = [Track(str(number), f"Title {number}", duration_s=240) for number in range(count)]
    sounds = random.normal(size=(count, 8)).astype(np.float32)
    sounds /= np.linalg.norm(sounds, axis=1, keepdims=True)
    items = Items(tuple(track.id for track in tracks), sounds, artist, random.integers(0, 400, count).astype(np.int32))
    station = Recommender(tracks, items, None, RecommendSettings()).station(NOBODY, {}, seeds=["5"], at=NOW)
    emitted = [int(pick.track.id) for pick in islice(station, 300)]
    assert len({5, *emitted}) == 301
    for position, place in enumerate(emitted):
        assert artist[place] not in artist[emitted[max(position - 4, 0) : position]]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 27])
def test_a_small_library_never_ends(count: int) -> None:
    station = tiny(count).station(NOBODY, {}, seeds=["t0"], at=NOW)
    emitted = [pick.track.id for pick in islice(station, 6 * count)]
    assert set(emitted) == {f"t{number}" for number in range(count)}
    if count > 1:
        assert all(first != second for first, second in pairwise(emitted))
    if count == 27:
        assert emitted[27:54] != emitted[54:81], "no fixed circle"


def test_what_had_to_give_way_is_told_in_the_reason() -> None:
    station = tiny(2).station(NOBODY, {}, at=NOW)
    assert "nothing else was left" not in next(station).reason
    next(station)
    assert "heard within 24 hours: nothing else was left" in next(station).reason


def test_the_same_seed_gives_the_same_evening_and_another_seed_another() -> None:
    def evening(seed: int) -> list:
        return list(islice(recommender().station(heard([1, 2]), {}, at=NOW, seed=seed), 30))

    assert evening(1) == evening(1)
    assert [pick.track.id for pick in evening(1)] != [pick.track.id for pick in evening(2)]


def test_it_starts_at_its_seed_and_drifts_away_slowly() -> None:
    box = recommender(artist_spacing=0, album_spacing=0)
    near = [cluster(pick.track) for pick in islice(box.station(NOBODY, {}, seeds=["t030"], at=NOW), 10)]
    assert near == [1] * 10
    vector = box.shelf.vectors[24:48].mean(axis=0)
    station = box.station(heard([*range(20)]), {}, seeds=[vector], at=NOW)
    picks = list(islice(station, 40))
    assert [cluster(pick.track) for pick in picks[:3]] == [1] * 3
    assert picks[0].parts["seed"] > 2 * picks[-1].parts.get("seed", 0)
    assert "the sound given, where this station began (similarity" in picks[0].reason


def test_the_pull_of_the_seed_halves_every_twelve_tracks() -> None:
    station = recommender().station(NOBODY, {}, seeds=["t030"], at=NOW)
    for number, pick in enumerate(islice(station, 40)):
        pull = station._seed_pull[int(pick.track.id[1:])]
        assert pick.parts["seed"] == pytest.approx(3 * 0.5 ** (number / 12) * pull, rel=1e-4)


def test_half_of_the_evenings_begin_with_something_new_however_sure_the_model_is() -> None:
    box, events = recommender(model=True, discover=0.5), heard([*range(48), 10])
    first = [next(box.station(events, {}, at=NOW, seed=seed)).track.id for seed in range(40)]
    new = [int(track[1:]) >= 48 for track in first]
    assert np.mean(new) == pytest.approx(0.5, abs=0.2)
    assert {track for track, fresh in zip(first, new, strict=True) if not fresh} == {"t011"}


@pytest.mark.parametrize("discover", [0.1, 0.5, 0.9])
def test_the_share_of_new_tracks_is_that_of_discover(discover: float) -> None:
    known = {f"t{number:03}" for number in range(48)}
    box = recommender(discover=discover)
    new = []
    for seed in range(12):
        station = box.station(heard([*range(48)]), {}, at=NOW, seed=seed)
        new += [pick.track.id not in known for pick in islice(station, 10)]
    assert np.mean(new) == pytest.approx(discover, abs=0.15)


def test_a_seed_counts_as_just_heard() -> None:
    station = recommender(recent_hours=0.0).station(NOBODY, {}, seeds=["t030"], at=NOW)
    assert "t030" not in {pick.track.id for pick in islice(station, 50)}


def test_a_skip_lowers_what_is_like_it_and_of_its_artist_and_a_like_raises() -> None:
    def after(word: str):
        station = recommender().station(heard([0, 24, 48, 72]), {}, at=NOW, seed=5)
        pick = next(station)
        getattr(station, word)(pick)
        ranking = station._profile.ranking(station.now)
        return pick, ranking.total

    (pick, skipped), (same, played), (third, liked) = after("skip"), after("played"), after("like")
    assert pick == same == third
    shelf = recommender().shelf
    here = int(pick.track.id[1:])
    of_cluster = np.array([cluster(track) == cluster(pick.track) for track in shelf.tracks])
    of_artist = shelf.artist == shelf.artist[here]
    others = np.arange(96) != here
    for group in (of_cluster & others, of_artist & others):
        assert (skipped[group] < played[group]).all()
        assert (skipped - played)[group].mean() < (skipped - played)[~of_cluster].mean() - 0.1
        assert (liked - played)[of_artist & others].mean() > (liked - played)[~of_cluster].mean() + 0.05


def test_skips_turn_a_station_away_from_a_sound() -> None:
    box = recommender(artist_spacing=0, album_spacing=0)
    station = box.station(heard([0, 1, 2, 24, 25, 26]), {}, at=NOW)
    counts = {0: 0, 1: 0}
    for pick in islice(station, 16):
        counts[cluster(pick.track)] = counts.get(cluster(pick.track), 0) + 1
        if cluster(pick.track) == 0:
            station.skip(pick, after_s=5)
    assert counts[1] > 2 * counts[0]


@pytest.mark.parametrize("word", ["dislike", "ban"])
def test_a_dislike_ends_the_pick_and_it_never_comes_back(word: str) -> None:
    told = []
    station = tiny(6).station(NOBODY, {}, at=NOW, on_event=lambda *event: told.append(event))
    first = next(station)
    getattr(station, word)(first)
    assert first.track.id not in {pick.track.id for pick in islice(station, 60)}
    assert told[0] == (word, first, NOW, None)
    assert not [kind for kind, pick, _, _ in told if kind == "played" and pick is first]


def test_a_station_whose_every_track_was_banned_says_so() -> None:
    station = tiny(2).station(NOBODY, {}, at=NOW)
    station.ban(next(station))
    station.ban(next(station))
    with pytest.raises(NotReady, match="banned"):
        next(station)


def test_events_are_told_and_silence_counts_as_played() -> None:
    told = []
    station = recommender().station(NOBODY, {}, at=NOW, on_event=lambda *event: told.append(event))
    first, second = next(station), next(station)
    station.like(second)
    third = next(station)
    station.skip(third, after_s=12.5)
    fourth = next(station)
    station.played(fourth, played_s=60)
    begin = NOW
    length = [int(pick.track.duration_s) for pick in (first, second)]
    assert told == [
        ("played", first, begin, None),
        ("like", second, begin + length[0], None),
        ("played", second, begin + length[0], None),
        ("skip", third, begin + sum(length), 12.5),
        ("played", fourth, begin + sum(length) + 12, 60),
    ]


@pytest.mark.parametrize(
    ("played_s", "outcome"),
    [(None, Outcome.FINISHED), (175, Outcome.FINISHED), (100, Outcome.PARTIAL), (5, Outcome.SKIPPED)],
)
def test_what_was_played_of_a_pick_counts_as_it_does_everywhere(played_s: float | None, outcome: Outcome) -> None:
    station = tiny(6).station(NOBODY, {}, at=NOW)
    pick = next(station)
    station.played(pick, played_s)
    assert station._profile.last.outcome == outcome
    assert station._profile.last.completion == pytest.approx((played_s or 200) / 200)


def test_a_late_word_on_an_earlier_pick_is_one_more_step_and_a_strange_pick_an_error() -> None:
    box = recommender()
    station = box.station(NOBODY, {}, at=NOW)
    first, second = next(station), next(station)
    before = station.now
    station.skip(first)
    assert station.now == before
    assert station._playing is second
    strange = box.recommend(NOBODY, {}, k=96, at=NOW).picks
    unheard = next(pick for pick in strange if pick.track.id not in {first.track.id, second.track.id})
    for word in ("played", "skip", "like", "dislike", "ban"):
        with pytest.raises(ValueError, match="not handed out"):
            getattr(station, word)(unheard)


def test_an_outer_clock_is_taken_at_its_word() -> None:
    time = [NOW]
    station = recommender().station(heard([5], ended=NOW - 60), {}, at=NOW, clock=lambda: time[0])
    next(station)
    time[0] += 2 * DAY
    assert station.now == NOW + 2 * DAY
    next(station)


def test_a_playlist_of_given_minutes() -> None:
    station = recommender().station(heard([5]), {}, at=NOW)
    picks = station.take(minutes=60)
    total = sum(pick.track.duration_s for pick in picks)
    assert 3600 <= total < 3600 + picks[-1].track.duration_s
    assert station.take(minutes=0) == ()


def test_seeds_that_are_nothing_are_refused() -> None:
    with pytest.raises(NotFound, match="zzz"):
        recommender().station(NOBODY, {}, seeds=["zzz"], at=NOW)
    with pytest.raises(NotReady, match="sound"):
        recommender(sound=False).station(NOBODY, {}, seeds=[np.ones(16)], at=NOW)
    with pytest.raises(ValueError, match="shape"):
        recommender().station(NOBODY, {}, seeds=[np.ones(3)], at=NOW)
    _, items = library()
    with pytest.raises(NotReady, match="scan"):
        Recommender([], items, None, RecommendSettings()).station(NOBODY, {}, at=NOW)


def test_a_seed_known_from_listening_only_moves_the_model() -> None:
    station = recommender(model=True).station(NOBODY, {}, seeds=["heard:1"], at=NOW)
    assert len(list(islice(station, 5))) == 5


def test_the_model_takes_one_step_an_event() -> None:
    """The planted rule: after track i comes i + 1, so an undisturbed station follows the chain."""
    box = recommender(model=True, artist_spacing=0, album_spacing=0)
    station = box.station(heard([*range(96), *range(40, 60)]), {}, at=NOW)
    first = [int(pick.track.id[1:]) for pick in islice(station, 5)]
    assert first == [60, 61, 62, 63, 64]
    pick = next(station)
    assert pick.track.id == "t065"
    assert "more so since “Artist 16 – Title 64”" in pick.reason


def test_a_like_bends_the_next_picks_to_its_sound_and_wears_off() -> None:
    box = recommender(artist_spacing=0, album_spacing=0)
    events = heard([*range(24), *range(24, 48), *range(48, 72), *range(72, 96)])

    def after(word: str, seed: int) -> tuple[int, list]:
        station = box.station(events, {}, at=NOW, seed=seed)
        pick = next(station)
        getattr(station, word)(pick)
        return cluster(pick.track), list(islice(station, 50))

    near, later = [], []
    for seed in range(6):
        here, picks = after("like", seed)
        near.append(sum(cluster(pick.track) == here for pick in picks[:6]))
        later.append([pick.parts.get("seed", 0.0) for pick in picks])
        assert "which you just liked (similarity" in picks[0].reason
        _, plain = after("played", seed)
        assert not any("seed" in pick.parts for pick in plain)
    assert np.mean(near) > 4, "six picks after a like, most sound like it"
    assert max(abs(part) for parts in later for part in parts[45:]) < 0.2
