"""What of a configuration decides numbers: its hash, and how two configurations differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from drmbids.core.fingerprint import fingerprint
from drmbids.spec.model import ModelSpec
from drmbids.spec.write import model_hash
from drmbids.workflows.compared import load_models
from drmbids.workflows.config import Config

#: What a call is about, not how it is done: other participants or tasks share an output folder.
SELECTION = (
    "bids_dir", "out_dir", "level", "participant_label", "session_label", "task_id", "run_id",
    "acquisition", "reconstruction", "direction", "echo", "filters",
)  # fmt: skip

#: What changes where and how fast a call runs, and what it says, but no number beyond rounding.
EXECUTION = (
    "device", "n_threads", "n_cpus", "mem_mb", "n_models_at_once", "work_dir", "clean_workdir",
    "checkpoint_minutes", "output_layout", "reports_only", "boilerplate_only", "ignore",
    "stop_on_first_crash", "skip_bids_validation", "debug", "verbosity",
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
        As JSON holds it.
    """
    told = asdict(config.with_absolute_paths())
    kept = {k: v for k, v in told.items() if k not in (*SELECTION, *EXECUTION)}
    kept["smoothing_fwhm"] = config.smoothing_fwhm or None  # 0 mm smooths as little as none
    kept["model"] = {name: model_hash(spec)[:16] for name, spec in models.items()}
    return json.loads(json.dumps(kept, default=str))


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


def recorded_settings(
    out_dir: Path, participants: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield label and settings of each analysis in a derivative dataset.

    Parameters
    ----------
    out_dir : Path
    participants : sequence of str
        Labels, without ``sub-``, of those to look at; all when empty.
    """
    for path in sorted(out_dir.glob("sub-*/models/*_desc-inputs_runs.json")):
        found, label = read_record(path).get("settings"), path.parts[-3]
        if isinstance(found, dict) and label.removeprefix("sub-") in (participants or [label[4:]]):
            yield label, found


def read_record(path: Path) -> dict[str, Any]:
    """Return what an earlier call recorded of its inputs; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def other_settings(
    out_dir: Path, now: Mapping[str, Any], replaced: Sequence[str] = ()
) -> str | None:
    """Return how participants of a folder were analysed otherwise, as a sentence; None if not.

    Parameters
    ----------
    out_dir : Path
    now : mapping
        Settings of this call.
    replaced : sequence of str
        Labels, without ``sub-``, that this call makes anew.
    """
    others = [
        (label, found)
        for label, found in recorded_settings(out_dir)
        if found != dict(now) and label.removeprefix("sub-") not in replaced
    ]
    if not others:
        return None
    labels = list(dict.fromkeys(label for label, _ in others))
    return (
        f"{out_dir} holds results of {', '.join(labels[:5])}"
        f"{' ...' if len(labels) > 5 else ''} with other settings: "
        f"{'; '.join(differences(others[0][1], now))}. The group level compares what is called the "
        "same; give each configuration its own folder (--output-layout multiverse does so)"
    )


def different_settings(out_dir: Path, participants: Sequence[str] = ()) -> str | None:
    """Return how participants of a folder differ in their settings, as a sentence; None if not.

    Parameters
    ----------
    out_dir : Path
    participants : sequence of str
        Labels, without ``sub-``, of those to look at; all when empty.
    """
    first: tuple[str, dict[str, Any]] | None = None
    for label, found in recorded_settings(out_dir, participants):
        first = first or (label, found)
        if found != first[1]:
            told = "; ".join(differences(first[1], found)).replace(", now ", " and ")
            return f"{first[0]} and {label} were analysed with other settings: {told}"
    return None
