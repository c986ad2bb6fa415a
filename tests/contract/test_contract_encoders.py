"""One suite over every encoder: what the contract promises, on sounds whose likeness is known by construction."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segue.audio.mel import FRAMES, MELS
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.contract import Encoder
from segue.encoders.corpus import Corpus
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.joint import Ears, EarsSettings
from segue.encoders.registry import ENCODERS, load_encoder, train_encoder
from segue.encoders.standard import Standard, unit
from segue.encoders.statistics import MelStatistics
from segue.encoders.training import Schedule
from segue.errors import BadInput, DamagedHome, NotFound

TEXTURES = 5
LATENTS, PLANE = 32, 8
"""All numbers of a step, and those of them that begin as principal components: the more, the less is learned."""


def sound(texture: int, windows: int, rng: np.random.Generator) -> np.ndarray:
    """Log-mels of one track. What stays the same in all its windows is its texture in time, never its spectrum."""
    t, f = np.arange(FRAMES)[None, :, None], np.arange(MELS)[None, None, :] / MELS
    phase = rng.uniform(0, 2 * np.pi, (windows, 1, 1))
    wave = [
        np.zeros((windows, FRAMES, MELS)),
        np.sin(2 * np.pi * t / 8 + phase + 0 * f),  # all bands pulse together, fast
        np.sin(2 * np.pi * t / 32 + phase + 0 * f),  # slowly
        np.sin(2 * np.pi * (t / 24 - 3 * f) + phase),  # rising
        np.sin(2 * np.pi * (t / 24 + 3 * f) + phase),  # falling
    ][texture]
    places = np.linspace(0, MELS - 1, 6)
    envelope = np.stack([np.interp(np.arange(MELS), places, rng.normal(0, 0.7, 6)) for _ in range(windows)])[:, None]
    noise = rng.normal(0, 0.3, (windows, FRAMES, MELS))
    return np.clip(3 + envelope + 0.7 * wave + noise, 0, None).astype(np.float16)


def tracks(each: int, seed: int, windows: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kinds = np.tile(np.arange(TEXTURES), each)
    return np.stack([sound(kind, windows, rng) for kind in kinds]), kinds


def tiny(name: str, mels: np.ndarray, *, steps: int | None = None, seed: int = 0) -> Encoder:
    corpus = Corpus(mels, [str(track) for track in range(len(mels))], seed)

    def schedule(usual: int) -> Schedule:
        chosen = usual if steps is None else steps
        return Schedule(chosen, tracks_per_batch=8, frames=64, learning_rate=5e-3, evaluations=3)

    autoencoder = AutoencoderSettings(schedule(60), widths=(12, 16, 24), plane=PLANE, latents=LATENTS - PLANE)
    gru = SoundGruSettings(schedule(120), inputs=32, width=48, layers=1)
    if name == "autoencoder":
        return Autoencoder.fit(corpus, autoencoder, seed=seed, device="cpu")
    if name == "gru":
        return SoundGru.fit(corpus, gru, seed=seed, device="cpu")
    if name == "statistics":
        return MelStatistics.fit(corpus, seed=seed)
    return Ears.fit(corpus, EarsSettings(autoencoder, gru), seed=seed, device="cpu")


def average_precision(vectors: np.ndarray, kinds: np.ndarray) -> float:
    """Mean over tracks: how near the front its own kind stands among all others."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
    hits = kinds[order] == kinds[:, None]
    return float(np.mean([(np.cumsum(row)[row] / (np.flatnonzero(row) + 1)).mean() for row in hits]))


TRAINING, _ = tracks(8, seed=1)
UNHEARD, KINDS = tracks(6, seed=2)


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return tiny(request.param, TRAINING)


@pytest.fixture(scope="module")
def linear() -> np.ndarray:
    """Vectors of principal components of the same pieces and size, pooled and standardised in the same way."""
    pieces = TRAINING.astype(np.float32).reshape(-1, 16 * MELS)
    centred = torch.from_numpy(pieces - pieces.mean(0))
    components = torch.linalg.eigh(centred.T @ centred)[1][:, -LATENTS:].numpy()

    def pooled(mels: np.ndarray) -> np.ndarray:
        latents = (mels.astype(np.float32).reshape(-1, 16 * MELS) - pieces.mean(0)) @ components
        return np.concatenate([latents.mean(0), latents.std(0)])

    standard = Standard.of(np.stack([pooled(mels) for mels in TRAINING]))
    return np.stack([unit(standard.apply(pooled(mels))) for mels in UNHEARD])


def test_like_sounds_are_near(encoder: Encoder, linear: np.ndarray) -> None:
    """Far above chance, and what was learned is above principal components of the same size."""
    ours = average_precision(np.stack([encoder.encode(mels) for mels in UNHEARD]), KINDS)
    chance = average_precision(np.random.default_rng(0).normal(size=linear.shape), KINDS)
    assert ours > chance + 0.15, (ours, chance)
    if encoder.name != "statistics":
        theirs = average_precision(linear, KINDS)
        assert ours > theirs + 0.1, (ours, theirs)


