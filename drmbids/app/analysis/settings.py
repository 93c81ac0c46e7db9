"""What of a configuration decides numbers: its hash, and how two configurations differ."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from drmbids.app.analysis.compared import load_models
from drmbids.app.analysis.config import Config
from drmbids.bids.derivatives import source_description
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.write import model_hash
from drmbids.data.storage.files import sha256
from drmbids.data.storage.fingerprint import fingerprint

#: What a call is about, not how it is done: other participants or tasks share an output folder.
SELECTION = (
    "bids_dir", "out_dir", "level", "participant_label", "session_label", "task_id", "run_id",
    "acquisition", "reconstruction", "direction", "echo", "filters",
)  # fmt: skip

# Filters by these are selection; those by others (desc, part ...) choose another kind of image.
_SELECTED = (
    "subject", "session", "task", "run", "acquisition", "reconstruction", "direction", "echo",
)  # fmt: skip

#: What only adds tables to results, and its value where nothing is added.
ADDED: Mapping[str, Any] = {"intervals": "none", "variance_parts": None, "n_permutations": 0}

#: What changes where and how fast a call runs, and what it says, but no number beyond rounding.
EXECUTION = (
    "device", "n_threads", "n_cpus", "mem_mb", "n_models_at_once", "work_dir", "clean_workdir",
    "checkpoint_minutes", "output_layout", "overwrite", "reports_only", "boilerplate_only",
    "ignore", "stop_on_first_crash", "skip_bids_validation", "debug", "verbosity",
)  # fmt: skip


def settings_of(config: Config, models: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """Return how an analysis is done: all of a configuration that decides its numbers.

    Parameters
    ----------
    config : Config
    models : mapping of str to ModelSpec
        The models of its files, which count by what they say.

    Returns
    -------
    dict
        As JSON holds it. Masks and an atlas count by their content, datasets by what they say of
        themselves, so that a study can move.
    """
    told = asdict(config.with_absolute_paths())
    kept = {k: v for k, v in told.items() if k not in (*SELECTION, *EXECUTION)}
    if config.baselines == Config.baselines:
        del kept["baselines"]  # as earlier versions, which had no choice, recorded it
    kept["filters"] = {k: v for k, v in config.filters.items() if k not in _SELECTED}
    kept["mask"] = {name: _content(path) for name, path in config.mask.items()}
    kept["derivatives"] = {name: _described(path) for name, path in config.derivatives.items()}
    if config.atlas is not None and Path(config.atlas).is_file():
        kept["atlas"] = _content(Path(config.atlas))
    kept["variance_parts"] = "each" if config.variance_parts == {} else config.variance_parts
    kept["smoothing_fwhm"] = config.smoothing_fwhm or None  # 0 mm smooths as little as none
    kept["model"] = {name: model_hash(spec)[:16] for name, spec in models.items()}
    return json.loads(json.dumps(kept, default=str))


def _content(path: Path) -> str:
    """Return the name of a file and a hash of its content; the name alone where it is not there."""
    return f"{path.name} ({sha256(path)[:8]})" if path.is_file() else path.name


def _described(folder: Path) -> str:
    """Return the name of a dataset's folder, and a hash of what it is and who made it."""
    said = source_description(folder)
    told = json.dumps([said.get("Name"), said.get("GeneratedBy")], sort_keys=True)
    return f"{folder.resolve().name} ({fingerprint(told)[:8]})"


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Return the first eight letters of the hash of settings, for names of folders.

    Parameters
    ----------
    settings : mapping
        From :func:`settings_of`.
    """
    return fingerprint(json.dumps(settings, sort_keys=True))[:8]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between settings, one phrase each.

    Parameters
    ----------
    before, now : mapping

    Examples
    --------
    >>> differences({"n_epochs": 60, "cv": "run"}, {"n_epochs": 5, "cv": "run"})
    ['n_epochs 60, now 5']
    """
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name} {_text(before.get(name))}, now {_text(now.get(name))}" for name in names]


def lost(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what an analysis has that another one would not have, one phrase each.

    Further models, and tables that there were none of, take nothing away.

    Parameters
    ----------
    before, now : mapping
        Settings.

    Examples
    --------
    >>> lost({"model": {"a": "1f"}, "cv": "run"}, {"model": {"a": "1f", "b": "2e"}, "cv": "run"})
    []
    >>> lost({"model": {"a": "1f"}, "cv": "run"}, {"model": {"b": "2e"}, "cv": "run"})
    ['model a=1f, now b=2e']
    """
    kept = {name for name in ADDED if before.get(name) == ADDED[name]}
    models, more = before.get("model") or {}, now.get("model") or {}
    if models and models.items() <= more.items():
        kept.add("model")
    return differences(*({k: v for k, v in s.items() if k not in kept} for s in (before, now)))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}={v}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)


def with_layout(config: Config) -> Config:
    """Return the configuration with the folder that its output layout asks for.

    Parameters
    ----------
    config : Config

    Returns
    -------
    Config
        With ``output_layout="multiverse"`` it writes to a derivative dataset of its own,
        ``hash-<hash of the settings>`` inside ``out_dir``.

    Raises
    ------
    ModelError
        If a model file is faulty, as then there is no hash.
    """
    if config.output_layout == "bids":
        return config
    name = f"hash-{settings_hash(settings_of(config, load_models(config.model)))}"
    return replace(config, out_dir=config.out_dir / name, output_layout="bids")


def read_record(path: Path) -> dict[str, Any]:
    """Return what an earlier call recorded of its inputs; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
