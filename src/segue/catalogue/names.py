"""Names made comparable: two spellings of one thing give one key.

In: an artist's name or a title as somebody wrote it. Out: words in lower case, without accents, punctuation, guest
credits or notes that name the same recording ("Remastered 2011"). Notes that name another recording ("Live",
"Acoustic", "Radio Edit", a remix) stay, because a false merge loses history and a false split does not.
"""

import re
import unicodedata
from functools import lru_cache

__all__ = ["name_key", "normalise"]

_YEAR = r"(?:19|20)\d\d"
_SAME_RECORDING = re.compile(
    rf"(?:(?:{_YEAR}|digital(?:ly)?|\d\d-?bit)\W+)*remaster(?:ed)?(?:\W+(?:version|edition|{_YEAR}|\d\d))*\W*"
    r"|(?:album|lp) version|explicit(?: version)?|bonus track"
)
_BRACKETED = re.compile(r" ?[(\[{]([^()\[\]{}]*)[)\]}]")
_BRACKETED_GUEST = re.compile(r"(?:feat|ft|featuring)\b.*")
# Without brackets the full stop is asked for: "10 ft ganja plant" and "a feat of strength" name no guests.
_GUEST = re.compile(r" (?:feat\.|ft\.|featuring) .*?(?= - |[(\[{]|$)")
_OTHER_RECORDING = re.compile(
    r"\b(?:re-?)?mix(?:ed)?\b|\b(?:edit|version|live|acoustic|instrumental|demo|dub|karaoke|cover)\b"
)
_GAPS = re.compile("[^a-z0-9]+")
_SIGNS = str.maketrans("‐‑‒–—―’‘ʼ´", "------''''")
# Letters that casefolding and decomposition leave whole, as people type them.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
)
# Accents of Latin, Greek and Cyrillic letters go; й is a letter of its own, and marks of other scripts (kana,
# Devanagari, Thai) carry sounds.
_ACCENT = re.compile("(?<!и)[\u0300-\u036f]")
_ABBREVIATION = re.compile(r"(?<=[^\W\d])\.")
_VARIATION_SELECTORS = frozenset(chr(code) for code in range(0xFE00, 0xFE10))


@lru_cache(maxsize=1 << 16)
def normalise(text: str) -> str:
    """The comparable form of an artist's name or a title; never empty unless ``text`` is.

    Examples
    --------
    >>> normalise("The Beatles"), normalise("Beatles, The")
    ('beatles', 'beatles')
    >>> normalise("Come Together - Remastered 2009")
    'come together'
    >>> normalise("Jóga (Live) [feat. Somebody]")
    'joga live'
    >>> normalise("!!!")
    '!!!'
    """
    whole = " ".join(text.casefold().split())
    if not whole.isascii():
        whole = " ".join(unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold().split())
    words = _words(_without_notes(whole))
    if words.startswith("the ") and len(words) > len("the "):
        words = words[len("the ") :]
    return words or whole or text


def name_key(artist: str | None, title: str) -> str:
    """One key for every spelling of a recording: the normalised artist and title, a tab between.

    Examples
    --------
    >>> name_key("Simon & Garfunkel", "The Boxer") == name_key("simon and garfunkel", "Boxer")
    True
    """
    return f"{normalise(artist or '')}\t{normalise(title)}"


def _without_notes(text: str) -> str:
    """Guest credits and notes of the same recording taken off, unless nothing else is there."""
    kept = text
    if "(" in kept or "[" in kept or "{" in kept:
        kept = _BRACKETED.sub(_unless_note, kept)
    if "f" in kept:
        kept = _GUEST.sub(_unless_recording, kept)
    before, dash, note = kept.rpartition(" - ")
    if dash and _SAME_RECORDING.fullmatch(note.strip()):
        kept = before
    if kept.endswith(", the"):
        kept = kept[: -len(", the")]
    return kept if kept.strip() else text


def _unless_note(bracketed: re.Match[str]) -> str:
    note = bracketed[1].strip()
    if _SAME_RECORDING.fullmatch(note):
        return ""
    return _unless_recording(bracketed) if _BRACKETED_GUEST.match(note) else bracketed[0]


def _unless_recording(guest: re.Match[str]) -> str:
    return guest[0] if _OTHER_RECORDING.search(guest[0]) else ""


def _words(text: str) -> str:
    """Letters and digits in words with single spaces; everything else is a gap."""
    text = text.replace("'", "").replace("`", "").replace("&", " and ")
    if "." in text:
        text = _ABBREVIATION.sub("", text)
    if text.isascii():
        return _GAPS.sub(" ", text).strip()
    text = unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFKD", text.translate(_LETTERS))))
    kept: list[str] = []
    for sign in text:
        if sign.isalnum():
            kept.append(sign)
        elif sign.isascii():
            kept.append(" ")
        elif kept and kept[-1] != " " and unicodedata.category(sign)[0] == "M" and sign not in _VARIATION_SELECTORS:
            kept.append(sign)
        elif unicodedata.category(sign) != "Cf":  # joiners and soft hyphens stand inside words
            kept.append(" ")
    return " ".join("".join(kept).split())
