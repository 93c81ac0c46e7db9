"""A small derivative folder, its numbers from a simulation of two regions and two models."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.report import write_participant_report
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.summary import summarise_results
from drmbids.data.runs.results import Results

SHAPE, TR, N_VOLUMES, RUNS = (14, 10, 3), 2.5, 80, ("1", "2", "3")
CONDITIONS = ("face", "house", "scrambled $a_b$")
MODELS = ("glm", "drm")


def _voxels() -> dict[str, np.ndarray]:
    i, j, k = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    left = (i - 4) ** 2 + (j - 5) ** 2 + 4 * (k - 1) ** 2 < 9
    right = (i - 10) ** 2 + (j - 5) ** 2 + 4 * (k - 1) ** 2 < 7
    return {"V1": np.argwhere(left), "FFA": np.argwhere(right & ~left)}


def _kernel(times: np.ndarray, peak: float) -> np.ndarray:
    return (times / peak) ** 6 * np.exp(6 * (1 - times / peak))


def _write_image(path: Path, data: np.ndarray) -> None:
    image = nib.Nifti1Image(data.astype(np.float32), np.diag([3.5, 3.5, 4.0, 1.0]))
    if data.ndim == 4:
        image.header.set_zooms((3.5, 3.5, 4.0, TR))
    nib.save(image, path)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")


def _events(rng: np.random.Generator) -> pd.DataFrame:
    onsets = np.arange(10, N_VOLUMES * TR - 20, 20.0)
    conditions = [CONDITIONS[c] for c in rng.permutation(np.arange(len(onsets)) % 3)]
    return pd.DataFrame(
        {"onset": onsets, "duration": 9.0, "condition": conditions, "amplitude": 1.0}
    )


def _simulate_run(
    events: pd.DataFrame, voxels: dict, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the measured series and the prediction of each model, (time, voxel)."""
    times = np.arange(N_VOLUMES) * TR
    boxes = np.zeros((N_VOLUMES, len(CONDITIONS)))
    for event in events.itertuples():
        inside = (times >= event.onset) & (times < event.onset + event.duration)
        boxes[inside, CONDITIONS.index(event.condition)] += 1
    n = sum(len(v) for v in voxels.values())
    weights = np.random.default_rng(5).normal(size=(len(CONDITIONS), n))

    def blurred(peak: float) -> np.ndarray:
        kernel = _kernel(times[:13], peak)
        return np.stack([np.convolve(b, kernel)[:N_VOLUMES] for b in boxes.T], axis=1) @ weights

    truth = blurred(5.0)
    measured = truth + 2.5 * truth.std() * rng.normal(size=truth.shape) * rng.uniform(0.3, 2, n)
    predicted = {"glm": blurred(8.0), "drm": 0.9 * blurred(5.2)}
    return measured - measured.mean(0), {m: p - p.mean(0) for m, p in predicted.items()}


def _volume(values: np.ndarray, voxels: dict) -> np.ndarray:
    """Put (..., voxel) into an image, NaN elsewhere."""
    out = np.full((*SHAPE, *values.shape[:-1]), np.nan)
    i, j, k = np.concatenate(list(voxels.values())).T
    out[i, j, k] = values.T
    return out


def _inputs(subject: str, events: pd.DataFrame, voxels: dict) -> dict:
    runs = [
        {
            "label": f"sub-{subject}_task-objects_run-{run}",
            "bold": f"sub-{subject}/func/sub-{subject}_task-objects_run-{run}_bold.nii.gz",
            "events": f"sub-{subject}/func/sub-{subject}_task-objects_run-{run}_events.tsv",
            "confounds": None,
            "n_volumes": N_VOLUMES,
            "tr": TR,
            "conditions": [{"name": c, "n_events": 3, "seconds": 27.0} for c in CONDITIONS],
            "entities": {"subject": subject, "task": "objects", "run": run},
        }
        for run in RUNS
    ]
    populations = [
        {"name": "V1", "kind": "Leaky", "units": 16, "region": "V1"},
        {"name": "FFA", "kind": "GRU", "units": 8, "region": "FFA"},
    ]
    return {
        "runs": runs,
        "regions": {name: len(v) for name, v in voxels.items()},
        "warnings": ["run-2: 3 voxels of V1 are constant and were left out"],
        "errors": [],
        "design": {"label": runs[0]["label"], "events": events.to_dict("records")},
        "fitted": [
            {
                "name": "drm",
                "description": None,
                "seed": 0,
                "resolution": 0.25,
                "populations": populations,
                "stimuli": {"events": list(CONDITIONS)},
                "schedule": "1  V1   Leaky  one call per window\n2  FFA  GRU    one call",
                "n_parameters": 1234,
            }
        ],
        "baseline": "glm",
        "statistics": {"n_permutations": 1000, "n_repeated_stimuli": 1},
        "methods": "# Methods\n\nWe did <this>.\n\n- Someone (2020). https://doi.org/10.1/x\n",
        "models": list(MODELS),
        "command": f"drmbids /data/objects /out participant --participant-label {subject}",
        "versions": {"drmbids": "0.1.0", "torch": "2.13.0", "nilearn": "0.14.1"},
    }


def _write_scores(folder: Path, stem: str, scores: pd.DataFrame) -> None:
    results, models = Results(scores), folder / "models"
    targets = results.per_target()
    chance = targets.assign(p=0.01, p_fwe=np.where(targets["r"] > 0.3, 0.02, 0.5), p_fdr=0.04)
    ceiling = targets[targets["model"] == "glm"][["region", "target"]].assign(
        repeats="a+b", n_repeats=2, signal_power=2.0, explainable_variance=0.49, r_ceiling=0.7,
        split_half=0.66,
    )  # fmt: skip
    tables = {
        "summary": summarise_results(results, "glm", ceiling=ceiling, permutation=chance),
        "paired": paired_differences(results, "glm"),
        "permutation": chance.drop(columns=["r2"]),
        "ceiling": ceiling,
    }
    for name, table in tables.items():
        _write_table(models / f"{stem}_desc-{name}_scores.tsv", table)
    _write_table(folder / "func" / f"{stem}_desc-scores_timeseries.tsv", scores)


