"""Random numbers by name: the cipher's known answers, distribution, independence."""

import math

import pytest
import torch

from drmbids.maths.loops.random_numbers import first_clock, noise_at, threefry

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        # known answers that the authors of Random123 give for 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(
    key: tuple[int, int], counter: tuple[int, int], words: tuple[int, int]
) -> None:
    x, y = threefry(*(tuple(torch.tensor(w) for w in pair) for pair in (key, counter)))
    assert (x.item(), y.item()) == words


def test_noise_is_standard_normal() -> None:
    noise, _ = noise_at(first_clock(1, torch.arange(4), "V1"), 500, 101)
    n = noise.numel()
    assert noise.mean().abs().item() < 4 / math.sqrt(n)
    assert noise.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / n))
    assert (noise**4).mean().item() == pytest.approx(3, abs=4 * math.sqrt(96 / n))
    share = (noise.abs() > 1.959964).double().mean().item()
    assert share == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / n))


def test_numbers_of_other_runs_ticks_places_seeds_and_names_have_nothing_in_common() -> None:
    def of(seed: int = 0, name: str = "V1") -> torch.Tensor:
        return noise_at(first_clock(seed, torch.arange(2), name), 200, 6)[0]

    noise = of()
    series = torch.cat([noise.flatten(1).T, of(seed=1).flatten(1).T, of(name="V2").flatten(1).T])
    between = torch.corrcoef(series) - torch.eye(len(series))
    assert between.abs().max().item() < 5 / math.sqrt(200)
    lagged = (noise[1:] * noise[:-1]).mean(0).abs().max().item()
    assert lagged < 5 / math.sqrt(200)


def test_numbers_do_not_depend_on_how_many_there_are() -> None:
    """A run alone has its noise, and so has the head of a block."""
    both, clock = noise_at(first_clock(3, torch.tensor([5, 7]), "x"), 9, 4)
    alone, _ = noise_at(first_clock(3, torch.tensor([7]), "x"), 4, 4)
    assert torch.equal(alone, both[:4, 1:])
    assert clock[:, 2].tolist() == [9, 9]


def test_many_models_at_once() -> None:
    clocks = torch.stack([first_clock(s, torch.arange(2), "x") for s in (0, 1)])
    got = torch.vmap(lambda c: noise_at(c, 3, 5)[0])(clocks)
    assert torch.equal(got[1], noise_at(clocks[1], 3, 5)[0])
