import numpy as np
import pytest
import torch

from segue.taste.adam import Adam, Rows


def test_whole_parameters_move_as_torch_moves_them() -> None:
    torch.manual_seed(0)
    mine, theirs = (torch.ones(4, 3, requires_grad=True) for _ in range(2))
    adam, torchs = Adam([mine]), torch.optim.Adam([theirs])
    for step in range(30):
        wanted, rate = torch.randn(4, 3), 0.1 / (1 + step)
        for group in torchs.param_groups:
            group["lr"] = rate
        for parameter in (mine, theirs):
            parameter.grad = None
            ((parameter - wanted) ** 2).sum().backward()  # type: ignore[no-untyped-call]
        adam.step(rate)
        torchs.step()
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)
    assert mine.grad is None


@pytest.mark.parametrize("shape", [(50, 4), (50,)])
def test_few_rows_end_where_the_whole_table_would_have_brought_them(shape: tuple[int, ...]) -> None:
    """Once the averages are warm: before, each glide has the correction of its last step for all of them."""
    chance = np.random.default_rng(0)
    table = torch.from_numpy(chance.standard_normal(shape).astype(np.float32))
    whole = table.clone().requires_grad_()
    rows, adam = Rows(table), torch.optim.Adam([whole], lr=0.01)
    for step in range(1200):
        some = np.arange(50) if step < 1000 else np.sort(chance.choice(50, 5, replace=False))
        whole.grad = None
        for got in (rows.take(some), whole[torch.from_numpy(some)]):
            (got.square().sum() if step >= 1000 else got.sum() * 0).backward()
        rows.step(0.01)
        adam.step()
    behind = (table - whole.detach()).abs().max()
    rows.settle()
    settled = (table - whole.detach()).abs().max()
    assert behind > 0.05
    assert settled < 0.005


def test_a_row_that_was_never_taken_stays() -> None:
    table = torch.ones(3, 2)
    rows = Rows(table)
    rows.take(np.array([1])).sum().backward()  # type: ignore[no-untyped-call]
    rows.step(0.1)
    rows.settle()
    torch.testing.assert_close(table, torch.tensor([[1.0, 1], [0.9, 0.9], [1, 1]]))
