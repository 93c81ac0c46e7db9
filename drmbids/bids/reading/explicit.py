"""One run from files that are named one by one: data that are no BIDS dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.bids.files.dataset import read_json
from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.given import check_given
from drmbids.bids.files.in_memory import as_files
from drmbids.bids.reading.chosen_regions import find_regions
from drmbids.bids.reading.formats import open_bold
from drmbids.bids.reading.load import EVENTS_ALONE, check_confound_patterns, read_run
from drmbids.bids.reading.stimuli import Stimuli
from drmbids.bids.reading.surfaces import HEMISPHERES
from drmbids.bids.reading.timing import volume_times
from drmbids.bids.reading.unite import without_dead_voxels
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError


def load_run(
    bold: Any,
    *,
    mask: Any = None,
    events: str | Path | pd.DataFrame | None = None,
    confounds: str | Path | pd.DataFrame | None = None,
    confound_columns: str | Sequence[str] = "*",
    tr: float | None = None,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    smoothing_fwhm: float | None = None,
    stimuli: Stimuli = EVENTS_ALONE,
    allow_gaps: bool = False,
    entities: Mapping[str, str] | None = None,
) -> Run:
    """Load one run from files that are named one by one.

    Parameters
    ----------
    bold : path or image, or {"L": path or image, "R": path or image}
        A 4-D image, a CIFTI file, or the surface of each hemisphere (GIFTI); a file, or an image
        of nibabel in memory.
    mask : path, image, list or mapping
        Mask, masks or atlas, as ``atlas_or_mask`` of :func:`drmbids.load_runs`. Volumes need one.
    events : path or DataFrame, optional
        Table of events; none are read when absent. Columns as in BIDS: ``onset, duration,
        trial_type``.
    confounds : path or DataFrame, optional
        Table with a row for each volume.
    confound_columns : str or sequence of str
        Columns of the table, wildcards too; all when absent.
    tr : float, optional
        Seconds; that of a JSON file beside the image when absent.
    labels, smoothing_fwhm, stimuli, allow_gaps
        See :func:`drmbids.load_runs`.
    entities : mapping of str to str, optional
        What the run is called: ``{"subject": "01", "run": "1"}``; read from the name of the image
        where it is a BIDS name, else ``{"run": <file>}``. Runs of one analysis need different ones.

    Returns
    -------
    Run
        Responses of different runs have the same voxels if these have a signal in all runs.

    Raises
    ------
    UsageError
        If no file of BOLD is named, or no mask for volumes, or something is given that is neither a
        file nor an image nor a table.
    DataError
        If a file is missing, damaged or does not fit the others.

    Examples
    --------
    >>> from drmbids.data.tools.resources import demo_dataset
    >>> func = demo_dataset() / "derivatives" / "preprocessed" / "sub-01" / "func"
    >>> stem = "sub-01_task-contrast"
    >>> bold = func / f"{stem}_run-01_desc-preproc_bold.nii.gz"
    >>> load_run(bold, mask=func / f"{stem}_desc-V1_mask.nii.gz", tr=1.5).label
    'sub-01_task-contrast_run-01_desc-preproc'
    """
    if bold is None:
        raise UsageError("bold must be the path of an image or an image of nibabel, got None")
    check_given(
        mask=mask,
        confound_columns=confound_columns,
        tr=tr,
        labels=labels,
        smoothing_fwhm=smoothing_fwhm,
        stimuli=stimuli,
        entities=entities,
    )
    if isinstance(bold, Mapping) and (not bold or not set(bold) <= set(HEMISPHERES)):
        raise UsageError(f"bold needs the hemispheres L and R, got {sorted(bold)}")
    bold = dict(bold) if isinstance(bold, Mapping) else bold
    with as_files(bold=bold, events=events, confounds=confounds) as paths:
        sides = paths["bold"] if isinstance(bold, dict) else {}
        path = next(iter(sides.values())) if sides else paths["bold"]
        sidecar = path.with_name(path.name.partition(".")[0] + ".json")
        stated = read_json(sidecar) if sidecar.is_file() else {}
        files = RunFiles(
            bold=path,
            entities=_named(path) if entities is None else dict(entities),
            events=paths["events"],
            confounds=paths["confounds"],
            metadata=stated,
            hemispheres=sides,
            stated_in=dict.fromkeys(stated, sidecar),
        )
        options = {"tr": tr, "smoothing_fwhm": smoothing_fwhm, "allow_gaps": allow_gaps}
        run = _read(files, mask, labels, confound_columns, stimuli, **options)
    kept = tuple(file for file in run.sources if Path(file).is_file())
    return replace(run, sources=kept)


def _read(
    files: RunFiles,
    mask: Any,
    labels: Mapping[int, str] | Sequence[str] | None,
    confound_columns: str | Sequence[str],
    stimuli: Stimuli,
    *,
    tr: float | None,
    smoothing_fwhm: float | None,
    allow_gaps: bool,
) -> Run:
    """Return the run of files that were named one by one."""
    measured = open_bold(files)
    if mask is None and measured.shape:
        raise UsageError(f"{files.bold}: volumes need a mask or atlas: give mask=")
    regions = find_regions([files], measured, mask, labels)
    wanted = confound_columns if files.confounds is not None else None
    check_confound_patterns([files], wanted)
    if files.events is None:
        stimuli = Stimuli(events=False, more=[m for m in stimuli.more if m != "stim_file"])
    timing = volume_times(files, measured, tr)
    run = read_run(
        files, measured, regions, wanted, stimuli, smoothing_fwhm, timing, allow_gaps=allow_gaps
    )
    return without_dead_voxels([run])[0]


def _named(path: Path) -> dict[str, str]:
    """Return the entities in a BIDS name, else the file's name as the run."""
    name = BIDSName.parse(path)
    if name is not None and name.entities:
        return {k: v for k, v in name.entities.items() if k not in ("hemi", "stat")}
    return {"run": path.name.partition(".")[0]}
