"""All stages of the check, for one participant or for a dataset."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drmbids.app.checks import CHECKS
from drmbids.app.checks.inspection import Inspection, Request
from drmbids.bids.files.find import find_runs, folders_of
from drmbids.bids.files.given import check_given
from drmbids.bids.files.problems import Problem, ProblemError, ProblemWarning, check_codes
from drmbids.bids.reading.chosen_regions import as_atlas
from drmbids.bids.reading.load import EVENTS_ALONE
from drmbids.bids.reading.stimuli import Stimuli
from drmbids.brain.modelfile.load import as_model
from drmbids.compare.splits.time_blocks import BlockFolds


def inspect_runs(request: Request) -> Inspection:
    """Go through all stages of the check.

    Parameters
    ----------
    request : Request
        Data and models of one participant.

    Returns
    -------
    Inspection
        With its problems, and the runs that can be used.
    """
    inspection = Inspection(request)
    for stage in CHECKS.values():
        stage(inspection)
    return inspection


def check_dataset(
    bids_dir: str | Path,
    *,
    models: Sequence[Any] = (),
    atlas_or_mask: Any = None,
    confounds: str | Sequence[str] | None = None,
    tr: float | None = None,
    cv: str | BlockFolds = "auto",
    derivatives: Any = None,
    filters: Mapping[str, Any] | str | Path | None = None,
    ignore: Sequence[str] = (),
    stimuli: Stimuli = EVENTS_ALONE,
    allow_gaps: bool = False,
    **entities: Any,
) -> list[Problem]:
    """Check all that can be known of data and models before training.

    Parameters
    ----------
    bids_dir : str or Path
        Root of the dataset, see :func:`drmbids.find_runs`.
    models : sequence of ModelSpec, mapping or path
        Models that are to be fitted; :func:`drmbids.default_model` when empty.
    atlas_or_mask, confounds, tr
        Regions, confounds and repetition time, see :func:`drmbids.load_runs`.
    cv : str or BlockFolds
        What a fold holds out, see :func:`drmbids.compare_models`.
    derivatives, filters
        See :func:`drmbids.find_runs`.
    ignore : sequence of str
        Codes of warnings that are not wanted.
    stimuli, allow_gaps
        See :func:`drmbids.load_runs`.
    **entities : str or list of str
        ``subject, session, task, acquisition, run, space, desc, echo``.

    Returns
    -------
    list of Problem
        Of all participants, each problem once; empty where nothing is wrong.

    Raises
    ------
    UsageError
        If an entity, filter or code to ignore is not understood.
    ModelError
        If a model is faulty in itself.

    Examples
    --------
    >>> from drmbids import check_dataset
    >>> from drmbids.data.tools.resources import demo_dataset
    >>> data = demo_dataset()
    >>> check_dataset(data, derivatives=data / "derivatives" / "preprocessed", subject="01")
    []
    """
    check_codes(ignore)
    check_given(atlas_or_mask=atlas_or_mask, confounds=confounds, tr=tr, stimuli=stimuli)
    check_given(bids_dir=bids_dir, derivatives=derivatives, filters=filters)
    specs = [as_model(model) for model in models]
    named = {f"{k}: {spec.name}": spec for k, spec in enumerate(specs, start=1)}
    query = {"derivatives": derivatives, "filters": filters, **entities}
    problems: dict[Problem, None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = find_runs(bids_dir, **query)
        except ProblemError as error:
            return error.problems
    for told in (warning.message for warning in caught):
        if isinstance(told, ProblemWarning):
            problems[told.problem] = None
    for subject in dict.fromkeys(files.entities["subject"] for files in found):
        choice = {**query, "subject": subject}
        regions = as_atlas(atlas_or_mask, [*folders_of(derivatives), Path(bids_dir)])
        request = Request(
            Path(bids_dir),
            choice,
            regions,
            confounds,
            tr,
            named,
            "blocks" if isinstance(cv, BlockFolds) else cv,
            cv if isinstance(cv, BlockFolds) else BlockFolds(),
            stimuli=stimuli,
            allow_gaps=allow_gaps,
        )
        problems |= dict.fromkeys(inspect_runs(request).problems)
    return [p for p in problems if p.code not in ignore]
