"""What the scores of music and other sound come to."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import music_likeness


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    music, others = np.float32([0.9, 0.6, 0.4]), np.float32([0.1, 0.4, 0.7, 0.2])
    pairs = [(a > b) + 0.5 * (a == b) for a in music for b in others]
    assert music_likeness.area(music, others) == pytest.approx(np.mean(pairs))


def test_each_kind_is_counted_by_itself_and_with_the_others() -> None:
    found = music_likeness.summary(
        np.float32([0.9, 0.8, 0.2]), {"noise": np.float32([0.1]), "speech": np.float32([0.3, 0.6, 0.4])}
    )
    assert {kind: one["files"] for kind, one in found["kinds"].items()} == {
        "music": 3,
        "all other sound": 4,
        "noise": 1,
        "speech": 3,
    }
    assert found["kinds"]["music"]["below"] == pytest.approx(1 / 3)
    assert found["kinds"]["all other sound"]["below"] == 0.75
    assert "| speech | 3 | 0.400 | 66.7 % |" in music_likeness.table(found).splitlines()


def test_ears_that_never_learned_it_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert music_likeness.main([str(tmp_path), "--ears", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
