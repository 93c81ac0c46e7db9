"""Traces of masses by The Virtual Brain (tvb-library), kept in ``reference_traces.json``.

Run in an environment with tvb-library to make them anew. Equations and coupling are those of TVB;
scipy integrates them to a relative error of 1e-11. TVB counts milliseconds: constants are given to
it in its units, and what is kept is in seconds and in ours.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

KEPT = Path(__file__).with_suffix(".json")
DRIVE = 0.3  # constant input to the first unit of two, by TVB's coupling


def trace(model: Any, start: list[list[float]], times: np.ndarray, drive: Any, scale: Any) -> Any:
    """Return the variables at times in ms, shape (time, variable, unit).

    Parameters
    ----------
    model : tvb model
    start : list of list of float, [variable][unit]
    times : array of float
    drive : callable
        Gives the coupling, shape (n_coupling, unit), for the variables.
    scale : array
        From TVB's units to ours, one factor for each variable.
    """
    from scipy.integrate import solve_ivp

    first = np.asarray(start, float)
    model.configure()

    def slope(_: float, flat: np.ndarray) -> np.ndarray:
        state = flat.reshape(first.shape)
        # a copy: some models write all their results into one array
        return np.array(model.dfun(state[..., None], drive(state)[..., None])).flatten()

    got = solve_ivp(slope, (0, times[-1]), first.ravel(), "DOP853", times, rtol=1e-11, atol=1e-13)
    return got.y.T.reshape(-1, *first.shape) * np.asarray(scale)[:, None]


def traces() -> dict[str, Any]:
    """Return time in seconds and variables of every mass."""
    from tvb.simulator import coupling, models

    def given(n: int, factor: float = 1.0) -> Any:
        return lambda _: np.concatenate(([[DRIVE * factor, 0.0]], np.zeros((n - 1, 2))))

    def column(**values: float) -> dict[str, np.ndarray]:
        return {name: np.array([value]) for name, value in values.items()}

    most = [1 - 1 / (1 + np.exp(a * b)) for a, b in ((1.3, 4.0), (2.0, 3.7))]
    limit_cycle = column(
        c_ee=16, c_ei=12, c_ie=15, c_ii=3, tau_e=8, tau_i=8, a_e=1.3, b_e=4, a_i=2, b_i=3.7,
        P=1.25, k_e=most[0], k_i=most[1],
    )  # fmt: skip
    slow = {"a": 0.7 / 12.5, "b": 1 / 12.5, "beta": 0.8 / 12.5}
    fitzhugh = column(
        d=1, tau=1, alpha=-1, f=1 / 3, e=0, g=1, gamma=1, c=0, I=0.2, **slow
    )  # fmt: skip
    pull = coupling.Kuramoto(a=np.array([30e-3]))  # rad/ms

    def pulled(state: np.ndarray) -> np.ndarray:
        theta = state[0]
        return pull.post(pull.pre(theta[:, None], theta[None, :]).sum(1))[None]

    every = {
        "wilson_cowan": (
            models.WilsonCowan(**limit_cycle), [[0.1, 0.2], [0.05, 0.3]], 60, given(1), [1, 1],
        ),
        "jansen_rit": (
            models.JansenRit(v0=np.array([6.0])),
            [[0.05, 0.1], [20.0, 10.0], [15.0, 5.0], [0.0, 1e-3], [0.1, 0.0], [0.0, -0.05]],
            # 30 Hz are 0.03 in 1/ms
            200, given(1, 0.1), [1, 1, 1, 1e3, 1e3, 1e3],
        ),
        "fitzhugh_nagumo": (
            models.Generic2dOscillator(**fitzhugh), [[-1.0, 0.5], [-0.6, 0.2]], 100, given(1),
            [1, 1],
        ),
        "wong_wang_ei": (
            # drive times J_N is added
            models.ReducedWongWangExcInh(G=np.array([1.0])), [[0.1, 0.3], [0.05, 0.1]], 100,
            given(1), [1, 1],
        ),
        "hopf": (
            models.SupHopf(a=np.array([0.2]), omega=np.array([1.0])), [[0.1, 0.5], [0.0, -0.3]], 20,
            given(2), [1, 1],
        ),
        "kuramoto": (
            models.Kuramoto(omega=np.array([[0.05], [0.06], [0.07], [0.04]]).ravel()[:, None]),
            [[0.1, 2.0, 4.0, 5.5]], 200, pulled, [1],
        ),
    }  # fmt: skip
    out: dict[str, Any] = {"made_by": f"tvb-library {version('tvb-library')}"}
    for name, (model, start, length, drive, scale) in every.items():
        times = np.linspace(0.0, length, 21)[1:]
        values = trace(model, start, times, drive, scale)
        first = np.asarray(start) * np.asarray(scale)[:, None]
        out[name] = {
            "start": first.tolist(),
            "times": (times / 1000).tolist(),
            "variables": np.round(values, 12).tolist(),
        }
    return out


if __name__ == "__main__":
    KEPT.write_text(json.dumps(traces(), indent=None) + "\n", "utf-8")