def _write_model_tables(models: Path, stem: str) -> None:
    node = {"index": "", "trainable": True, "source": "fitted"}
    parameters = [
        {
            "node": "V1",
            "parameter": "tau",
            "value": 0.8123456,
            "unit": "s",
            "meaning": "time constant",
        },
        {"node": "bold", "parameter": "peak", "value": 5.2, "unit": "s", "meaning": "time to peak"},
    ]
    order = ["node", "parameter", "index", "value", "unit", "trainable", "meaning", "source"]
    table = pd.DataFrame([node | p for p in parameters])[order]
    _write_table(models / f"{stem}_desc-drm_parameters.tsv", table)
    rows = [
        ("events", "V1", 0.0, 0.21, 1.4),
        ("V1", "FFA", 0.25, 0.4, 2.2),
        ("FFA", "V1", 0.5, -0.2, 1.1),
    ]
    columns = ["source", "target", "delay_s", "weight_mean", "weight_norm"]
    _write_table(models / f"{stem}_desc-drm_connections.tsv", pd.DataFrame(rows, columns=columns))
    times = np.arange(0, 25, 0.25)
    hrfs = [
        pd.DataFrame({"region": region, "time_s": times, "hrf": 0.3 * _kernel(times, peak)})
        for region, peak in (("V1", 5.2), ("FFA", 5.8))
    ]
    _write_table(models / f"{stem}_desc-drm_hrf.tsv", pd.concat(hrfs))
    responses = [
        table.rename(columns={"hrf": "response"}).assign(condition="face", duration_s=1.0)
        for table in hrfs
    ]
    _write_table(models / f"{stem}_desc-drm_responses.tsv", pd.concat(responses))
    epoch = np.arange(1, 31)
    log = {
        "epoch": epoch,
        "train_loss": 0.8 + np.exp(-epoch / 6),
        "val_loss": 0.9 + np.exp(-epoch / 5) + 0.004 * epoch,
        "learning_rate": 0.01,
        "seconds": 0.4,
    }
    _write_table(models / f"{stem}_desc-drm_traininglog.tsv", pd.DataFrame(log))
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.1, 1.0, 8)
    recovered = pd.DataFrame(
        {
            "quantity": ["time constant"] * 4 + ["weight"] * 4,
            "name": [f"p{k}" for k in range(8)],
            "unit": ["s"] * 4 + ["1"] * 4,
            "truth": truth,
            "estimate": truth + 0.05 * rng.normal(size=8),
        }
    )
    _write_table(models / f"{stem}_desc-recovery_scores.tsv", recovered)


def write_participant(out: Path, subject: str, seed: int) -> None:
    """Write all that a participant run leaves behind, except the report."""
    rng, voxels = np.random.default_rng(seed), _voxels()
    folder, stem = out / f"sub-{subject}", f"sub-{subject}_task-objects"
    for name in ("func", "models"):
        (folder / name).mkdir(parents=True)
    events, rows = _events(rng), []
    for run in RUNS:
        measured, predicted = _simulate_run(events, voxels, rng)
        for model, series in predicted.items():
            base = folder / "func" / f"{stem}_run-{run}_desc-{model}"
            _write_image(Path(f"{base}predicted_bold.nii.gz"), _volume(series, voxels))
            _write_image(Path(f"{base}residual_bold.nii.gz"), _volume(measured - series, voxels))
            r = [np.corrcoef(a, b)[0, 1] for a, b in zip(measured.T, series.T, strict=True)]
            r2 = 1 - ((measured - series) ** 2).sum(0) / (measured**2).sum(0)
            targets = [(name, t) for name, v in voxels.items() for t in range(len(v))]
            rows += [
                (model, f"run-{run}", *target, a, b)
                for target, a, b in zip(targets, r, r2, strict=True)
            ]
    scores = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    _write_scores(folder, stem, scores)
    for model in MODELS:
        part = scores[scores["model"] == model]
        mean = part.groupby(["region", "target"], sort=False)["r"].mean().to_numpy()
        path = folder / "func" / f"{stem}_stat-r_desc-{model}_statmap.nii.gz"
        _write_image(path, _volume(mean, voxels))
    _write_model_tables(folder / "models", stem)
    path = folder / "models" / f"{stem}_desc-inputs_runs.json"
    path.write_text(json.dumps(_inputs(subject, events, voxels)), "utf-8")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the derivative folder of one participant, not to be changed."""
    out = tmp_path_factory.mktemp("report") / "template"
    write_participant(out, "01", seed=1)
    log = out / "logs" / "20260101-000000_a"
    log.mkdir(parents=True)
    (log / "config.toml").write_text("seed = 0\n[model]\nresolution = 0.25\n", "utf-8")
    (log / "drmbids.log").write_text("INFO start\nERROR <b>something</b> broke\n", "utf-8")
    return out


@pytest.fixture(scope="session")
def complete(template: Path) -> Path:
    """Return the derivative folder of one participant with its report, not to be changed."""
    out = template.with_name("complete")
    shutil.copytree(template, out)
    write_participant_report(out, "01")
    return out


@pytest.fixture
def derivatives(template: Path, tmp_path: Path) -> Path:
    """Return the derivative folder of one participant, to do with as one likes."""
    return Path(shutil.copytree(template, tmp_path / "out"))
