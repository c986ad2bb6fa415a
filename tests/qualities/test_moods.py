"""Where tracks lie on the plane, and what moods are called."""

import numpy as np
import pytest

from segue.audio.descriptors.key import Key
from segue.audio.descriptors.values import Descriptors
from segue.errors import NotFound
from segue.qualities.moods import MOODS, REACH, Mood, Plane, mood_named, plane


def told(number: int, *, major: bool) -> Descriptors:
    key = Key(0, "major" if major else "minor", 1.0)
    return Descriptors(tempo_bpm=60.0 + 10 * number, key=key, loudness_lufs=-30.0 + number, onsets_per_s=0.5 * number)


def test_louder_busier_faster_is_more_energy_and_major_is_more_valence() -> None:
    where = plane([told(number, major=number % 2 == 0) for number in range(8)])
    np.testing.assert_allclose(where.energy, (np.arange(8) + 0.5) / 8, atol=1e-6)
    assert where.valence[6] == where.valence.max()
    assert where.valence[1] == where.valence.min()
    assert where.valence[2] > where.valence[3]


def test_energy_does_not_depend_on_the_order_of_tracks_or_on_the_units() -> None:
    tracks = [told(number, major=number > 3) for number in range(8)]
    turned = plane(tracks[::-1])
    np.testing.assert_array_equal(turned.energy[::-1], plane(tracks).energy)
    np.testing.assert_array_equal(turned.valence[::-1], plane(tracks).valence)


def test_what_is_not_known_stays_unknown_and_what_could_not_be_told_stands_in_the_middle() -> None:
    where = plane([told(0, major=False), None, Descriptors(), told(9, major=True)])
    assert np.isnan(where.energy[1])
    assert np.isnan(where.valence[1])
    assert where.energy[0] < where.energy[2] < where.energy[3]
    assert where.valence[0] < where.valence[2] < where.valence[3]
    assert where.fit(MOODS["calm"])[1] == 0
    assert np.isnan(plane([None]).energy).all()
    assert len(plane([]).energy) == 0


def test_a_mood_fits_at_its_place_and_half_at_its_reach() -> None:
    mood = Mood("here", 0.5, 0.5)
    where = Plane(np.float32([0.5, 0.5 + REACH, 1.0]), np.float32([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(where.fit(mood), [1, 0.5, 2 ** -(0.5 / REACH**2)], rtol=1e-5)
    assert Plane(np.float32([0.9]), np.float32([0.0])).fit(Mood("any", 0.9, None)).item() == pytest.approx(1)


def test_moods_lie_on_the_plane_and_no_word_means_two() -> None:
    words = [word for mood in MOODS.values() for word in (mood.name, *mood.words)]
    assert len(words) == len(set(words))
    for mood in MOODS.values():
        assert all(0 <= one <= 1 for one in (mood.energy, mood.valence) if one is not None)
        assert mood_named(f" {mood.name.upper()} ") is mood


def test_a_mood_that_nobody_knows_names_the_nearest_or_all() -> None:
    with pytest.raises(NotFound, match="no mood is called 'energtic'; did you mean: energetic"):
        mood_named("energtic")
    with pytest.raises(NotFound, match="no mood is called 'xyzzy': moods are calm, happy"):
        mood_named("xyzzy")
