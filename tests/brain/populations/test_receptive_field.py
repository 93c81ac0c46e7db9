"""Receptive fields: the integral they are, their places, and their recovery from bars."""

import math

import pytest
import torch
from scipy.stats import norm

from drmbids import ReceptiveField
from drmbids.data.tools.exceptions import UsageError


def field(n: int = 1, pixels: int = 60, **options: object) -> ReceptiveField:
    shape = [pixels, pixels]
    population = ReceptiveField(n, pixels**2, frame=shape, field_of_view=12.0, **options).double()  # pyright: ignore[reportArgumentType]
    return population


def set_to(population: ReceptiveField, **values: list[float]) -> None:
    for name, value in values.items():
        population.set_value(name, torch.tensor(value, dtype=torch.float64))


def test_the_response_is_the_integral_of_the_normal_density_over_the_aperture() -> None:
    """The right half of the field, by the normal distribution function."""
    population = field(3)
    set_to(population, x=[0.0, 1.0, -1.0], y=[0.0, 1.5, 0.0], size=[0.8, 1.2, 0.5])
    right = torch.zeros(60, 60, dtype=torch.float64)
    right[:, 30:] = 1.0
    got = population([right.reshape(1, 1, -1)], None)[0].flatten()

    def between(low: float, high: float, mean: float, sd: float) -> float:
        return norm.cdf((high - mean) / sd) - norm.cdf((low - mean) / sd)

    places = ((0.0, 0.0, 0.8), (1.0, 1.5, 1.2), (-1.0, 0.0, 0.5))
    wanted = [between(0, 6, x, s) * between(-6, 6, y, s) for x, y, s in places]
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=1e-3, rtol=0)


def test_up_is_up_and_right_is_right() -> None:
    population = field(1)
    set_to(population, x=[3.0], y=[4.0], size=[0.5])
    row, column = divmod(population.fields()[0].argmax().item(), 60)
    assert 6 - 0.2 * (row + 0.5) == pytest.approx(4.0, abs=0.11)
    assert 0.2 * (column + 0.5) - 6 == pytest.approx(3.0, abs=0.11)


def test_a_compressive_response_is_the_power_of_a_linear_one() -> None:
    linear, css = field(2), field(2, compressive=True)
    set_to(css, exponent=[0.2, 0.7])
    x = torch.rand(5, 1, 3600, dtype=torch.float64)
    x[0] = 0.0  # silence
    share = linear([x], None)[0]
    got = css([x.requires_grad_()], None)[0]
    torch.testing.assert_close(got[1:], share[1:] ** torch.tensor([0.2, 0.7]))
    assert got[0].abs().max() == 0
    got.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_input_weights_and_where_units_start() -> None:
    population = field(20)
    assert population.input_weights().shape == (20, 3600)
    assert field(1, compressive=True).input_weights() is None
    x, y = population.value("x"), population.value("y")
    apart = (x[:, None] - x).square() + (y[:, None] - y).square()
    assert apart.fill_diagonal_(9.0).min() > 0.3 and x.abs().max() < 6 and y.abs().max() < 6


def bars(pixels: int) -> torch.Tensor:
    """Return bars that cross the field in four directions, shape (time, 1, pixels ** 2)."""
    frames = []
    for turn in range(4):
        for start in range(0, pixels, 2):
            frame = torch.zeros(pixels, pixels, dtype=torch.float64)
            frame[:, start : start + 3] = 1.0
            frames.append(torch.rot90(frame, turn))
    return torch.stack(frames).reshape(-1, 1, pixels**2)


def test_centres_and_sizes_are_recovered_from_bars() -> None:
    truth, found = field(3, 24), field(3, 24)
    set_to(truth, x=[-3.0, 1.0, 2.5], y=[2.0, -1.5, 3.0], size=[0.8, 1.5, 1.0])
    set_to(found, x=[-2.0, 0.0, 1.5], y=[1.0, -0.5, 2.0], size=[1.5, 1.5, 1.5])
    shown = bars(24)
    with torch.no_grad():
        wanted = truth([shown], None)[0]
    optimiser = torch.optim.LBFGS(found.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (found([shown], None)[0] - wanted).square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    for name in ("x", "y", "size"):
        torch.testing.assert_close(found.value(name), truth.value(name), atol=0.02, rtol=0)


def test_faulty_arguments() -> None:
    with pytest.raises(UsageError, match=r"\[height, width\], each 1 or more; got \[4\]"):
        ReceptiveField(1, 4, frame=[4])
    with pytest.raises(UsageError, match=r"frame of 4 columns and nothing else, its affe.* give 5"):
        ReceptiveField(1, 5, frame=[2, 2])
    with pytest.raises(UsageError, match="must be positive, got 0"):
        ReceptiveField(1, 4, field_of_view=0.0)
    with pytest.raises(UsageError, match="must lie between"):
        ReceptiveField(1, 4, size=math.inf)
