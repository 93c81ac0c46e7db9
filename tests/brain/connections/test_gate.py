"""Gates: the contract, and what training starts from."""

import pytest
import torch

from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.data.tools.exceptions import UsageError
from drmbids.testing import check_connection, check_fixed_delay


@pytest.mark.parametrize("n_units", [1, 4])
def test_contract(n_units: int) -> None:
    check_connection(lambda: Gate("task", 3, n_units, gain=0.3))
    check_fixed_delay(lambda delay: Gate("task", 3, n_units, gain=0.3, delay=delay))


def test_a_gate_starts_closed_to_modulators() -> None:
    gate = Gate("task", ["cue", "attention"], n_units=2)
    assert gate.value("gain").tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert gate(torch.rand(4, 1, 2)).abs().sum() == 0
    assert [row["index"] for row in gate.parameter_rows()] == [0, 1, 2, 3]


def test_a_fixed_gain_is_not_trained() -> None:
    gate = Gate("task", 1, gain=1.0, trainable=False)
    assert not any(p.requires_grad for p in gate.parameters())


def test_learned_delays_take_gates() -> None:
    learned = LearnedDelay(0.2, 0.1, 0.3, gates=[Gate("task", 1)])
    assert [row["parameter"] for row in learned.parameter_rows()] == ["delay", "gates.0.gain"]


@pytest.mark.parametrize(("modulators", "n_units"), [(0, 1), ([], 1), (1, 0)])
def test_a_gate_of_nothing_is_refused(modulators: int | list[str], n_units: int) -> None:
    with pytest.raises(UsageError, match="gate by 'task': needs a modulator and a unit"):
        Gate("task", modulators, n_units)
