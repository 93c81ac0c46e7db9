"""Masses against The Virtual Brain: the same equations, written by others, in other units."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drmbids import FitzHughNagumo, Hopf, JansenRit, Kuramoto, ReducedWongWangEI, WilsonCowan

TRACES = json.loads(Path(__file__).with_name("reference_traces.json").read_text("utf-8"))
DRIVE = 0.3
#: Class, constants not by default, drive of the first unit, resolution in s, steps a tick.
MASSES: dict[str, tuple[Any, dict[str, Any], float, float, int]] = {
    "wilson_cowan": (WilsonCowan, {}, DRIVE, 1e-3, 10),
    "jansen_rit": (JansenRit, {}, 100 * DRIVE, 1e-3, 4),
    "fitzhugh_nagumo": (FitzHughNagumo, {"I": 0.2}, DRIVE, 1e-3, 10),
    "wong_wang_ei": (ReducedWongWangEI, {}, DRIVE, 1e-3, 4),
    "hopf": (Hopf, {"a": 0.2, "omega": 1.0, "tau": 1e-3}, DRIVE, 1e-3, 25),
    "kuramoto": (Kuramoto, {"omega": [50.0, 60.0, 70.0, 40.0], "K": 30.0}, 0.0, 2e-3, 4),
}


@pytest.mark.parametrize("name", MASSES)
def test_a_trace_is_that_of_the_virtual_brain(name: str) -> None:
    """All variables, to 1e-6 of their range, by Runge-Kutta steps within ticks."""
    kind, values, drive, resolution, steps = MASSES[name]
    kept = TRACES[name]
    n = len(kept["start"][0])
    initial = dict(zip(kind.variables, kept["start"], strict=True))
    mass = kind(n, n, values, coupled=True, integrator="rk4", n_substeps=steps, initial=initial)
    mass = mass.double()
    mass.set_resolution(resolution)
    for constant, spec in kind.constants.items():  # in double precision
        value = torch.tensor(values.get(constant, spec.value), dtype=torch.float64)
        mass.set_value(constant, value)
    mass.initial = tuple(map(tuple, kept["start"]))
    state, got, done = mass.initial_state(1), [], 0
    x = torch.zeros(1, 1, n, dtype=torch.float64)
    x[..., 0] = drive
    with torch.no_grad():
        for time in kept["times"]:
            n_ticks = round(time / resolution) - done
            done += n_ticks
            _, state = mass([x.expand(n_ticks, 1, n)], state)
            got.append(state[0, -len(kind.variables) :].numpy())
    wanted = np.asarray(kept["variables"])
    size = np.ptp(wanted, axis=(0, 2))[:, None]
    np.testing.assert_allclose(np.stack(got) / size, wanted / size, atol=1e-6)
    assert math.isfinite(size.max()) and size.min() > 0
