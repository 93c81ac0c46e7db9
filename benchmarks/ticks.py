"""What the length of a tick does, beside a simulator that has none (``tests/truth.py``).

*series* and *delay*: two leaky areas with known parameters, feed-forward or with feedback: how far
predicted BOLD is from the true one, and by how much the delay that fits best would be off.
*learned*: delays of 0.5, 1 and 2 s, learned with all else from data of a signal-to-noise ratio of
50, and the peak of the response.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from benchmarks import intervals
from benchmarks.rows import Row
from benchmarks.simulator import load_simulator
from drmbids import (
    BOLD,
    DRMConnection,
    DRMNet,
    DRMRegressor,
    Events,
    Leaky,
    LearnedDelay,
    Run,
    fit_together,
)
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.simulation.simulate import predict
from drmbids.compare.inference.quantities import Quantities

simulator = load_simulator()

RESOLUTIONS, DELAYS, SECONDS, FEEDBACK = (0.5, 0.25, 0.1), (0.5, 1.0, 2.0), 80.0, 0.5
TIMES = np.arange(2, 78)

#: Data sets of a learned delay, which differ in noise alone; errors are of their mean.
N_DATA = 2

#: By ticks and length of events: largest error of series (over their standard deviation) and of a
#: delay (s) that are asked for.
ASKED = {
    (0.5, 0.1): (0.10, 0.03),
    (0.5, 1.0): (0.03, 0.03),
    (0.25, 0.1): (0.03, 0.01),
    (0.25, 1.0): (0.01, 0.01),
    (1.0, 1.0): (0.10, 0.05),
}


@dataclass(frozen=True)
class Case:
    """Two areas and what they see: time constant, delay, length of events, feedback."""

    tau: float
    delay: float
    duration: float
    back: float = 0.0

    def events(self) -> tuple[np.ndarray, np.ndarray]:
        """Return onsets and durations."""
        onsets = np.cumsum(np.random.default_rng(0).uniform(2.5, 7.0, 14))
        return onsets, np.full(14, self.duration)

    def series(self) -> np.ndarray:
        """Return the true BOLD series of both areas."""
        shown = simulator.shown(*self.events(), np.zeros(14, int), 1, SECONDS)
        heard = [(1, 0, 1.0, self.delay)]
        heard += [(0, 1, self.back, FEEDBACK)] if self.back else []
        brain = simulator.Brain((self.tau,) * 2, np.array([[1.0], [0.0]]), heard)
        return simulator.bold(simulator.activity(brain, shown), TIMES)

    def errors(self, resolution: float) -> tuple[float, float]:
        """Return the error of the series of a net, and of the delay that fits best."""
        V1, V2 = (Leaky(1, n, self.tau, "linear") for n in (2 if self.back else 1, 1))
        forward = LearnedDelay(self.delay, 0.05, 4.0)
        net = DRMNet(
            {"V1": V1, "V2": V2},
            [DRMConnection(), None],
            [[None, DRMConnection(FEEDBACK) if self.back else None], [forward, None]],
            BOLD([1, 1], [1, 1], hrf=DoubleGamma()),
            resolution=resolution,
            stimuli={"events": ["on"]},
        )
        with torch.no_grad():
            V1.weight.copy_(torch.tensor([[1.0, self.back] if self.back else [1.0]]))
            V2.weight.fill_(1.0)
            for weights in net.readout.weights:
                weights.fill_(1.0)
        onsets, durations = self.events()
        run = Run({}, {"events": Events(onsets, durations, ["on"] * 14)}, duration=SECONDS, tr=1.0)

        def predicted(delay: float) -> np.ndarray:
            forward.set_value("delay", delay)
            return np.asarray(predict(net, [run])[0])[TIMES]

        wanted, got = self.series(), predicted(self.delay)
        size = np.sqrt(((got - wanted) ** 2).mean(0)) / wanted.std(0)
        low, high = (predicted(share * self.delay) for share in (0.9, 1.1))
        slope = (high - low) / (0.2 * self.delay)
        away = (slope * (wanted - (low + high) / 2)).sum() / (slope**2).sum()
        return float(size.max()), abs(float(away))


def cases(resolution: float, duration: float) -> Iterator[Case]:
    """Yield areas whose delays a tick can hold."""
    for tau, delay in product((0.02, 0.1, 0.3, 1.0), (0.25, 0.5, 1.0)):
        yield Case(tau, delay, duration)
    if duration >= resolution and resolution <= FEEDBACK:
        yield from (Case(tau, 0.5, 0.5, -0.8) for tau in (0.1, 0.3, 1.0))


def forward() -> list[Row]:
    """Return the largest errors over areas, by ticks and length of events."""
    rows = []
    for (resolution, duration), (series, delay) in ASKED.items():
        found = {case: case.errors(resolution) for case in cases(resolution, duration)}
        which = f"ticks {resolution:g} s, events {duration:g} s"
        for k, (figure, asked) in enumerate(
            (("error of BOLD, SD", series), ("of delay, s", delay))
        ):
            worst = max(found, key=lambda case, k=k: found[case][k])
            value = found[worst][k]
            rows.append(Row("ticks", which, figure, value, asked, True, f"worst {worst}"))
    return rows


def learned() -> list[Row]:
    """Return mean errors of learned delays and peaks at a signal-to-noise ratio of 50."""
    rows = []
    for resolution in RESOLUTIONS:
        data = [one for delay in DELAYS for one in intervals.draw(N_DATA, 2, 240.0, 50.0, delay)[1]]
        file = {**intervals.model(30), "resolution_s": resolution}
        file["projections"][1] |= {"delay_min_s": 0.1}
        fits = [DRMRegressor(file, finish="lbfgs") for _ in data]
        fit_together(fits, data)
        tables = [Quantities(fit.net_).table(fit.net_).set_index("parameter") for fit in fits]
        each = np.array([float(table.loc["delay", "value"]) for table in tables])
        delays = each.reshape(len(DELAYS), N_DATA).mean(1)
        peaks = np.array([float(table.loc["hrf.peak", "value"]) for table in tables])
        lag = np.arange(0.0, 12.0, 0.001)
        curve = simulator.double_gamma(lag, {**simulator.SPM, "delay": intervals.HRF_DELAY})
        errors = np.abs(delays - DELAYS)
        detail = ", ".join(f"{d:g} s as {f:.3f}" for d, f in zip(DELAYS, delays, strict=True))
        which = f"ticks {resolution:g} s"
        rows.append(
            Row("learned", which, "mean error of delays, s", errors.mean(), 0.03, True, detail)
        )
        away = np.abs(peaks - lag[curve.argmax()]).max()
        rows.append(Row("learned", which, "error of the peak, s", away, 0.05, True))
    return rows


ROWS: dict[str, Callable[[], list[Row]]] = {"ticks": forward, "learned": learned}
