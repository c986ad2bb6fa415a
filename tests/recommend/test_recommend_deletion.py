"""A reason is true if the pick falls once its cause is gone: two hundred picks, their first-named causes taken away."""

from collections import Counter

import numpy as np
from recommend_world import DAY, NOW, cluster, recommender

from segue.listening.events import Events
from segue.recommend.reasons import shares
from segue.recommend.wishes import Wish
from segue.types import Opinion, Outcome

LISTENERS, PICKS = 20, 10


def test_two_hundred_picks_fall_when_what_their_reason_names_is_taken_away() -> None:
    """Every fourth listener wishes for a cluster. A sound's cause is what was heard of the tracks named."""
    box = recommender(model=True, discover=0.3)
    tracks, items = box.shelf.tracks, box.shelf.items
    fell: Counter[tuple[str, bool]] = Counter()
    for listener in range(LISTENERS):
        chance = np.random.default_rng(listener)
        track = chance.choice(chance.integers(0, len(tracks), 12), 40)
        outcome = np.where(chance.random(40) < 0.1, Outcome.SKIPPED, Outcome.FINISHED)
        times = NOW - 3 * DAY - np.sort(chance.integers(0, 20 * DAY, 40))[::-1]
        history = Events.make(["ada"], np.zeros(40), track, times, outcome)
        opinions = {f"t{one:03}": Opinion.LIKE for one in chance.integers(0, len(tracks), 3)}
        fit = np.array([cluster(one) == listener % 3 for one in tracks], dtype=np.float32)
        wishes = [Wish("genre", "wished", fit, lambda _: "of the genre wished")] if listener % 4 == 3 else []
        for pick in box.recommend(history, opinions, k=PICKS, at=NOW, wishes=wishes).picks:
            cause = next(iter(shares(pick.parts, {})))
            before = box.explain(history, opinions, pick.track.id, at=NOW, wishes=wishes)
            row = items.ids.index(pick.track.id)
            kept, liked, wished = np.ones(40, dtype=bool), dict(opinions), list(wishes)
            match cause:
                case "genre":
                    assert pick.reason.startswith("of the genre wished – ")
                    wished = []
                case "liked":
                    del liked[pick.track.id]
                case "sound":
                    named = {near.track_id for near in before.near}
                    kept = ~np.isin(track, [items.ids.index(one) for one in named])
                    liked = {one: said for one, said in liked.items() if one not in named}
                case "artist":
                    assert items.artist is not None
                    by = np.flatnonzero(items.artist == items.artist[row])
                    kept = ~np.isin(track, by)
                    liked = {one: said for one, said in liked.items() if items.ids.index(one) not in by}
                case "habit":
                    kept = track != row
                case "sequence":
                    kept[-1 if outcome[-1] == Outcome.FINISHED else -2 :] = False
                case other:
                    assert other == "novelty", "a cause that this test cannot take away"
                    continue
            after = box.explain(history.rows(np.flatnonzero(kept)), liked, pick.track.id, at=NOW, wishes=wished)
            fell[cause, after.rank > before.rank] += 1
    told = sum(fell.values())
    assert told > 0.9 * LISTENERS * PICKS
    assert sum(count for (_, down), count in fell.items() if down) > 0.95 * told
