"""A trained model on disk: model file, weights, and a manifest with their checksums."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from drmbids.core.exceptions import DataError
from drmbids.core.files import sha256, write_bytes, write_json, write_text
from drmbids.core.run import Run
from drmbids.core.stream import Events, Stream
from drmbids.net.net import DRMNet
from drmbids.spec.load import load_model
from drmbids.spec.model import ModelSpec

MODEL, WEIGHTS, MANIFEST = "model.yaml", "weights.safetensors", "manifest.json"

#: Version of these three files, raised where they are laid out otherwise or their numbers mean
#: something else: in version 1, activity of a tick was the state at its end, now it is the mean.
FORMAT_VERSION = 2


def save_fitted(folder: Path, spec: ModelSpec, net: DRMNet, classes: Sequence[str] = ()) -> None:
    """Write the three files; the manifest comes last, so a folder with one is complete.

    Parameters
    ----------
    folder : Path
    spec : ModelSpec
        What the net was built from.
    net : DRMNet
        Trained.
    classes : sequence of str
        What a model of choices chooses from.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write_text(folder / MODEL, spec.to_yaml())
    write_bytes(folder / WEIGHTS, save(weights))
    write_json(
        folder / MANIFEST,
        {
            "format_version": FORMAT_VERSION,
            "regions": dict(zip(net.readout.regions, net.readout.n_targets, strict=True)),
            "stimuli": {name: list(columns) for name, columns in net.stimuli.items()},
            "resolution_s": net.resolution,
            **({"classes": list(classes)} if classes else {}),
            "sha256": {name: sha256(folder / name) for name in (MODEL, WEIGHTS)},
        },
    )


def load_fitted(path: Path) -> tuple[ModelSpec, DRMNet]:
    """Return model and net that :func:`save_fitted` wrote.

    Parameters
    ----------
    path : Path
        The folder, or the manifest, whose name may have a prefix that the other two files then
        have as well (``sub-01_task-rest_desc-drm_manifest.json``).

    Raises
    ------
    DataError
        If a file is missing, was changed since, or does not fit the model.
    """
    source = _source(path)
    manifest = read_manifest(path)
    prefix = source.name.removesuffix(MANIFEST)
    files = {name: source.with_name(prefix + name) for name in (MODEL, WEIGHTS)}
    for name, file in files.items():
        if not file.is_file():
            raise DataError(f"{file}: missing; the model was not saved whole")
        if sha256(file) != manifest["sha256"].get(name):
            raise DataError(f"{file}: its checksum is not that of {source.name}; it was changed")
    spec = load_model(files[MODEL])
    net = spec.build([_run_of_sizes(manifest)])
    try:
        net.load_state_dict(load(files[WEIGHTS].read_bytes()))
    except (RuntimeError, SafetensorError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{files[WEIGHTS]}: does not fit {MODEL}: {first}") from error
    return spec, net


def restore_fit(
    estimator: Any,
    runs: Sequence[Run],
    weights: Mapping[str, np.ndarray],
    history: Sequence[Mapping[str, Any]],
) -> None:
    """Let an estimator take up what an earlier fit of the same one to the same runs found.

    Parameters
    ----------
    estimator : DRMRegressor
        Unfitted; fitted in the end, without any training.
    runs : sequence of Run
        Training runs.
    weights : mapping of str to array
        The ``state_dict`` of its net.
    history : sequence of mapping
        Its ``history_``.

    Raises
    ------
    DataError
        If the weights are not those of the net that the runs ask for.
    """
    estimator.prepare(runs)
    try:
        estimator.net_.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise DataError(f"weights do not fit the model: {first}") from error
    estimator.history_ = [dict(row) for row in history]


def _source(path: Path) -> Path:
    return path / MANIFEST if path.is_dir() else path


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what the manifest of a saved model says.

    Parameters
    ----------
    path : Path
        As for :func:`load_fitted`.

    Raises
    ------
    DataError
        If it is missing or of another version.
    """
    path = _source(path)
    if not path.name.endswith(MANIFEST):
        raise DataError(f"{path}: neither a folder nor a {MANIFEST}")
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {path.parent} holds no saved model") from error
    except ValueError as error:
        raise DataError(f"{path}: not a JSON file ({error})") from error
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path}: format version {version!r}, this drmbids reads {FORMAT_VERSION}; fit it again, "
            "its delays and time constants would mean something else here"
        )
    return manifest


def _run_of_sizes(manifest: dict[str, Any]) -> Run:
    """Return an empty run with the regions and conditions that the net was built for."""
    resolution = manifest["resolution_s"]
    return Run(
        {name: Stream(np.zeros((1, n)), [0.0]) for name, n in manifest["regions"].items()},
        {name: Events([], [], [], columns=c) for name, c in manifest["stimuli"].items()},
        tr=resolution,
        duration=resolution,
    )
