"""A BIDS dataset drawn from a model file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from drmbids.app.commands.simulated_dataset import write_dataset
from drmbids.app.commands.stand_ins import conditions_of, regions_of
from drmbids.brain.modelfile.load import load_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.net.net import DRMNet
from drmbids.brain.simulation.design import draw_gains, random_events, random_motion
from drmbids.brain.simulation.noise import noise_for_snr
from drmbids.brain.simulation.simulate import predict, simulate_runs
from drmbids.compare.recovery.truth import truth_path, write_truth
from drmbids.data.runs.nuisance import confounds_at
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.data.tools.processes import RANDOM

#: Mean of every voxel; a responding voxel gains 1 % of it, on average, for a unit of activity.
BASELINE, MEAN_GAIN = 1000.0, 10.0

#: Size of drifts, and of what each motion column adds, as a share of the noise.
DRIFT_SHARE, MOTION_SHARE = 0.5, 0.2


def run_simulation(
    model: str | Path,
    out_dir: str | Path,
    *,
    n_participants: int = 1,
    n_runs: int = 4,
    n_volumes: int = 120,
    n_voxels: int = 30,
    tr: float = 2.0,
    noise: float | None = None,
    snr: float = 1.0,
    random_seed: int = 0,
) -> int:
    """Draw a BIDS dataset from a model: random events and motion, the model's response, noise.

    Input weights of populations are those a fit would start from, drawn anew for each participant;
    what can be recovered of them is kept in ``code/truth``.

    Parameters
    ----------
    model : str or Path
        Model file with a BOLD readout and the one stimulus ``events``. Where it takes all
        conditions of the data it gets ``a``, ``b`` and ``c``; where it takes all regions, ``V1``
        and ``V2``.
    out_dir : str or Path
        Dataset to write; must not exist, or be empty.
    n_participants, n_runs, n_volumes : int
        Participants, runs of each, volumes of each run.
    n_voxels : int
        Voxels of each region; a quarter of them sees no activity.
    tr : float
        Repetition time in seconds.
    noise : float, optional
        Standard deviation of the noise of each voxel, whose mean is 1000; see ``snr``.
    snr : float
        Where ``noise`` is absent: standard deviation of the signal over that of the noise, root
        mean squares over voxels.
    random_seed : int
        The same seed gives the same dataset, byte for byte.

    Returns
    -------
    int
        0.

    Raises
    ------
    ModelError
        If the model cannot be built, reads no BOLD, or has another stimulus than ``events``.
    UsageError
        If the folder is not empty, or a number is out of range.
    OutputError
        If the dataset cannot be written.
    """
    out_dir, spec = Path(out_dir), load_model(model)
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise UsageError(f"{out_dir} is not an empty folder; give a new one")
    if min(n_participants, n_runs, n_volumes, n_voxels) < 1 or not tr > 0:
        raise UsageError("need a tr above 0, and at least one participant, run, volume and voxel")
    _require_events(spec, str(model))
    conditions = conditions_of(spec, "events")
    regions = dict.fromkeys(regions_of(spec), n_voxels)
    nets, participants = {}, {}
    for number in range(n_participants):
        subject = f"{number + 1:02d}"
        rng = np.random.default_rng([random_seed, number])
        templates = draw_templates(
            subject, "simulated", regions, conditions, rng, n_runs, n_volumes, tr
        )
        nets[subject] = draw_net(spec, templates, rng)
        participants[subject] = draw_responses(nets[subject], templates, rng, noise, snr)
    write_dataset(out_dir, participants, f"Drawn from the model {spec.name}", _readme(spec))
    write_text(out_dir / "code" / "model.yaml", spec.to_yaml())
    for subject, net in nets.items():
        write_truth(truth_path(out_dir, subject), net)
    print(f"{out_dir}: {n_participants} participants of {n_runs} runs drawn from {spec.name}")
    return 0


def draw_net(spec: ModelSpec, templates: Sequence[Run], rng: np.random.Generator) -> DRMNet:
    """Return a net with random input weights and random gains on voxels.

    Parameters
    ----------
    spec : ModelSpec
    templates : sequence of Run
        As :func:`draw_templates` makes them.
    rng : numpy.random.Generator

    Raises
    ------
    ModelError
        If the model cannot be built, or reads no BOLD.
    """
    if [p.kind for p in spec.readout_parts.values()] != ["bold"]:
        kinds = ", ".join(p.kind for p in spec.readout_parts.values())
        raise ModelError(
            f"{spec.name}: a BIDS dataset of images needs the one readout bold, got {kinds}; "
            "simulate_runs draws what other readouts measure"
        )
    with RANDOM, torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        net = spec.build(templates)
    draw_gains(net, rng, MEAN_GAIN)
    return net


def draw_templates(
    subject: str,
    task: str,
    regions: Mapping[str, int],
    conditions: Sequence[str],
    rng: np.random.Generator,
    n_runs: int,
    n_volumes: int,
    tr: float,
) -> list[Run]:
    """Return runs of a participant with random events and motion, and responses that are zero.

    Parameters
    ----------
    subject, task : str
        BIDS labels.
    regions : mapping of str to int
        Number of voxels of each region.
    conditions : sequence of str
    rng : numpy.random.Generator
    n_runs, n_volumes : int
    tr : float
        Seconds.
    """
    times = tr * np.arange(n_volumes)
    return [
        Run(
            {name: Stream(np.zeros((n_volumes, n)), times) for name, n in regions.items()},
            {"events": random_events(conditions, n_volumes * tr, rng)},
            confounds=random_motion(times, rng),
            tr=tr,
            entities={"subject": subject, "task": task, "run": f"{k + 1:02d}"},
        )
        for k in range(n_runs)
    ]


def draw_responses(
    net: DRMNet,
    templates: Sequence[Run],
    rng: np.random.Generator,
    noise: float | None = None,
    snr: float = 1.0,
) -> list[Run]:
    """Return the runs with responses as a scanner would give them: baseline, drift, motion, noise.

    Parameters
    ----------
    net : DRMNet
        With its gains; see :func:`~drmbids.brain.simulation.design.draw_gains`.
    templates : sequence of Run
        With motion confounds.
    rng : numpy.random.Generator
    noise : float, optional
        Standard deviation of the noise; see ``snr``.
    snr : float
        Signal over noise where ``noise`` is absent.
    """
    size = noise_for_snr(predict(net, templates), snr) if noise is None else noise
    motion = np.concatenate([confounds_at(run, run.measured_times()) for run in templates])
    shape = (motion.shape[1], sum(net.readout.n_targets))
    weights = MOTION_SHARE * size / motion.std(0)[:, None] * rng.standard_normal(shape)
    return simulate_runs(
        net,
        templates,
        noise=size,
        baseline=BASELINE,
        drift=DRIFT_SHARE * size,
        confound_weights=weights,
        random_state=rng,
    )


def _require_events(spec: ModelSpec, source: str) -> None:
    """Raise if a model has another stimulus than events."""
    if list(spec.stimuli) != ["events"]:
        raise ModelError(
            f"{source}: stimuli {list(spec.stimuli)}; a dataset is drawn with the one stimulus "
            "'events'"
        )


def _readme(spec: ModelSpec) -> str:
    return (
        f"# Drawn from the model {spec.name}\n\n"
        "Simulated by drmbids from `code/model.yaml`, not measured. The values that a fit should "
        "recover are in `code/truth`.\n"
    )
