"""Genres as people write them, brought to one name each and into one tree.

In: tags as they stand in files, or what somebody asks for. Out: names of ``genres.txt``, or, for a tag that the tree
does not hold, the tag itself in the same spelling, so that a library's own words can be asked for too.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from segue.errors import NotFound

__all__ = ["GenreTree", "genre_tree", "spelled"]

SEPARATORS = re.compile(r"\s*[/;,|\\]\s*|\s+-\s+")
"""Between several genres in one tag; "r&b" and "drum & bass" are one."""

NEAREST = 4
"""Names offered in place of one that is unknown."""


def spelled(tag: str) -> str:
    """A tag in the tree's spelling: small letters without accents, one space between words, "and" for "&" and "'n'".

    Examples
    --------
    >>> spelled("Drum'n'Bass"), spelled("  Post-Rock "), spelled("R&B"), spelled("Électro")
    ('drum and bass', 'post rock', 'r and b', 'electro')
    """
    plain = unicodedata.normalize("NFKD", tag.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"['’]n['’]?|&|\+", " and ", plain)
    return " ".join(re.sub(r"[^\w]+|_", " ", plain.replace("'", "").replace("’", "")).split())


@dataclass(frozen=True)
class GenreTree:
    """Genres, their other names, and which is a kind of which.

    Attributes
    ----------
    parent
        Each genre's parent, "" at the top.
    known_as
        The genre by each of its names, its own among them.
    """

    parent: Mapping[str, str]
    known_as: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> "GenreTree":
        """The tree in a text such as ``genres.txt``.

        Raises
        ------
        ValueError
            A line stands deeper than its parent allows, or a name twice.
        """
        parent: dict[str, str] = {}
        known_as: dict[str, str] = {}
        above: list[str] = []
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            depth, odd = divmod(len(line) - len(line.lstrip()), 2)
            name, _, others = line.partition("=")
            name = spelled(name)
            if odd or depth > len(above):
                raise ValueError(f"{name!r} stands too deep")
            above = [*above[:depth], name]
            parent[name] = above[depth - 1] if depth else ""
            for each in {name, *(spelled(other) for other in others.split(",") if other.strip())}:
                if each in known_as:
                    raise ValueError(f"{each!r} stands twice")
                known_as[each] = name
        return cls(parent, known_as)

    def name(self, tag: str) -> str | None:
        """The genre that goes by this name, in any spelling; None if none does.

        Examples
        --------
        >>> genre_tree().name("Hip-Hop"), genre_tree().name("D&B"), genre_tree().name("my mix")
        ('hip hop', 'drum and bass', None)
        """
        plain = spelled(tag)
        return self.known_as.get(plain) or self.known_as.get(plain.removesuffix(" music"))

    def of_tags(self, tags: Iterable[str]) -> frozenset[str]:
        """All genres that some tags name, with everything these are a kind of.

        A tag that holds several ("Rock/Pop") is taken apart, unless it is one name. What the tree does not hold stays,
        spelled alike; numbers and empty tags do not.

        Examples
        --------
        >>> sorted(genre_tree().of_tags(["Dub Techno", "Rock/Pop", "Zeuhl", "17"]))
        ['dub techno', 'electronic', 'pop', 'rock', 'techno', 'zeuhl']
        """
        found: set[str] = set()
        for tag in tags:
            for part in [tag] if self.name(tag) else SEPARATORS.split(tag):
                name = self.name(part) or spelled(part)
                if name and not name.isdigit():
                    found.update(self.upwards(name))
        return frozenset(found)

    def upwards(self, genre: str) -> Iterator[str]:
        """The genre, and whatever it is a kind of, nearest first.

        What the tree does not hold is a kind of the genre that its last words name.

        Examples
        --------
        >>> list(genre_tree().upwards("female fronted metal")), list(genre_tree().upwards("hard techno"))
        (['female fronted metal', 'metal'], ['hard techno', 'techno', 'electronic'])
        """
        while genre:
            yield genre
            words = genre.split()
            endings = (" ".join(words[first:]) for first in range(1, len(words)))
            named = next((self.known_as[ending] for ending in endings if ending in self.known_as), "")
            genre = self.parent.get(genre, named)

    def resolve(self, asked: str, there: Iterable[str]) -> list[str]:
        """The genres of ``there`` that come nearest to what is asked for.

        That genre itself; else the nearest that it is a kind of; else the nearest kinds of it; else those next to it.

        Raises
        ------
        NotFound
            Nothing near is there; the message names what is.

        Examples
        --------
        >>> genre_tree().resolve("Dub Techno", ["techno", "jazz"]), genre_tree().resolve("metal", ["djent", "jazz"])
        (['techno'], ['djent'])
        """
        offered = set(there)
        name = self.name(asked) or spelled(asked)
        for above in self.upwards(name):
            if above in offered:
                return [above]
        for above in self.upwards(name):
            if below := sorted(one for one in offered if above in self.upwards(one)):
                return below
        raise NotFound(self._not_found(asked, offered))

    def _not_found(self, asked: str, there: set[str]) -> str:
        if not there:
            return f"no genre like '{asked}' can be told here: too few tracks have genres in their tags"
        names = {alias: name for alias, name in self.known_as.items() if name in there} | {one: one for one in there}
        near = [names[alias] for alias in difflib.get_close_matches(spelled(asked), sorted(names), 2 * NEAREST, 0.6)]
        offer = list(dict.fromkeys(near))[:NEAREST] or sorted(there)
        more = ", …" if not near and len(offer) > 3 * NEAREST else ""
        said = "did you mean" if near else "there are"
        return f"no genre '{asked}' in this library; {said}: {', '.join(offer[: 3 * NEAREST])}{more}"


@cache
def genre_tree() -> GenreTree:
    """The tree that comes with Segue."""
    return GenreTree.read((files(__package__) / "genres.txt").read_text("utf-8"))
