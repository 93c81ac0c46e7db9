"""LSTM populations: many models at once are one by one."""

import torch

from drmbids import LSTM


def test_many_models_at_once() -> None:
    torch.manual_seed(0)
    population, x = LSTM(3, 2).double(), torch.randn(6, 2, 2, dtype=torch.float64)
    weights = {name: torch.stack([p, -p]) for name, p in population.named_parameters()}

    def run(values: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = ([x], population.initial_state(2))
        activity, (hidden, cell) = torch.func.functional_call(population, values, inputs)
        return activity, torch.cat((hidden, cell))

    at_once = torch.vmap(run)(weights)
    one = [run({name: w[k] for name, w in weights.items()}) for k in range(2)]
    for got, wanted in zip(at_once, zip(*one, strict=True), strict=True):
        torch.testing.assert_close(got, torch.stack(wanted))


def test_a_cell_whose_gates_are_shut_holds_its_value() -> None:
    population = LSTM(1, 1)
    with torch.no_grad():
        for p in population.parameters():
            p.zero_()
        population.lstm.bias_ih_l0.copy_(torch.tensor([-30.0, 30.0, 0.0, 30.0]))
        _, (_, cell) = population([torch.randn(500, 1, 1)], (torch.zeros(1, 1, 1),) * 2)
        assert cell.item() == 0.0
        _, (_, held) = population([torch.randn(500, 1, 1)],
                                  (torch.zeros(1, 1, 1), torch.full((1, 1, 1), 2.5)))  # fmt: skip
    assert abs(held.item() - 2.5) < 1e-6
