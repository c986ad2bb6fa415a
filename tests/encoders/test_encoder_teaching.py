"""Learning from a teacher, going on after a kill, going on on another corpus, and the second stage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segue.audio.mel import FRAMES, MELS
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.corpus import Corpus
from segue.encoders.discriminant import discriminant
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.joint import Ears, EarsSettings
from segue.encoders.losses import distance_to_teacher, nt_xent
from segue.encoders.teacher import middle
from segue.encoders.training import Schedule
from segue.errors import BadInput

RNG = np.random.default_rng(7)
SCHEDULE = Schedule(60, tracks_per_batch=8, frames=96, learning_rate=5e-3, evaluations=6)
SMALL: list[tuple[Any, Any]] = [
    (Autoencoder, AutoencoderSettings(SCHEDULE, widths=(8, 12, 16), latents=8, plane=8, taught=6, hidden=24, blocks=1)),
    (SoundGru, SoundGruSettings(SCHEDULE, inputs=24, width=24, taught=6, hidden=24)),
]
EARS = EarsSettings(SMALL[0][1], SMALL[1][1], directions=5)


def music(tracks: int, windows: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Noise around one mel band a window, and a teacher who names that band by six smooth functions."""
    centre = RNG.uniform(12, 84, (tracks, windows))
    bins = np.arange(MELS)
    level = 3 * np.exp(-np.square((bins - centre[..., None]) / 6))[:, :, None]
    mels = (level + 0.3 * RNG.random((tracks, windows, FRAMES, MELS))).astype(np.float16)
    taught = np.stack([np.cos(np.pi * k * centre / MELS) for k in range(1, 7)], 2)
    return mels, ((taught - taught.mean((0, 1))) / taught.std((0, 1))).astype(np.float16)


MELS_HEARD, TAUGHT = music(40)
GROUPS = [f"album {track // 2}" for track in range(40)]


def corpus(taught: np.ndarray | None = TAUGHT) -> Corpus:
    return Corpus(MELS_HEARD, GROUPS, 0, taught)


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears.fit(corpus(), EARS, device="cpu")


def test_the_distance_to_a_teacher_is_nothing_for_what_the_teacher_says() -> None:
    taught = torch.tensor([[1.0, -2.0, 0.5], [0.1, 0.2, -0.3]])
    assert float(distance_to_teacher(taught, taught)) == pytest.approx(0, abs=1e-6)
    assert float(distance_to_teacher(-taught, taught)) > 2
    far = taught.clone()
    far[0, 0] = 100  # a teacher's odd number counts as three
    assert float(distance_to_teacher(far.clamp(-3, 3), far)) == pytest.approx(0, abs=1e-6)


def test_tracks_of_one_album_are_no_examples_of_what_sounds_different() -> None:
    first = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    apart, album = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1])
    assert float(nt_xent(first, first, 0.1, apart)) == pytest.approx(float(nt_xent(first, first, 0.1)))
    assert float(nt_xent(first, first, 0.1, album)) < 0.5 * float(nt_xent(first, first, 0.1, apart))


@pytest.mark.parametrize(
    ("steps", "frames", "left"), [(16, 256, 6), (126, 256, 46), (8, 128, 6), (3, 48, 3), (1, 16, 1)]
)
def test_the_middle_is_three_seconds(steps: int, frames: int, left: int) -> None:
    taken = middle(torch.arange(steps)[None], frames)[0].tolist()
    assert len(taken) == left
    assert taken[0] == steps - 1 - taken[-1]


@pytest.mark.parametrize(("kind", "settings"), SMALL)
def test_it_learns_to_say_what_the_teacher_says(kind: Any, settings: Any) -> None:
    mels, taught = music(12)
    trained = kind.fit(corpus(), settings, device="cpu")
    known = np.stack([trained.said(track) for track in mels])
    agreement = np.corrcoef(known.ravel(), taught.astype(np.float32).ravel())[0, 1]
    assert agreement > 0.8
    assert trained.encode(mels[0]).shape == (trained.dim,)


def test_without_a_teacher_nothing_is_said() -> None:
    settings = SoundGruSettings(Schedule(0), inputs=8, width=8)
    with pytest.raises(ValueError, match="no teacher"):
        SoundGru.fit(corpus(None), settings, device="cpu").said(MELS_HEARD[0])


