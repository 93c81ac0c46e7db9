"""A trained model on disk: model file, weights, and a manifest with their checksums."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from drmbids.brain.modelfile.load import load_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.targets import Targets
from drmbids.data.storage.files import sha256, write_bytes, write_json, write_text
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.given_net import GivenNet
from drmbids.fit.estimators.stacking import Stack

MODEL, WEIGHTS, MANIFEST = "model.yaml", "weights.safetensors", "manifest.json"

#: Version of these three files, raised where they are laid out otherwise or their numbers mean
#: something else: in version 1, activity of a tick was the state at its end, now it is the mean.
FORMAT_VERSION = 2


def save_fitted(
    folder: Path,
    spec: ModelSpec | GivenNet,
    net: DRMNet,
    classes: Sequence[str] = (),
    targets: Targets | None = None,
    stack: Stack | None = None,
) -> None:
    """Write the three files; the manifest comes last, so a folder with one is complete.

    Parameters
    ----------
    folder : Path
    spec : ModelSpec or GivenNet
        What the net was built from; there is no model file of a net that was made by hand.
    net : DRMNet
        Trained.
    classes : sequence of str
        What a model of choices chooses from.
    targets : mapping of str to sequence of str, optional
        Names of the targets of each region, by which new runs are matched.
    stack : Stack, optional
        The linear model that predictions are averaged with.
    """
    weights = fitted_state(net, stack)
    by_hand = isinstance(spec, GivenNet)
    if not by_hand:
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
            **({"made_by": spec.name} if by_hand else {}),
            **({"targets": {k: list(v) for k, v in targets.items()}} if targets else {}),
            "sha256": {
                name: sha256(folder / name) for name in (() if by_hand else (MODEL,)) + (WEIGHTS,)
            },
        },
    )


def fitted_state(net: DRMNet, stack: Stack | None = None) -> dict[str, torch.Tensor]:
    """Return all numbers of a fit by name.

    Parameters
    ----------
    net : DRMNet
    stack : Stack, optional
    """
    state = net.state_dict() | (stack.state() if stack is not None else {})
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


def take_state(state: Mapping[str, torch.Tensor], net: DRMNet, stack: Stack | None = None) -> None:
    """Take up what :func:`fitted_state` gave.

    Parameters
    ----------
    state : mapping of str to Tensor
    net : DRMNet
    stack : Stack, optional

    Raises
    ------
    RuntimeError
        If it does not fit.
    """
    net.load_state_dict(state if stack is None else stack.take(state))


def load_fitted(
    path: Path, given: GivenNet | None = None
) -> tuple[ModelSpec | GivenNet, DRMNet, Stack | None]:
    """Return model, net, and the linear model beside it, that :func:`save_fitted` wrote.

    Parameters
    ----------
    path : Path
        The folder, or the manifest, whose name may have a prefix that the other two files then
        have as well (``sub-01_task-rest_desc-drm_manifest.json``).
    given : GivenNet, optional
        What made the net, where that was no model file.

    Raises
    ------
    DataError
        If a file is missing, was changed since, or does not fit the model.
    UsageError
        If the net was made by hand and is not given, or is given beside a model file.
    """
    source = _source(path)
    manifest = read_manifest(path)
    prefix = source.name.removesuffix(MANIFEST)
    made_by = manifest.get("made_by")
    if made_by is not None and given is None:
        raise UsageError(
            f"{source}: the net was made by hand ({made_by}); give what made it: "
            "DRMRegressor.load(path, model=...)"
        )
    if made_by is None and given is not None:
        raise UsageError(f"{source}: the model lies in its {MODEL}; load it without model=")
    names = (MODEL, WEIGHTS) if given is None else (WEIGHTS,)
    files = {name: source.with_name(prefix + name) for name in names}
    for name, file in files.items():
        if not file.is_file():
            raise DataError(f"{file}: missing; the model was not saved whole")
        if sha256(file) != manifest["sha256"].get(name):
            raise DataError(f"{file}: its checksum is not that of {source.name}; it was changed")
    spec = load_model(files[MODEL]) if given is None else given
    sizes = [_run_of_sizes(manifest)]
    net = spec.build(sizes)
    try:
        state = load(files[WEIGHTS].read_bytes())
        stack = Stack(spec, net, sizes) if Stack.is_in(state) else None
        take_state(state, net, stack)
    except (RuntimeError, SafetensorError) as error:
        first = str(error).splitlines()[0]
        model = MODEL if given is None else given.name
        raise DataError(f"{files[WEIGHTS]}: does not fit {model}: {first}") from error
    return spec, net, stack


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
        What :func:`fitted_state` gave.
    history : sequence of mapping
        Its ``history_``.

    Raises
    ------
    DataError
        If the weights are not those of the net that the runs ask for.
    """
    estimator.prepare(runs)
    try:
        state = {k: torch.from_numpy(v) for k, v in weights.items()}
        take_state(state, estimator.net_, estimator.stack_)
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
            f"{path}: format version {version!r}, this drmbids reads {FORMAT_VERSION}; fit it "
            "again: its delays and time constants would mean something else here"
        )
    return manifest


def saved_targets(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of the targets of a saved model; none where it was saved without.

    Parameters
    ----------
    path : Path
        As for :func:`load_fitted`.
    """
    return {k: tuple(names) for k, names in read_manifest(path).get("targets", {}).items()}


def _run_of_sizes(manifest: dict[str, Any]) -> Run:
    """Return an empty run with the regions and conditions that the net was built for."""
    resolution = manifest["resolution_s"]
    return Run(
        {name: Stream(np.zeros((1, n)), [0.0]) for name, n in manifest["regions"].items()},
        {name: Events([], [], [], columns=c) for name, c in manifest["stimuli"].items()},
        tr=resolution,
        duration=resolution,
    )
