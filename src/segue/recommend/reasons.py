"""Why a track was picked, in words and numbers taken from what ranked it.

Nothing is said that is not in the parts of the score: the largest positive parts with their share of all positive
ones, then, where it weighs, the largest part that spoke against the track. Where the model of choice tells what moved
its own score (``TasteModel.voices``), its share is parted among what spoke for the track, and the tracks are named that
are behind it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from segue.listening.events import Event
from segue.recommend.leaning import strength
from segue.recommend.profile import Profile, Said
from segue.types import Outcome

__all__ = ["ago", "foremost", "how_heard", "reason", "shares"]

LEAST_SHARE = 0.1
"""A part below this share of what speaks for a pick is not put into words."""

DESPITE = 0.25
"""A part against a pick is named when it weighs this much of what speaks for it."""

NO_VOICES: Mapping[str, Said] = MappingProxyType({})
NO_WISHES: Mapping[str, str] = MappingProxyType({})

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


def shares(parts: Mapping[str, float], voices: Mapping[str, Said] = NO_VOICES) -> dict[str, float]:
    """Each positive part's share of all positive parts, largest first; they sum to 1 (or there are none).

    Where the model tells its voices, what the sequence part has is shared out among those that speak for the track. A
    voice and a part of one name (``habit``, ``artist``, ``sound``) say the same and are added.

    Examples
    --------
    >>> shares({"sound": 1.5, "sequence": 0.5, "avoid": -1.0})
    {'sound': 0.75, 'sequence': 0.25}
    >>> shares({"sound": 1.0, "sequence": 3.0}, {"after": Said(2), "sound": Said(1), "order": Said(-1)})
    {'after': 0.5, 'sound': 0.5}
    """
    positive = {name: part for name, part in parts.items() if part > 0}
    loud = {name: said.adds for name, said in voices.items() if said.adds > 0}
    if "sequence" in positive and loud:
        sequence, all_loud = positive.pop("sequence"), sum(loud.values())
        for name, adds in loud.items():
            positive[name] = positive.get(name, 0.0) + sequence * (adds / all_loud)
    total = sum(positive.values())
    return {name: positive[name] / total for name in sorted(positive, key=lambda name: (-positive[name], name))}


def foremost(influences: Sequence[tuple[Event, float]]) -> tuple[Event, float] | None:
    """The event that raised a track most; a skip only where it raised it more than all other events together."""
    total = sum(by for _, by in influences)

    def may_lead(event: Event, by: float) -> bool:
        return how_heard(event.outcome, event.completion) != "skipped" or (total > 0 and by > total - by)

    return max((pair for pair in influences if may_lead(*pair)), key=lambda pair: pair[1], default=None)


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
    voices: Mapping[str, Said] = NO_VOICES,
    wished: Mapping[str, str] = NO_WISHES,
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
    voices
        What moved the sequence part, if the model can tell.
    wished
        Why it fits each wish, by the wish's part.
    """
    said = [
        f"{wished.get(name) or _speaking_for(profile, name, place, at, after, start, voices)} – {share:.0%}"
        for name, share in shares(parts, voices).items()
        if share >= LEAST_SHARE
    ][:3]
    text = _named_once(profile, "; ".join(said), voices) or "the best of what is left, nothing speaks for it"
    against = min(parts, key=lambda name: parts[name], default=None)
    if against is not None and parts[against] < -DESPITE * sum(part for part in parts.values() if part > 0):
        text += f"; although {_speaking_against(profile, against, place, at)}"
    return text


def _speaking_for(
    profile: Profile,
    part: str,
    place: int,
    at: int,
    after: tuple[Event, float] | None,
    start: str | None,
    voices: Mapping[str, Said],
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
        return _history(profile, place, at)
    if part == "novelty":
        return f"you have not heard it yet (discover {profile.settings.discover:g})"
    if part == "artist":
        return _artist(profile, place, voices.get(part))
    words = {"liked": "you liked it", "seed": f"sounds like {start}", "chance": "a turn of chance"}
    return words.get(part) or _voice(profile, part, place, voices[part])


def _voice(profile: Profile, kind: str, place: int, said: Said) -> str:
    """What a voice of the model says, and of which track heard."""
    if kind == "popularity":
        # Against the other candidates, and by everybody who plays here, who may be one: it is a change, not an unknown.
        return "one of the more played tracks" if said.more else "a change from what is played most"
    if said.cause < 0:
        words = {"together": "goes with what you play of late", "order": "the order you play in leads here"}
        general = "what you play leads here"
        return words.get(kind, general) if said.more else general
    named = "itself" if said.cause == profile.shelf.rows[place] else profile.shelf.name(said.cause)
    words = {
        "after": f"comes after {named} in your listening",
        "around": f"stands near {named} in your listening",
        "together": f"is played in one session with {named}",
    }
    return words.get(kind, f"goes with {named}")


def _named_once(profile: Profile, text: str, voices: Mapping[str, Said]) -> str:
    """A reason in which a track that is behind several voices has its artist at the first mention only."""
    for row in {said.cause for said in voices.values() if said.cause >= 0}:
        place, name = int(profile.shelf.place_of[row]), profile.shelf.name(row)
        before, name, behind = text.partition(name)
        if behind and place >= 0:
            text = before + name + behind.replace(name, f"“{profile.shelf.tracks[place].title}”")
    return text


def _history(profile: Profile, place: int, at: int) -> str:
    if not profile.heard[place]:
        return "new to you"
    plays, when = int(profile.habits.plays[place]), ago(at - int(profile.habits.last[place]))
    times = "once" if plays == 1 else f"{plays} times"
    return (
        f"you have played it {times}, last heard {when}" if plays else f"you have not played it through, heard {when}"
    )


def _artist(profile: Profile, place: int, said: Said | None) -> str:
    """What speaks for a track by who made it: the model's voice, if there is one, and likes."""
    artist = profile.shelf.tracks[place].artist
    if said is not None and said.adds > 0 and said.cause >= 0:
        return f"you play {artist} of late"
    if profile.leaning.artist[place] > 0:
        return f"you play or like {artist}"
    return "a change from the artists you play most of late"


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
