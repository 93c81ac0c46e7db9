"""Numbers that never change: once for each device, once for each data set."""

import copy
import pickle

import torch

from drmbids.maths.loops.fixed import MOST_KEPT, Fixed, remembered


def test_numbers_go_to_a_device_once() -> None:
    fixed, there = Fixed(torch.arange(3)), torch.device("meta")
    assert fixed.on(there) is fixed.on(there)
    assert fixed.on(there).device == there
    assert fixed.on(torch.device("cpu")) is fixed.values


def test_copies_leave_the_device_behind() -> None:
    fixed = Fixed(torch.arange(3))
    fixed.on(torch.device("meta"))
    for other in (copy.deepcopy(fixed), pickle.loads(pickle.dumps(fixed))):
        assert other._placed == {}
        assert other.values.tolist() == [0, 1, 2]


def test_what_is_kept_serves_training() -> None:
    kept: dict = {}
    with torch.inference_mode():
        value = remembered(kept, "a", lambda: torch.ones(2))
    assert not value.is_inference()
    assert remembered(kept, "a", lambda: torch.zeros(2)) is value


def test_no_more_is_kept_than_one_data_set_needs() -> None:
    kept: dict = {}
    for k in range(MOST_KEPT + 1):
        remembered(kept, k, lambda: torch.ones(1))
    assert list(kept) == [MOST_KEPT]
