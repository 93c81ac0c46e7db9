"""A fitted brain at rest on disk: settings as JSON, arrays as safetensors, and their checksums."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.storage.files import sha256, write_bytes, write_json
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.rest.model import rest_model
from drmbids.fit.rest.search import Descent
from drmbids.fit.rest.spectra import BandSpectra

ARRAYS, SETTINGS = "weights.safetensors", "whole_brain.json"
#: Version of the layout of these two files.
FORMAT_VERSION = 2
MATRICES = ("weights", "lengths")


def save_rest(folder: Path, brain: Any) -> None:
    """Write the two files; the settings come last, so a folder with them is complete.

    Parameters
    ----------
    folder : Path
    brain : WholeBrain
        Fitted.
    """
    settings = brain.get_params(deep=False)
    arrays = {f"model.{k}": v.contiguous() for k, v in brain.model_.state_dict().items()}
    for name in MATRICES:
        matrix = settings.pop(name)
        if matrix is not None:
            arrays[name] = torch.as_tensor(np.asarray(matrix, float)).contiguous()
    spectra = brain.spectra_
    arrays["frequencies"] = spectra.frequencies
    arrays["spectra.real"] = spectra.values.real.contiguous()
    arrays["spectra.imag"] = spectra.values.imag.contiguous()
    nuisance = settings.pop("nuisance")
    write_bytes(folder / ARRAYS, save(arrays))
    content = {
        "format_version": FORMAT_VERSION,
        "settings": {k: _plain(v) for k, v in settings.items()},
        "nuisance": None if nuisance is None else asdict(nuisance),
        "targets": {name: list(names) for name, names in brain.targets_.items()},
        "penalty": brain.penalty_,
        "descents": [
            {"start": d.start, "end": d.end, "loss": d.loss, "message": d.message}
            for d in brain.descents_
        ],
        "n_samples": spectra.n_samples,
        "step_s": spectra.step,
        "segment_s": spectra.segment,
        "sha256": {ARRAYS: sha256(folder / ARRAYS)},
    }
    write_json(folder / SETTINGS, content)


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def load_rest(folder: Path, kind: type) -> Any:
    """Return the brain that :func:`save_rest` wrote.

    Parameters
    ----------
    folder : Path
    kind : type
        :class:`~drmbids.WholeBrain`.

    Raises
    ------
    DataError
        If a file is missing, was changed since, or is of another version.
    """
    try:
        content = json.loads((folder / SETTINGS).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: holds no saved whole brain ({error})") from error
    if content.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{folder / SETTINGS}: format version {content.get('format_version')!r}, this drmbids "
            f"reads {FORMAT_VERSION}"
        )
    file = folder / ARRAYS
    if not file.is_file() or sha256(file) != content["sha256"][ARRAYS]:
        raise DataError(f"{file}: missing, or changed since it was saved")
    try:
        arrays = load(file.read_bytes())
    except SafetensorError as error:
        raise DataError(f"{file}: {error}") from error
    nuisance = content["nuisance"]
    brain = kind(
        **{name: arrays[name].numpy() for name in MATRICES if name in arrays},
        **{k: tuple(v) if isinstance(v, list) else v for k, v in content["settings"].items()},
        nuisance=None if nuisance is None else Nuisance(**nuisance),
    )
    values = torch.complex(arrays["spectra.real"], arrays["spectra.imag"])
    brain.spectra_ = BandSpectra(
        arrays["frequencies"],
        values,
        content["n_samples"],
        content["step_s"],
        content["segment_s"],
    )
    brain.targets_ = {k: tuple(names) for k, names in content.get("targets", {}).items()}
    brain.penalty_ = content["penalty"]
    brain.descents_ = [Descent(free=[], **d) for d in content["descents"]]
    brain.model_ = rest_model(brain, values.shape[-1])
    prefix = "model."
    state = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    brain.model_.load_state_dict(state)
    return brain
