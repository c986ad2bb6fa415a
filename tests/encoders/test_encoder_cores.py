"""The exchangeable cores: pieces give what the whole gives, nothing hears the future, states stay as they are."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from segue.encoders.cores import CORES, REACH, Core, count_parameters, make_core, width_for
from segue.errors import BadInput

INPUTS, WIDTH, LAYERS, STEPS = 12, 32, 2, 3 * REACH + 17


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Core:
    torch.manual_seed(3)
    return make_core(request.param, INPUTS, WIDTH, LAYERS).eval()


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, STEPS, INPUTS, generator=torch.Generator().manual_seed(5))


def heard(core: Core, features: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return core(features)[0]


@pytest.mark.parametrize("seed", range(6))
def test_pieces_give_what_the_whole_gives(core: Core, features: torch.Tensor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = [0, *sorted(rng.choice(np.arange(1, STEPS), int(rng.integers(1, 40)), replace=False)), STEPS]
    state, pieces = core.initial(2), []
    with torch.inference_mode():
        for begin, end in itertools.pairwise(cuts):
            outputs, state = core(features[:, begin:end], state)
            pieces.append(outputs)
        at_once, after = core(features)
    torch.testing.assert_close(torch.cat(pieces, 1), at_once, atol=1e-5, rtol=0)
    for in_pieces, whole in zip(state, after, strict=True):
        torch.testing.assert_close(in_pieces, whole, atol=1e-5, rtol=0)


def test_step_by_step_gives_what_the_whole_gives(core: Core, features: torch.Tensor) -> None:
    state, outputs = core.initial(2), []
    with torch.inference_mode():
        for step in features[:, : REACH + 30].split(1, dim=1):
            output, state = core(step, state)
            outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), heard(core, features[:, : REACH + 30]), atol=1e-5, rtol=0)


def test_the_future_changes_nothing(core: Core, features: torch.Tensor) -> None:
    other = features.clone()
    other[:, 50:] += 1
    once, again = heard(core, features), heard(core, other)
    torch.testing.assert_close(once[:, :50], again[:, :50], atol=1e-6, rtol=0)
    assert (once[:, 50] - again[:, 50]).abs().max() > 0.01


def test_what_is_long_past_and_in_which_order_matters(core: Core, features: torch.Tensor) -> None:
    """Without positions, attention of one layer over the same past in another order would say the same."""
    order = torch.tensor([*range(19, -1, -1), 20])
    forwards, backwards = heard(core, features[:, :21])[:, -1], heard(core, features[:, order])[:, -1]
    assert (forwards - backwards).abs().max() > 0.01


def test_a_state_can_be_followed_on_from_again_and_again(core: Core, features: torch.Tensor) -> None:
    with torch.inference_mode():
        _, state = core(features[:, :140])
        kept = [part.clone() for part in state]
        once, _ = core(features[:, 140:200], state)
        core(features[:, 200:260], state)
        again, _ = core(features[:, 140:200], state)
    assert once.equal(again)
    assert all(part.equal(before) for part, before in zip(state, kept, strict=True))


def test_a_state_is_bounded_and_holds_no_more_than_it_shows(core: Core, features: torch.Tensor) -> None:
    with torch.inference_mode():
        _, early = core(features[:, :REACH])
        _, late = core(features)
    assert [part.shape for part in early] == [part.shape for part in late]
    for part in late:
        assert part.untyped_storage().nbytes() == 4 * part.numel()


def test_sequences_of_a_batch_do_not_hear_each_other(core: Core, features: torch.Tensor) -> None:
    together = heard(core, features[:, :40])
    for row in range(2):
        torch.testing.assert_close(heard(core, features[row : row + 1, :40])[0], together[row], atol=1e-5, rtol=0)


def test_every_weight_learns_through_a_carried_state(core: Core, features: torch.Tensor) -> None:
    _, state = core(features[:, :20])
    outputs, _ = core(features[:, 20:40], state)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in core.parameters())


def test_a_layer_of_the_transformer_reaches_as_far_as_said_and_no_farther(features: torch.Tensor) -> None:
    torch.manual_seed(3)
    core = make_core("transformer", INPUTS, WIDTH, 1).eval()
    other = features.clone()
    other[:, 0] += 10
    differs = (heard(core, features) - heard(core, other)).abs().amax((0, 2))
    assert differs[REACH - 1] > 1e-4
    assert differs[REACH:].max() == 0


@pytest.mark.parametrize(("name", "torchs"), [("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_recurrent_weights_are_torchs_own(name: str, torchs: type[nn.RNNBase], features: torch.Tensor) -> None:
    core, theirs = make_core(name, INPUTS, WIDTH, LAYERS), torchs(INPUTS, WIDTH, LAYERS, batch_first=True)
    theirs.load_state_dict(core.state_dict(), strict=True)
    with torch.inference_mode():
        assert heard(core, features).equal(theirs(features)[0])


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_widths_of_about_equally_many_parameters(name: str, layers: int) -> None:
    wanted = count_parameters(make_core("gru", 128, 192, layers))
    state = torch.get_rng_state()
    width = width_for(name, wanted, 128, layers)
    assert torch.get_rng_state().equal(state)
    assert abs(count_parameters(make_core(name, 128, width, layers)) - wanted) < 0.05 * wanted


def test_bad_names_and_widths_are_said() -> None:
    with pytest.raises(BadInput, match="no core is called 'mamba': choose gru, lstm, transformer"):
        make_core("mamba", 12, 32, 1)
    with pytest.raises(BadInput, match="mamba"):
        width_for("mamba", 1000, 12, 1)
    with pytest.raises(ValueError, match="multiple of 8"):
        make_core("transformer", 12, 36, 1)