def test_training_is_what_brings_like_sounds_near(encoder: Encoder) -> None:
    if encoder.name not in ("autoencoder", "gru"):
        return
    random = tiny(encoder.name, TRAINING, steps=0)
    assert not random.card["curves"]["train"]
    before, after = (
        average_precision(np.stack([each.encode(mels) for mels in UNHEARD]), KINDS) for each in (random, encoder)
    )
    assert after > before + 0.05, (before, after)


def test_vectors_are_finite_of_unit_length_and_of_the_stated_dimension(encoder: Encoder) -> None:
    silence = np.zeros((3, FRAMES, MELS), dtype=np.float32)
    for mels in (*UNHEARD[:3], silence, silence + 7, UNHEARD[0][:1]):
        vector = encoder.encode(mels)
        assert vector.shape == (encoder.dim,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_vector_has_the_same_bits_after_others_and_under_other_threads(encoder: Encoder) -> None:
    alone = encoder.encode(UNHEARD[0])
    for mels in UNHEARD[1:5]:
        encoder.encode(mels)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        again = encoder.encode(UNHEARD[0].astype(np.float32))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert again.tobytes() == alone.tobytes()


def test_saved_and_loaded_it_gives_the_same_bits(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["card.json", "weights.safetensors"]
    loaded = load_encoder(tmp_path)
    assert type(loaded) is type(encoder)
    assert loaded.encode(UNHEARD[0]).tobytes() == encoder.encode(UNHEARD[0]).tobytes()
    assert loaded.card == json.loads(json.dumps(encoder.card))
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    assert (again / "weights.safetensors").read_bytes() == (tmp_path / "weights.safetensors").read_bytes()
    assert (again / "card.json").read_bytes() == (tmp_path / "card.json").read_bytes()


def test_the_card_says_what_it_is(encoder: Encoder) -> None:
    card = encoder.card
    assert card["encoder"] == encoder.name
    assert card["dim"] == encoder.dim
    assert {"size", "seed", "parameters", "settings", "seconds", "segue", "torch", "data"} <= set(card)
    assert card["data"]["training_tracks"] + card["data"]["held_out_tracks"] == len(TRAINING)


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "card cut", "card of another", "settings changed"])
def test_a_damaged_file_is_refused_in_one_sentence(encoder: Encoder, tmp_path: Path, damage: str) -> None:
    encoder.save(tmp_path)
    weights, card = tmp_path / "weights.safetensors", tmp_path / "card.json"
    content = bytearray(weights.read_bytes())
    if damage == "flipped":
        content[-10] ^= 1
        weights.write_bytes(content)
    elif damage == "cut":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "missing":
        weights.unlink()
    elif damage == "card cut":
        card.write_text(card.read_text("utf-8")[:100], "utf-8")
    elif damage == "card of another":
        card.write_text(json.dumps({**json.loads(card.read_text("utf-8")), "encoder": "ear trumpet"}), "utf-8")
    else:
        card.write_text(json.dumps({**json.loads(card.read_text("utf-8")), "settings": {}}), "utf-8")
        if encoder.name == "statistics":  # has no settings it depends on
            return
    with pytest.raises(DamagedHome, match="train again with 'segue train'"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_the_same_data_and_seed_give_the_same_weights(name: str) -> None:
    trained = []
    for global_seed, seed in enumerate((5, 5, 6)):
        torch.manual_seed(global_seed)  # what was drawn before must not matter
        trained.append(tiny(name, TRAINING[:12], steps=3, seed=seed))
    first, second, other = trained
    assert {k: v.tobytes() for k, v in first.tensors().items()} == {k: v.tobytes() for k, v in second.tensors().items()}
    assert any(other.tensors()[name].tobytes() != held.tobytes() for name, held in first.tensors().items())


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_few_tracks_are_enough_to_train(name: str, count: int) -> None:
    trained = tiny(name, TRAINING[:count], steps=2)
    assert np.linalg.norm(trained.encode(TRAINING[0])) == pytest.approx(1, abs=1e-5)
    assert "nothing was held out" in trained.card["data"]["note"]


def test_identical_tracks_have_a_vector_all_the_same() -> None:
    trained = tiny("ears", np.repeat(TRAINING[:1], 3, axis=0), steps=1)
    assert np.isfinite(trained.encode(TRAINING[0])).all()


@pytest.mark.parametrize("name", ["autoencoder", "gru"])
def test_an_unknown_device_is_an_error_of_one_sentence(name: str) -> None:
    with pytest.raises(BadInput, match="no device is called 'toaster'"):
        train_encoder(name, TRAINING[:2], ["a", "b"], device="toaster")


def test_an_unknown_name_tells_which_there_are() -> None:
    with pytest.raises(NotFound, match="choose ears, autoencoder, gru, statistics"):
        train_encoder("lyre", TRAINING[:2], ["a", "b"])


def test_wrong_shapes_are_refused(encoder: Encoder) -> None:
    for wrong in (np.zeros((FRAMES, MELS)), np.zeros((0, FRAMES, MELS)), np.zeros((1, FRAMES, 80))):
        with pytest.raises(ValueError, match="shape"):
            encoder.encode(wrong.astype(np.float32))
    with pytest.raises(ValueError, match="finite"):
        encoder.encode(np.full((1, FRAMES, MELS), np.nan, dtype=np.float32))
