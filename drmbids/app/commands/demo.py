"""The demonstration: data of known truth, two models against each other and a linear one."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from drmbids.app.analysis.config import Config
from drmbids.app.commands.group import run_group
from drmbids.app.commands.participant import run_participants
from drmbids.app.commands.simulated_dataset import PREPROCESSED
from drmbids.app.report.folder import read_table
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.resources import demo_dataset

#: Model files beside the dataset: the structure that the data were drawn from, and one without the
#: connection back.
MODELS = ("two_areas", "no_feedback")

_REGIONS = ("V1", "V2")

# What a derivative dataset of drmbids has at its top, besides participants.
_OURS = {"dataset_description.json", "descriptions.tsv", "README.md", "logs", "group", "group.html"}


def run_demo(
    out_dir: str | Path | None = None, *, n_epochs: int | None = None, verbosity: int = 0
) -> int:
    """Analyse the data that come with drmbids, from BIDS to group report.

    Two simulated participants are analysed by the model that the data were drawn from, by one
    without its feedback, and by a linear model; all are compared on held-out runs.

    Parameters
    ----------
    out_dir : str or Path, optional
        Derivative dataset to write; ``drmbids_demo`` when absent.
    n_epochs : int, optional
        Epochs of each fit; those of the model files when absent.
    verbosity : int
        As ``-v`` of the command line.

    Returns
    -------
    int
        0, or the exit code of the participant or group level.

    Raises
    ------
    UsageError
        If the folder holds something else.
    OutputError
        If it cannot be written.
    """
    out_dir, dataset = Path("drmbids_demo" if out_dir is None else out_dir), demo_dataset()
    _check_folder(out_dir)
    print(f"Data: {dataset}\n      two participants drawn from a model of two areas, V1 and V2")
    print(f"Models: {', '.join(MODELS)}, two linear models (glm: assumed")
    print("        hemodynamics, freehrf: free ones), and the mean of the other runs;")
    print("        each run is held out in turn\n")
    config = demo_config(dataset, out_dir, n_epochs, verbosity)
    code = run_participants(config) or run_group(replace(config, level="group"))
    if code:
        return code
    print("\nHeld-out r2, median over voxels:\n")
    print(demo_summary(out_dir).to_string(float_format="%.3f"))
    print("\nEstimates beside the truth (time constants and HRF peaks in s):\n")
    print(demo_recovery(out_dir).to_string(float_format="%.2f"))
    print(
        f"\nReports: {out_dir / 'sub-01.html'}, {out_dir / 'sub-02.html'}, {out_dir / 'group.html'}"
    )
    return 0


def demo_config(
    dataset: Path, out_dir: Path, n_epochs: int | None = None, verbosity: int = 0
) -> Config:
    """Return the configuration of the demonstration, as a user would give it.

    Parameters
    ----------
    dataset : Path
        From :func:`~drmbids.data.tools.resources.demo_dataset`.
    out_dir : Path
        Where the results go.
    n_epochs, verbosity : int
        See :func:`run_demo`.
    """
    derived = dataset / "derivatives" / PREPROCESSED
    # the participants were drawn on one grid, so the masks of the first serve both
    masks = {
        name: next((derived / "sub-01").glob(f"func/*_desc-{name}_mask.nii.gz"))
        for name in _REGIONS
    }
    return Config(
        bids_dir=dataset,
        out_dir=out_dir,
        level="participant",
        derivatives={PREPROCESSED: derived},
        mask=masks,
        confounds=("trans_*", "rot_*"),
        model=tuple(dataset.parent / "models" / f"{name}.yaml" for name in MODELS),
        n_epochs=n_epochs,
        verbosity=verbosity,
    )


def demo_summary(out_dir: Path) -> pd.DataFrame:
    """Return the median r2 over voxels of each participant, region and model.

    Parameters
    ----------
    out_dir : Path
        What :func:`run_demo` wrote.

    Returns
    -------
    DataFrame
        Rows are participants and regions, columns are models.
    """
    parts = []
    for path in sorted(out_dir.glob("sub-*/models/*_desc-summary_scores.tsv")):
        parts.append(read_table(path).assign(participant=path.name.split("_")[0]))
    table = pd.concat(parts)
    models = list(dict.fromkeys(table["model"]))
    return table.pivot(index=["participant", "region"], columns="model", values="r2_median")[models]


def demo_recovery(out_dir: Path) -> pd.DataFrame:
    """Return the estimates of the true model beside the truth, for each participant.

    Parameters
    ----------
    out_dir : Path
        What :func:`run_demo` wrote.

    Returns
    -------
    DataFrame
        Rows are quantities; columns are truth and estimate of each participant.
    """
    parts = {}
    for path in sorted(out_dir.glob("sub-*/models/*_desc-recovery_scores.tsv")):
        table = read_table(path).set_index(["quantity", "name"])
        parts[path.name.split("_")[0]] = table[["truth", "estimate"]]
    return pd.concat(parts, axis=1)


def _check_folder(out_dir: Path) -> None:
    """Refuse a folder that holds anything but an earlier demonstration."""
    found = {p.name for p in out_dir.iterdir()} if out_dir.is_dir() else set()
    others = sorted(n for n in found - _OURS if not n.startswith((".", "sub-")))
    if others:
        raise UsageError(f"{out_dir} holds {others[0]}; give the demonstration a folder of its own")
