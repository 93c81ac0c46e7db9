"""The demonstration: data of known truth, two models against each other and a linear one."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from drmbids.core.exceptions import UsageError
from drmbids.core.resources import demo_dataset
from drmbids.report.folder import read_table
from drmbids.workflows.config import BASELINE, DRM, Config
from drmbids.workflows.group import run_group
from drmbids.workflows.participant import run_participants
from drmbids.workflows.simulated_dataset import PREPROCESSED

#: Models of the demonstration: the structure that the data were drawn from, and one without the
#: connection back. Names of model files beside the dataset, and of folders in the output.
TRUE_MODEL, RIVAL = "two_areas", "no_feedback"

_REGIONS = ("V1", "V2")


def run_demo(
    out_dir: str | Path | None = None, *, n_epochs: int | None = None, verbosity: int = 0
) -> int:
    """Analyse the data that come with drmbids, from BIDS to group report.

    Two simulated participants are analysed twice, by the model that the data were drawn from and by
    one without its feedback; both are compared with a linear model on held-out runs.

    Parameters
    ----------
    out_dir : str or Path, optional
        Folder to write, a BIDS derivative dataset for each model in it; ``demo_output`` when
        absent.
    n_epochs : int, optional
        Epochs of each fit; those of the model files when absent.
    verbosity : int
        As ``-v`` of the command line.

    Returns
    -------
    int
        0, or the exit code of the participant level.

    Raises
    ------
    UsageError
        If the folder holds something else.
    OutputError
        If it cannot be written.
    """
    out_dir, dataset = Path("demo_output" if out_dir is None else out_dir), demo_dataset()
    _check_folder(out_dir)
    print(f"Data: {dataset}, two participants drawn from a model of two areas (V1, V2)\n")
    for name in (TRUE_MODEL, RIVAL):
        config = demo_config(dataset, out_dir / name, name, n_epochs, verbosity)
        print(f"Model {name} ({config.model}) against a linear model, each run held out in turn")
        code = run_participants(config) or run_group(replace(config, level="group"))
        if code:
            return code
        print()
    print(demo_summary(out_dir).to_string(float_format="%.3f"))
    print("(median r2 over voxels, on runs that were held out)\n")
    print(demo_recovery(out_dir).to_string(float_format="%.2f"))
    print(f"(time constants and HRF peaks in s)\n\nReports: {out_dir}/*/*.html")
    return 0


def demo_config(
    dataset: Path, out_dir: Path, model: str, n_epochs: int | None = None, verbosity: int = 0
) -> Config:
    """Return the configuration of one model, as a user would give it on the command line.

    Parameters
    ----------
    dataset : Path
        From :func:`~drmbids.core.resources.demo_dataset`.
    out_dir : Path
        Where the results of this model go.
    model : str
        Name of a model file in the folder ``models`` beside the dataset.
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
        model=dataset.parent / "models" / f"{model}.yaml",
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
        Rows are participants and regions; columns are the linear model, the model without
        feedback and the true one.
    """
    rows = []
    for model in (TRUE_MODEL, RIVAL):
        for path in sorted((out_dir / model).glob("sub-*/func/*_desc-scores_timeseries.tsv")):
            scores = read_table(path)
            scores["model"] = scores["model"].replace({DRM: model})
            wanted = scores if model == TRUE_MODEL else scores[scores["model"] == model]
            rows.append(wanted.assign(participant=path.name.split("_")[0]))
    table = pd.concat(rows).groupby(["participant", "region", "model", "target"])["r2"].mean()
    medians = table.groupby(["participant", "region", "model"]).median().unstack("model")
    return medians[[BASELINE, RIVAL, TRUE_MODEL]]


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
    for path in sorted((out_dir / TRUE_MODEL).glob("sub-*/models/*_desc-recovery_scores.tsv")):
        table = read_table(path).set_index(["quantity", "name"])
        parts[path.name.split("_")[0]] = table[["truth", "estimate"]]
    return pd.concat(parts, axis=1)


def _check_folder(out_dir: Path) -> None:
    """Refuse a folder that holds anything but an earlier demonstration."""
    if out_dir.is_dir():
        others = {path.name for path in out_dir.iterdir()} - {TRUE_MODEL, RIVAL}
        if others:
            raise UsageError(f"{out_dir} holds {sorted(others)[0]}; give a folder of its own")