def test_a_taught_gru_follows_a_stream(ears: Ears) -> None:
    gru, stream = ears.gru, MELS_HEARD[3].reshape(-1, MELS)
    state = gru.start()
    for piece in np.split(stream, [3, 100, 101, 300]):
        state = gru.step(state, piece)
    np.testing.assert_allclose(gru.embedding(state), gru.encode(MELS_HEARD[3]), atol=1e-4)


class Killed(Exception):
    """Stands for the end of a process between two steps."""


@pytest.mark.parametrize(("kind", "settings"), SMALL)
@pytest.mark.parametrize("steps", [7, 31, 59])
def test_a_training_that_ended_early_goes_on_to_the_same_bits(
    kind: Any, settings: Any, steps: int, tmp_path: Path
) -> None:
    def kill(stage: str, done: int, total: int | None) -> None:
        if stage.startswith("training") and done == steps:
            raise Killed

    whole = kind.fit(corpus(), settings, device="cpu").tensors()
    with pytest.raises(Killed):
        kind.fit(corpus(), settings, device="cpu", progress=kill, checkpoint=tmp_path / "half")
    begun: list[int] = []
    resumed = kind.fit(
        corpus(),
        settings,
        device="cpu",
        progress=lambda stage, done, total: begun.append(done),
        checkpoint=tmp_path / "half",
    )
    assert begun[0] == steps // 10 * 10
    assert all((resumed.tensors()[name] == tensor).all() for name, tensor in whole.items())


def test_a_checkpoint_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    kind, settings = SMALL[1]
    place = tmp_path / "checkpoint"
    kind.fit(corpus(), settings, device="cpu", checkpoint=place)
    begun: list[int] = []
    kind.fit(
        corpus(), settings, seed=1, device="cpu", checkpoint=place, progress=lambda _, done, __: begun.append(done)
    )
    assert begun[0] == 0
    place.write_bytes(b"no checkpoint")
    with pytest.raises(BadInput, match="remove it to begin anew"):
        kind.fit(corpus(), settings, device="cpu", checkpoint=place)


def test_ears_that_go_on_hold_on_to_what_they_were_taught(ears: Ears) -> None:
    mels, taught = music(20)
    before = [tensor.copy() for tensor in ears.tensors().values()]
    other = ears.continued(Corpus(mels, [str(row) for row in range(20)]), size="tiny", device="cpu")
    assert all((tensor == old).all() for tensor, old in zip(ears.tensors().values(), before, strict=True))
    assert other.dim == ears.dim
    assert any((a != b).any() for a, b in zip(other.tensors().values(), before, strict=True))
    said = np.stack([other.gru.said(track) for track in mels])
    assert np.corrcoef(said.ravel(), taught.astype(np.float32).ravel())[0, 1] > 0.7


def test_ears_with_a_discriminant_are_saved_and_restored(ears: Ears, tmp_path: Path) -> None:
    assert ears.dim == ears.card["dim"] == len(ears.encode(MELS_HEARD[0])) == 5
    ears.save(tmp_path)
    assert (Ears.load(tmp_path).encode(MELS_HEARD[1]) == ears.encode(MELS_HEARD[1])).all()


def test_the_discriminant_finds_what_albums_differ_in() -> None:
    random = np.random.default_rng(0)
    albums = np.repeat(np.arange(30), 6)
    signal = random.standard_normal((30, 4))[albums] + 0.3 * random.standard_normal((180, 4))
    nuisance = 5 * random.standard_normal((180, 20))
    rows = np.hstack([signal, nuisance]).astype(np.float32)

    def found(rows: np.ndarray, albums: np.ndarray) -> float:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        likeness = unit @ unit.T - 2 * np.eye(len(rows))
        return float((albums[likeness.argmax(1)] == albums).mean())

    half = albums < 15  # learned on half of the albums, measured on the others
    turned = discriminant(rows[half], [str(album) for album in albums[half]], 6, 0.001)
    assert turned.shape == (24, 6)
    assert found(rows[~half] @ turned, albums[~half]) > 0.7 > 0.3 > found(rows[~half], albums[~half])
