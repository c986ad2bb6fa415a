"""Why a track was picked, in words and numbers taken from what ranked it.

Nothing is said that is not in the parts of the score: the largest positive parts with their share of all positive
ones, then, where it weighs, the largest part that spoke against the track.
"""

from collections.abc import Mapping

from segue.listening.events import Event
from segue.recommend.leaning import strength
from segue.recommend.profile import Profile
from segue.types import Outcome

__all__ = ["ago", "how_heard", "reason", "shares"]

LEAST_SHARE = 0.1
"""A part below this share of what speaks for a pick is not put into words."""

DESPITE = 0.25
"""A part against a pick is named when it weighs this much of what speaks for it."""

UNITS = ((365 * 86_400, "year"), (30 * 86_400, "month"), (7 * 86_400, "week"), (86_400, "day"), (3600, "hour"))


def ago(seconds: float) -> str:
    """A span of time in words.

    Examples
    --------
    >>> ago(30), ago(7200), ago(86400 * 15)
    ('just now', '2 hours ago', '2 weeks ago')
    """
    for length, word in (*UNITS, (60, "minute")):
        number = int(seconds // length)
        if number >= 1:
            return f"{number} {word}{'s' if number > 1 else ''} ago"
    return "just now"


def shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Each positive part's share of all positive parts, largest first; they sum to 1 (or there are none).

    Examples
    --------
    >>> shares({"sound": 1.5, "sequence": 0.5, "avoid": -1.0})
    {'sound': 0.75, 'sequence': 0.25}
    """
    positive = {name: part for name, part in parts.items() if part > 0}
    total = sum(positive.values())
    return {name: positive[name] / total for name in sorted(positive, key=lambda name: (-positive[name], name))}


def how_heard(outcome: int, completion: float) -> str:
    """What the listener did with a track, as a verb in the past."""
    if float(strength(outcome, completion)) < 0:
        return "skipped"
    return "finished" if outcome == Outcome.FINISHED else "played"


def reason(
    profile: Profile,
    parts: Mapping[str, float],
    place: int,
    at: int,
    *,
    after: tuple[Event, float] | None = None,
    start: str | None = None,
) -> str:
    """One line saying why a place was picked.

    Parameters
    ----------
    profile, parts, place, at
        Who it was picked for, the parts of its score, where it stands, and when.
    after
        The event that raised the sequence part most, and by how much (standard scores).
    start
        What the "seed" part stands for, in words.
    """
    said = [
        f"{_speaking_for(profile, name, place, at, after, start)} – {share:.0%}"
        for name, share in shares(parts).items()
        if share >= LEAST_SHARE
    ][:3]
    text = "; ".join(said) or "the best of what is left, nothing speaks for it"
    against = min(parts, key=lambda name: parts[name], default=None)
    if against is not None and parts[against] < -DESPITE * sum(part for part in parts.values() if part > 0):
        text += f"; although {_speaking_against(profile, against, place, at)}"
    return text


def _speaking_for(
    profile: Profile, part: str, place: int, at: int, after: tuple[Event, float] | None, start: str | None
) -> str:
    if part == "sound":
        return _neighbour(profile, place, at, toward=True) or "sounds like what you play"
    if part == "sequence":
        if profile.model_name == "popularity":
            return "much played by everybody here"
        if profile.count == 0:
            return "the model's choice for somebody it does not know"
        lead = "what you play leads here"
        if after is None or after[1] <= 0:
            return lead
        event = after[0]
        heard = how_heard(event.outcome, event.completion)
        return (
            f"{lead}, more so since {profile.shelf.name(event.track)}, which you {heard} {ago(at - event.started_at)}"
        )
    if part == "habit":
        plays, last = int(profile.habits.plays[place]), int(profile.habits.last[place])
        times = "once" if plays == 1 else f"{plays} times"
        return f"you have played it {times}, last heard {ago(at - last)}"
    if part == "novelty":
        return f"you have not heard it yet (discover {profile.settings.discover:g})"
    if part == "artist":
        return f"you play or like {profile.shelf.tracks[place].artist}"
    words = {"liked": "you liked it", "seed": f"sounds like {start}", "chance": "a turn of chance"}
    return words[part]


def _speaking_against(profile: Profile, part: str, place: int, at: int) -> str:
    if part == "avoid":
        return _neighbour(profile, place, at, toward=False) or "it sounds like what you skip"
    if part == "artist":
        return f"you skipped or disliked {profile.shelf.tracks[place].artist}"
    if part == "novelty":
        return f"new tracks are held to a share (discover {profile.settings.discover:g})"
    if part == "habit":
        return "it is not one you keep playing"
    words = {
        "sound": "it sounds unlike what you play",
        "sequence": "what you play leads elsewhere",
        "seed": "it sounds unlike the start",
    }
    return words.get(part, "chance is against it")


def _neighbour(profile: Profile, place: int, at: int, *, toward: bool) -> str | None:
    nearest = profile.leaning.nearest(place, toward=toward)
    if not nearest:
        return None
    pull, similarity = nearest[0]
    when = f" {ago(at - pull.at)}" if pull.at is not None else ""
    if pull.row == profile.shelf.rows[place]:
        return f"you {pull.how} it{when}"
    like = "sounds like" if toward else "it sounds like"
    return f"{like} {profile.shelf.name(pull.row)}, which you {pull.how}{when} (similarity {similarity:.2f})"
