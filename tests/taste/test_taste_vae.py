"""What is the autoencoders' own: NumPy serves what torch trained, sounds stand for ids, latents tell people apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segue.errors import NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import silent
from segue.taste.ease import Bag, session_bags
from segue.taste.registry import load_model
from segue.taste.vae import SHAPES, MultVae, RecVae, Vae
from segue.taste.vae_inputs import Recipe, VaeSettings
from segue.taste.vae_network import VaeNetwork
from segue.taste.vae_training import _Trainer, bag_tensors, train

START = 1_700_000_000
CLASSES: dict[Recipe, type[Vae]] = {"multvae": MultVae, "recvae": RecVae}


def tiny(recipe: Recipe, **changes: object) -> Vae:
    settings = replace(VaeSettings.of(recipe, "tiny"), epochs=12, batch_bags=20, learning_rate=1e-2)
    return CLASSES[recipe](replace(settings, **changes))  # type: ignore[arg-type]


@pytest.fixture(params=["multvae", "recvae"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    found: Recipe = request.param
    return found


def playlists(rows: list[list[int]]) -> Events:
    listener = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return Events.make([str(n) for n in range(len(rows))], listener, np.concatenate(rows), np.zeros(len(listener)))


def some_playlists(tracks: int = 30, count: int = 60) -> Events:
    chance = np.random.default_rng(0)
    return playlists([chance.integers(0, tracks, chance.integers(1, 12)).tolist() for _ in range(count)])


def some_items(tracks: int = 30, *, dim: int = 6) -> Items:
    vectors = np.random.default_rng(1).standard_normal((tracks, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Items(tuple(str(number) for number in range(tracks)), vectors=vectors)


def bag(*tracks: int) -> Bag:
    return Bag(tracks, (1.0,) * len(tracks), 0)


def islands(listeners: int = 120, *, every: int = 30) -> Events:
    """Half of the playlists hold even tracks, half odd ones."""
    chance = np.random.default_rng(0)
    return playlists([(2 * chance.integers(0, every // 2, 12) + n % 2).tolist() for n in range(listeners)])


def test_numpy_serves_what_torch_computes(recipe: Recipe) -> None:
    model = tiny(recipe)
    model.fit(some_playlists(), some_items())
    plays = np.zeros(len(model._ids))
    assert model.items.vectors is not None
    rows = np.array([int(track) for track in model._ids])
    network = VaeNetwork(plays, model.items.vectors[rows], model.settings)
    assert set(SHAPES) == set(model._weights)
    with torch.no_grad():
        for name in SHAPES:
            network.get_parameter(name).copy_(torch.from_numpy(model._weights[name]))
        for tracks in ([3], [3, 8, 11], [0, 1, 2, 3, 4, 29]):
            weights = np.linspace(0.1, 1, len(tracks)).astype(np.float32)
            places = np.searchsorted(rows, tracks)
            given = bag_tensors(places, weights, np.zeros(len(tracks), dtype=np.int64), 1)
            mean, _ = network.encode(given)
            state = Bag(tuple(tracks), tuple(np.expm1(weights.astype(np.float64)).tolist()), 0)
            np.testing.assert_allclose(model.latent(state), mean[0].numpy(), atol=1e-5)
            np.testing.assert_allclose(model.score(state)[rows], network.decode(mean)[0].numpy(), atol=1e-4)


def test_what_is_played_together_is_found(recipe: Recipe) -> None:
    model = tiny(recipe)
    card = model.fit(islands(), Items(some_items().ids))
    losses = [epoch["trained"] for epoch in card["curve"]]
    assert losses[-1] < losses[0] - 0.2
    for odd in (0, 1):
        best, _ = model.recommend(bag(odd, odd + 4, odd + 10), 12)
        assert np.mean(best % 2 == odd) > 0.9


def test_similar_listeners_have_similar_latents(recipe: Recipe) -> None:
    model = tiny(recipe)
    model.fit(islands(), Items(some_items().ids))
    likeness = model.similar_listeners(bag(0, 4, 10), [bag(2, 6, 8), bag(3, 5, 9), bag(0, 4, 10), Bag()])
    assert likeness.dtype == np.float32
    assert likeness[0] > likeness[1] + 0.5
    assert likeness[2] == pytest.approx(1, abs=1e-5)
    assert likeness[3] == 0
    assert model.similar_listeners(bag(0), []).shape == (0,)


def timbres() -> Items:
    """Even tracks sound one way, odd ones another; of 62, the last two have no listens."""
    chance = np.random.default_rng(0)
    side = np.where(np.arange(62) % 2, 1.0, -1.0)[:, None] * np.linspace(1, 0.2, 8)
    vectors = side + 0.5 * chance.standard_normal((62, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Items(tuple(str(number) for number in range(62)), vectors=vectors.astype(np.float32))


def test_a_track_that_nobody_played_is_ranked_by_its_sound(recipe: Recipe) -> None:
    model = tiny(recipe)
    model.fit(islands(every=60), timbres())
    for odd in (0, 1):
        scores = model.score(bag(odd, odd + 8, odd + 20))
        assert scores[60 + odd] > scores[61 - odd]
        heard_cold = model.score(bag(60 + odd))[:60]
        others = np.arange(60)
        assert heard_cold[others % 2 == odd].mean() > heard_cold[others % 2 != odd].mean()


def test_beyond_the_most_played_the_sound_alone_places(recipe: Recipe) -> None:
    rows = [[0, 1, 2]] * 9 + [[0, 1, 3]] * 2
    model = tiny(recipe, ids=3)
    model.fit(playlists(rows), some_items(6))
    assert model._ids == ("0", "1", "2")
    assert np.isfinite(model.score(bag(3))).all()
    model = tiny(recipe, ids=3)
    model.fit(playlists(rows), Items(some_items(6).ids))
    assert np.isneginf(model.score(bag(3))).tolist() == [False] * 3 + [True] * 3


def test_hidden_ids_leave_the_sound_and_the_cold_bias(recipe: Recipe) -> None:
    settings = VaeSettings.of(recipe, "tiny")
    sounds = np.array(some_items(4).vectors)
    sounds[3] = 0
    network = VaeNetwork(np.array([5.0, 1, 1, 2]), sounds, settings)
    kept = network.kept_ids(1.0)
    assert kept is not None
    assert kept.tolist() == [False, False, False, True], "what has no sound keeps its id"
    latent = torch.ones(1, settings.latent)
    with torch.no_grad():
        before = network.decode(latent, kept)[0]
        network.id_out[:3] = 7.0
        network.bias[:3] = 7.0
        assert torch.equal(network.decode(latent, kept)[0], before)
        assert not torch.equal(network.decode(latent)[0], before)


def test_recvae_teaches_encoder_and_decoder_in_turns() -> None:
    events, items = some_playlists(count=20), some_items()
    settings = replace(VaeSettings.of("recvae", "tiny"), batch_bags=20, encoder_steps=3)
    vectors = items.vectors
    assert vectors is not None
    torch.manual_seed(0)
    trainer = _Trainer(session_bags(events, 100), vectors, settings, 0)
    changed = []
    for _ in range(8):  # one batch an epoch
        before = {name: weight.detach().clone() for name, weight in trainer.network.named_parameters()}
        trainer.epoch(0)
        moved = {name for name, weight in trainer.network.named_parameters() if not torch.equal(weight, before[name])}
        changed.append(("id_in" in moved, "id_out" in moved))
    assert changed == ([(True, False)] * 3 + [(False, True)]) * 2


def test_the_divergence_draws_latents_to_the_prior() -> None:
    """With a heavy weight on it nothing of the bag is left in the latent."""
    lengths = []
    for kl_weight in (0.0, 50.0):
        model = tiny("multvae", kl_weight=kl_weight, kl_warming=0.1)
        model.fit(islands(), Items(some_items().ids))
        lengths.append(np.linalg.norm(model.latent(bag(0, 2, 4)) - model.latent(bag(1, 3, 5))))
    assert lengths[1] < 0.2 * lengths[0]


@pytest.mark.parametrize(
    "events",
    [
        playlists([[3]]),
        playlists([[3] * 50, [3]]),
        Events.make(["ada", "bob"], [0] * 20 + [1] * 20, [*range(20), *range(20)], np.full(40, START)),
        playlists([[3]]).rows(slice(0, 0)),
    ],
    ids=["one listen", "all of one track", "equal times", "no events"],
)
def test_degenerate_listening_gives_no_nan(recipe: Recipe, events: Events, tmp_path: Path) -> None:
    items = some_items(25)
    assert items.vectors is not None
    items.vectors[20:] = 0
    model = tiny(recipe)
    model.fit(events, items)
    model.save(tmp_path)
    for served in (model, load_model(tmp_path, items)):
        state = served.follow(Events.make(["eve"], [0] * 3, [24, 3, 3], np.full(3, START)))
        scores = served.score(state)
        assert not np.isnan(scores).any()
        assert np.isfinite(scores[:20]).all()
        assert np.isneginf(scores[24])


def test_training_leaves_torch_as_it_found_it(recipe: Recipe) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    bags = session_bags(some_playlists(), 100)
    train(bags, np.zeros((30, 0), dtype=np.float32), VaeSettings.of(recipe, "tiny"), seed=1, progress=silent)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_sounds_of_another_encoder_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    model = tiny(recipe, epochs=1)
    model.fit(some_playlists(), some_items())
    model.save(tmp_path)
    with pytest.raises(NotReady, match="trained on sounds of 6 numbers and these tracks have 9"):
        load_model(tmp_path, some_items(dim=9))


def test_the_settings_of_the_other_recipe_are_refused() -> None:
    with pytest.raises(ValueError, match="recvae were given to multvae"):
        MultVae(VaeSettings.of("recvae", "tiny"))


def test_a_skip_leaves_the_latent_where_it_was(recipe: Recipe) -> None:
    model = tiny(recipe, epochs=1)
    model.fit(some_playlists(), some_items())
    state = model.step(model.start(), Event(3, START))
    assert np.array_equal(model.latent(model.step(state, Event(5, START + 60, 3))), model.latent(state))
