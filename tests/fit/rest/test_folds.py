"""The penalty of estimated weights: from the largest down, as far as it helps what is left out."""

from typing import Any

import numpy as np
import pytest
import torch

from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.rest.folds import choose_penalty
from drmbids.fit.rest.search import Descent
from drmbids.fit.rest.spectra import BandSpectra

#: Loss of what is left out by penalty, as cross-spectra of one region: log power + 1.
LOSSES = {3.0: 1.0, 1.0: 0.8, 0.3: 0.5, 0.1: 0.9, 0.03: 0.1}
FREQUENCY = torch.tensor([0.1])


class Brain:
    """A model of one region whose likelihood is known."""

    def __init__(self, loss: float, growing: int = 0):
        self.loss, self.growing = loss, growing

    def expected(self, frequencies: torch.Tensor, segment: float) -> torch.Tensor:
        # log p + 1 / p is least, 1, at p = 1, and grows with p
        power = torch.linspace(1.0, 20.0, 200_000, dtype=torch.float64)
        found = power[(power.log() + 1 / power - 1 - self.loss).abs().argmin()]
        return found.to(torch.complex128).view(1, 1, 1)

    def unstable_modes(self) -> int:
        return self.growing


def spectra() -> BandSpectra:
    one = torch.ones(1, 1, 1, dtype=torch.complex128)
    return BandSpectra(FREQUENCY, one, 10.0, 2.0, 100.0)


def choose(losses: dict[float, float], unstable: tuple[float, ...] = ()) -> Any:
    calls: list[tuple[float, Any]] = []
    stable: list[tuple[float, Any]] = []

    def fit(training: BandSpectra, penalty: float, start: Any, hopeless: Any) -> Any:
        calls.append((penalty, start))
        given_up = hopeless is not None and hopeless(Brain(losses[penalty]))
        assert given_up == any(losses[penalty] > losses[p] for p, _ in stable if p > penalty)
        if penalty not in unstable:
            stable.append((penalty, start))
        end = [torch.tensor([penalty, float(len(calls))])]
        return Brain(losses[penalty], int(penalty in unstable)), [Descent({}, {}, 0.0, end, "")]

    folds = [(spectra(), spectra()) for _ in range(2)]
    return choose_penalty(tuple(losses), folds, fit), calls


def test_penalties_are_tried_until_what_is_left_out_is_less_likely() -> None:
    # of .1 one fold is enough to see that it is worse than all folds of .3
    (penalty, start), calls = choose(LOSSES)
    assert penalty == 0.3
    assert [c[0] for c in calls] == [3.0, 3.0, 1.0, 1.0, 0.3, 0.3, 0.1]
    assert start is not None and start[0].tolist() == [np.float32(0.3), 6.0]


def test_each_fit_starts_where_the_one_before_ended() -> None:
    _, calls = choose(LOSSES)
    starts = [None if start is None else int(start[0][1]) for _, start in calls]
    # the first fold from the values given, the second from the first; then each from its own
    assert starts == [None, 1, 1, 2, 3, 4, 5]


def test_order_does_not_matter_and_brains_without_rest_are_passed_over() -> None:
    up = dict(sorted(LOSSES.items()))
    assert choose(up)[0][0] == 0.3
    assert choose(LOSSES, unstable=(3.0, 1.0))[0][0] == 0.3
    assert choose(LOSSES, unstable=(0.3,))[0][0] == 1.0
    with pytest.raises(TrainingError, match="stable under none"):
        choose(LOSSES, unstable=tuple(LOSSES))
