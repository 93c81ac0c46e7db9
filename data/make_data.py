"""Draw the dataset that comes with drmbids: two participants, two areas, one feedback loop.

Running it again gives the same bytes: ``python data/make_data.py OUT_DIR`` writes the dataset of
``data/contrast`` to another folder.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from drmbids import DRMNet, Run, load_model
from drmbids.app.commands.simulate import MEAN_GAIN, draw_responses, draw_templates
from drmbids.app.commands.simulated_dataset import write_dataset
from drmbids.brain.simulation.design import draw_gains
from drmbids.compare.recovery.truth import truth_path, write_truth

HERE = Path(__file__).resolve().parent
MODEL = HERE / "models" / "two_areas.yaml"

TASK = "contrast"
CONDITIONS = ("high", "low", "medium")
REGIONS = {"V1": 30, "V2": 30}
N_RUNS, N_VOLUMES, TR_S = 5, 120, 1.5
SNR = 1.0
SEED = 20


@dataclass(frozen=True)
class Truth:
    """True parameters of a participant.

    Parameters
    ----------
    tau_s : mapping of str to float
        Time constants of the areas.
    drive : sequence of float
        Input weights of V1 on :data:`CONDITIONS`.
    forward, feedback : float
        Weights of V1 on V2, and of V2 on V1.
    hrf_delay_s : float
        Of the double gamma; it peaks 0.9 s earlier.
    """

    tau_s: Mapping[str, float]
    drive: Sequence[float]
    forward: float
    feedback: float
    hrf_delay_s: float


TRUTHS = {
    "01": Truth({"V1": 0.8, "V2": 4.0}, (1.0, 0.5, 0.8), 1.0, -2.0, 5.0),
    "02": Truth({"V1": 1.0, "V2": 3.0}, (1.0, 0.4, 0.7), 1.2, -1.5, 5.6),
}

README = """\
# Contrast responses of two simulated areas

Drawn by drmbids (`data/make_data.py` in its repository), not measured. Two participants watch
gratings of low, medium and high contrast for 1 to 12 s. V1 follows the contrast; V2 follows V1
with a time constant of seconds; 3 s later V2 inhibits V1, so long gratings are answered by a
peak, a dip and a rebound. Activity is rectified. BOLD is the activity convolved with a double
gamma that peaks earlier than the canonical one, with a gain for each voxel (a quarter of the
voxels sees nothing), drift, an effect of head motion and first-order autoregressive noise.

`code/truth` holds what a fit should recover. `derivatives/preprocessed` holds images, motion and
masks as a preprocessing tool would leave them.
"""


def build(truth: Truth, templates: Sequence[Run], rng: np.random.Generator) -> DRMNet:
    """Return the net of a participant with its true parameters."""
    net = load_model(MODEL).build(templates)
    areas = dict(zip(net.population_names, net.populations, strict=True))
    with torch.no_grad():
        areas["V1"].weight.copy_(torch.tensor([[*truth.drive, truth.feedback]]))
        areas["V2"].weight.copy_(torch.tensor([[truth.forward]]))
    for name, tau in truth.tau_s.items():
        areas[name].set_value("tau", tau)
    net.readout.hrf.set_value("delay", truth.hrf_delay_s)
    net.readout.hrf.set_value("dispersion", 0.9)
    draw_gains(net, rng, MEAN_GAIN)
    return net


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64, so that rounding to whole numbers gives the same on every machine."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def draw(subject: str) -> tuple[DRMNet, list[Run]]:
    """Return net and runs of a participant."""
    rng = np.random.default_rng([SEED, int(subject)])
    templates = draw_templates(subject, TASK, REGIONS, CONDITIONS, rng, N_RUNS, N_VOLUMES, TR_S)
    with double_precision():
        net = build(TRUTHS[subject], templates, rng)
        return net, draw_responses(net, templates, rng, snr=SNR)


def main(out_dir: Path) -> None:
    """Write the dataset."""
    participants = {}
    for subject in TRUTHS:
        net, participants[subject] = draw(subject)
        with double_precision():
            write_truth(truth_path(out_dir, subject), net)
    write_dataset(out_dir, participants, "Contrast responses of two simulated areas", README)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "contrast")
