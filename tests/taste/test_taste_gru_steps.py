import torch
from torch.nn import functional

from segue.taste.gru_steps import steps


def test_states_and_slopes_are_those_of_torch() -> None:
    torch.manual_seed(0)
    unit = torch.nn.GRU(6, 6, batch_first=True)
    events, before, weight = torch.randn(3, 9, 6, requires_grad=True), torch.randn(3, 6), torch.randn(3, 9, 6)
    of_event, of_state, event_bias, state_bias = unit.all_weights[0]
    theirs, _ = unit(events, before[None])
    prepared = functional.linear(events.transpose(0, 1), of_event, event_bias)
    mine = steps(prepared, before, of_state, state_bias).transpose(0, 1)
    torch.testing.assert_close(mine, theirs)
    slopes = [torch.autograd.grad((states * weight).sum(), [events, *unit.parameters()]) for states in (mine, theirs)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other)
