"""Every participant is checked before the fit: bad runs are left out, and the rest goes on."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.logs import logger
from drmbids.app.checks.check import inspect_runs
from drmbids.app.checks.inspection import Request
from drmbids.bids.files.dataset import open_dataset
from drmbids.bids.files.entities import PROCESSING, BIDSName
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.ignored import ignored_subjects, kept_subjects
from drmbids.bids.files.problems import Problem, ProblemError, ProblemWarning, error, grouped
from drmbids.bids.reading.atlases import AtlasName
from drmbids.bids.reading.chosen_regions import as_atlas
from drmbids.bids.reading.stimuli import EVENTS, Stimuli
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError
from drmbids.data.tools.formats import MoreStimuli
from drmbids.data.tools.options_text import in_options


@dataclass(frozen=True)
class Usable:
    """What the check leaves of a participant.

    Parameters
    ----------
    files : sequence of RunFiles
        Runs without an error.
    left_out : mapping of str to sequence of str
        Label of each run with an error, and its errors.
    runs : sequence of Run
        The usable runs as the check read them; empty where they have to be read anew, to be
        smoothed or since runs were left out at the end.
    timing : DataFrame or None
        Whether other times of events explain the data better, see :func:`drmbids.timing_audit`.
    """

    files: Sequence[RunFiles]
    left_out: Mapping[str, Sequence[str]]
    runs: Sequence[Run] = ()
    timing: pd.DataFrame | None = None

    @property
    def errors(self) -> list[str]:
        """The errors of the runs that are left out, for log and report."""
        return [f"{run} is left out: {e}" for run, errors in self.left_out.items() for e in errors]


def find_participants(config: Config) -> list[str]:
    """Return the labels of the participants to analyse.

    Parameters
    ----------
    config : Config

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If there is none, or one that was asked for is not there.
    """
    folders = list(config.derivatives.values()) or [config.bids_dir]
    available = list(dict.fromkeys(s for f in folders for s in open_dataset(f).subjects))
    where = ", ".join(map(str, folders))
    if not available:
        found = "0 participants, there is no folder sub-<label>"
        raise error("DS03", where, found, "give the folder that holds them")
    missing = [label for label in config.participant_label if label not in available]
    if missing:
        remedy = f"there are {', '.join(available)}"
        raise error("DS03", where, f"no participant {', '.join(missing)}", remedy)
    if config.participant_label:
        return list(dict.fromkeys(config.participant_label))
    return kept_subjects(open_dataset(config.bids_dir), available)


def ignored_participants(config: Config) -> list[Problem]:
    """Return the warning about participants that ``.bidsignore`` lists, if there are any.

    Parameters
    ----------
    config : Config
    """
    if config.participant_label or "DS12" in config.ignore:
        return []
    folders = list(config.derivatives.values()) or [config.bids_dir]
    available = list(dict.fromkeys(s for f in folders for s in open_dataset(f).subjects))
    problem = ignored_subjects(open_dataset(config.bids_dir), available)
    return [] if problem is None else [problem]


def usable_runs(config: Config, models: Mapping[str, ModelSpec], subject: str) -> Usable:
    """Check a participant, log what is wrong, and return the runs that can be used.

    Parameters
    ----------
    config : Config
    models : mapping of str to ModelSpec
        Models to be fitted, by name; the default model when empty.
    subject : str
        Label without ``sub-``.

    Returns
    -------
    Usable

    Raises
    ------
    ModelError
        If a model does not fit the data.
    DataError
        If no run can be used, or what is wrong is about all runs.
    """
    inspection = inspect_runs(request_of(config, models, subject))
    errors = [p for p in inspection.problems if p.severity == "error"]
    for problem in grouped([p for p in inspection.problems if p.severity == "warning"]):
        warnings.warn(ProblemWarning(problem), stacklevel=2)
    if not inspection.usable:
        for problem in errors[1:]:  # the first is told as the reason why the participant failed
            logger.error("sub-%s: %s", subject, in_options(str(problem)))
        if all(p.code.startswith("MD") for p in errors):
            raise ModelError([str(p) for p in errors])
        raise ProblemError(errors)
    left_out = {f.label: [str(p) for p in told] for f, told in inspection.left_out.items()}
    as_read = not config.smoothing_fwhm and list(inspection.runs) == inspection.usable
    for path, shared in shared_events(inspection.usable).items():
        logger.info("sub-%s: the events of %s are those of %s", subject, ", ".join(shared), path)
    runs = list(inspection.runs.values()) if as_read else ()
    usable = Usable(inspection.usable, left_out, runs, inspection.timing)
    for text in usable.errors:
        logger.error("sub-%s: %s", subject, text)
    return usable


def shared_events(files: Sequence[RunFiles]) -> dict[Path, list[str]]:
    """Return tables of events that runs inherit, and the labels of these runs.

    Parameters
    ----------
    files : sequence of RunFiles
    """
    found: dict[Path, list[str]] = {}
    for one in files:
        name = None if one.events is None else BIDSName.parse(one.events)
        own = {k for k in one.entities if k not in PROCESSING}
        if one.events is not None and name is not None and not own <= set(name.entities):
            found.setdefault(one.events, []).append(one.label)
    return found


def request_of(config: Config, models: Mapping[str, ModelSpec], subject: str) -> Request:
    """Return what the check of one participant is asked for.

    Parameters
    ----------
    config, models, subject
        See :func:`usable_runs`.

    Returns
    -------
    Request
    """
    return Request(
        config.bids_dir,
        run_query(config, subject),
        atlas_or_mask=chosen_regions(config),
        confounds=chosen_confounds(config),
        tr=config.tr,
        models=models,
        cv=config.cv,
        blocks=BlockFolds(config.n_blocks, config.guard),
        physio=config.physio,
        stimuli=chosen_stimuli(config, models),
        allow_gaps=config.allow_gaps,
        variance_parts=config.variance_parts,
        intervals=config.intervals,
        baseline_hrf=config.baseline_hrf,
    )


def chosen_stimuli(config: Config, models: Mapping[str, ModelSpec]) -> Stimuli:
    """Return the stimuli to read: those of the configuration, and all that a model names."""
    named = [
        (name, stimulus) for spec in models.values() for name, stimulus in spec.stimuli.items()
    ]
    wanted = [m for name, s in named if name == EVENTS for m in s.named_modulators]
    asked = [s for s in get_args(MoreStimuli) if s in config.stimuli or s in dict(named)]
    return Stimuli(
        modulators=[*dict.fromkeys([*config.modulators, *wanted])],
        more=asked,
        series=list(dict(named)),
        image_size=(config.image_size[0], config.image_size[-1]) if config.image_size else None,
        colour=config.colour,
    )


def chosen_regions(config: Config) -> Any:
    """Return masks or atlas as :func:`drmbids.load_runs` takes them."""
    if config.mask or config.atlas is None:
        return dict(config.mask) or None
    datasets = [*config.derivatives.values(), config.bids_dir]
    return as_atlas(AtlasName(config.atlas, threshold=config.atlas_threshold), datasets)


def chosen_confounds(config: Config) -> str | list[str] | None:
    """Return the confounds as :func:`drmbids.load_runs` takes them; one may be a strategy."""
    single = config.confounds[0] if len(config.confounds) == 1 else list(config.confounds)
    return single or None


def run_query(config: Config, subject: str) -> dict[str, Any]:
    """Return the choice of runs as :func:`drmbids.find_runs` takes it."""
    labels = {
        "session": config.session_label,
        "task": config.task_id,
        "run": config.run_id,
        "acquisition": config.acquisition,
        "reconstruction": config.reconstruction,
        "direction": config.direction,
        "echo": config.echo,
    }
    if config.cv == "session" and not config.session_label and "session" not in config.filters:
        # a session is held out of several: they are meant; folds say it where runs have none
        labels["session"] = ("*", "Query.NONE")
    query: dict[str, Any] = {name: list(values) or None for name, values in labels.items()}
    query |= {name: getattr(config, name) for name in ("space", "res", "den", "hemi", "desc")}
    return {
        "subject": subject,
        **query,
        "file_format": config.file_format,
        "derivatives": dict(config.derivatives) or None,
        "filters": {"bold": dict(config.filters)} if config.filters else None,
    }
