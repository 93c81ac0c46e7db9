"""Samples of the past, gathered from blocks of any cut."""

import itertools
import random

import pytest
import torch

from drmbids.maths.loops.delay import Block, gather, past_block


@pytest.mark.parametrize("seed", range(10))
def test_every_stretch_of_any_blocks(seed: int) -> None:
    draw, n_past, n_ticks = random.Random(seed), 5, 12
    series = torch.arange(n_past + n_ticks).reshape(-1, 1, 1).float()
    cuts = sorted({0, n_ticks, *draw.sample(range(1, n_ticks), 4)})
    blocks = [past_block(series[:n_past])]
    blocks += [Block(a, b, series[n_past + a : n_past + b]) for a, b in itertools.pairwise(cuts)]
    for start, stop in itertools.combinations(range(-n_past, n_ticks + 1), 2):
        got = gather(blocks, start, stop)
        assert torch.equal(got, series[n_past + start : n_past + stop])


def test_a_whole_block_is_not_copied() -> None:
    block = Block(0, 4, torch.randn(4, 1, 2))
    assert gather([past_block(torch.zeros(0, 1, 2)), block], 0, 4) is block.activity


def test_gradient_of_a_stretch() -> None:
    blocks = [Block(2 * k, 2 * k + 2, torch.zeros(2, 1, 1, requires_grad=True)) for k in range(4)]
    gather(blocks, 3, 7).sum().backward()
    grads = [b.activity.grad for b in blocks]
    assert grads[0] is None  # older blocks are not touched
    assert torch.cat(grads[1:]).flatten().tolist() == [0, 1, 1, 1, 1, 0]
