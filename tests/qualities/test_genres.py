"""Names are found in any spelling, kinds below what they are kinds of, and the unknown is told with what is near."""

import pytest

from segue.errors import NotFound
from segue.qualities.genres import GenreTree, genre_tree, spelled


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("Hip-Hop", "hip hop"),
        ("HipHop", "hip hop"),
        ("Rap", "hip hop"),
        ("R&B", "rhythm and blues"),
        ("RnB", "rhythm and blues"),
        ("Drum & Bass", "drum and bass"),
        ("Drum'n'Bass", "drum and bass"),
        ("DnB", "drum and bass"),
        ("Post-Rock", "post rock"),
        ("Électro", "electronic"),
        ("Pop Music", "pop"),
        ("soul", "soul"),
        ("nothing anybody says", None),
        ("", None),
    ],
)
def test_a_genre_is_known_in_any_spelling(tag: str, name: str | None) -> None:
    assert genre_tree().name(tag) == name


def test_every_name_of_the_tree_is_its_own_and_leads_to_the_top() -> None:
    tree = genre_tree()
    assert len(tree.parent) > 300
    for genre in tree.parent:
        assert tree.name(genre) == genre == spelled(genre)
        assert tree.parent[list(tree.upwards(genre))[-1]] == ""


def test_a_tag_of_several_is_taken_apart_unless_it_is_one_name() -> None:
    tree = genre_tree()
    assert tree.of_tags(["Rock/Pop; Jazz"]) == {"rock", "pop", "jazz"}
    assert tree.of_tags(["Hip Hop/Rap"]) == {"hip hop"}
    assert tree.of_tags(["Drum & Bass"]) == {"drum and bass", "electronic"}
    assert tree.of_tags(["Zeuhl", "99", "  ", "/"]) == {"zeuhl"}
    assert tree.of_tags(["Female Fronted Metal"]) == {"female fronted metal", "metal"}


def test_what_is_asked_for_is_found_itself_above_below_or_beside() -> None:
    tree = genre_tree()
    assert tree.resolve("jazz", ["jazz", "bebop"]) == ["jazz"]
    assert tree.resolve("dub techno", ["electronic", "house", "jazz"]) == ["electronic"]
    assert tree.resolve("metal", ["djent", "doom metal", "pop"]) == ["djent", "doom metal"]
    assert tree.resolve("techno", ["house", "trance", "jazz"]) == ["house", "trance"]
    assert tree.resolve("zeuhl", ["zeuhl", "rock"]) == ["zeuhl"]
    assert tree.resolve("melodic techno", ["techno", "house"]) == ["techno"]
    assert tree.resolve("metal", ["female fronted metal"]) == ["female fronted metal"]


def test_what_is_not_there_is_told_with_the_nearest_names() -> None:
    with pytest.raises(NotFound, match="no genre 'jaz' in this library; did you mean: jazz"):
        genre_tree().resolve("jaz", ["jazz", "rock"])
    with pytest.raises(NotFound, match="there are: jazz, rock"):
        genre_tree().resolve("qwertz", ["jazz", "rock"])
    with pytest.raises(NotFound, match="too few tracks have genres"):
        genre_tree().resolve("jazz", [])


def test_a_tree_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        GenreTree.read("rock = beat\npop = beat\n")
    with pytest.raises(ValueError, match="too deep"):
        GenreTree.read("rock\n    punk\n")
