"""The recipe of the shipped weights in one go from an empty cache, on a few small packages and with tiny networks."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recipes import midi, music, weights
from recipes.prepare import HEARINGS, WINDOWS
from segue.audio.listen import SHAPE
from segue.encoders.autoencoder import AutoencoderSettings
from segue.encoders.gru import SoundGruSettings
from segue.encoders.joint import Ears
from segue.encoders.training import Schedule

PACKAGES = ("bugsquish", "dodgindiamond2", "epiphany-data", "heroes-sound-tracks", "val-and-rick-data", "vodovod")
"""Sound files, and modules that openmpt123 renders."""

pytestmark = pytest.mark.slow


def test_one_command_makes_weights_from_nothing_and_again_from_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = ("apt-get", "dpkg-deb", "openmpt123", "espeak-ng", "fluidsynth")
    missing = [name for name in programs if shutil.which(name) is None]
    if missing or not all((midi.FOLDER / name).exists() for name in midi.SOUNDFONTS):
        pytest.skip(f"the recipe needs {', '.join(missing) or 'soundfonts'}: {midi.INSTALL} openmpt123 espeak-ng")
    listed = [one for one in music.packages() if one.role == "train" and one.package in PACKAGES]
    monkeypatch.setattr(music, "packages", lambda role=None: listed if role in (None, "train") else [])
    short = Schedule(steps=4, tracks_per_batch=4, evaluations=2)
    settings = replace(
        weights.SETTINGS,
        autoencoder=AutoencoderSettings(
            short, widths=(8, 12, 16), plane=8, latents=8, hidden=16, taught=weights.TAUGHT
        ),
        gru=SoundGruSettings(short, inputs=8, width=16, hidden=16, taught=weights.TAUGHT),
        directions=12,
    )
    monkeypatch.setattr(weights, "SETTINGS", settings)
    cache, places = tmp_path / "cache", (tmp_path / "first", tmp_path / "second")
    for place in places:
        monkeypatch.setattr("sys.argv", ["weights", "--cache", str(cache), "--to", str(place), "--device", "cpu"])
        weights.main()
    first, second = (Ears.load(place) for place in places)
    card = json.loads((places[0] / "card.json").read_text("utf-8"))
    assert {source["package"] for source in card["sources"]} == set(PACKAGES)
    assert all(len(source["sha256"]) == 64 and source["files"] for source in card["sources"])
    corpus = weights._corpus(cache)
    assert corpus.mels.shape[1:] == (WINDOWS, *SHAPE[1:])
    assert len(corpus) == len(HEARINGS) * len(music.recordings(cache / "music", "train")) > 4 * len(PACKAGES)
    windows = np.asarray(corpus.mels[0], dtype=np.float32)
    assert first.dim == 12
    assert (first.encode(windows) == second.encode(windows)).all()
    assert first.likeness is not None
