"""BIDS files to Runs: the second stop from dataset to score."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids.bids.files.find import RunFiles, find_runs, folders_of
from drmbids.bids.files.given import check_given
from drmbids.bids.files.problems import error
from drmbids.bids.reading.chosen_regions import as_atlas, find_regions
from drmbids.bids.reading.confounds import STRATEGIES, check_patterns, load_strategy, read_confounds
from drmbids.bids.reading.formats import open_bold
from drmbids.bids.reading.heart_and_breath import heart_and_breath
from drmbids.bids.reading.measured import Measured, Space
from drmbids.bids.reading.stimuli import STIM, Stimuli, read_stimuli
from drmbids.bids.reading.timing import VolumeTimes, volume_times
from drmbids.bids.reading.unite import check_same_tr, with_all_conditions, without_dead_voxels
from drmbids.data.physiology import Physio
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Stream

#: What is read of the stimuli where nothing is said.
EVENTS_ALONE = Stimuli()


def load_runs(
    bids_dir: str | Path,
    *,
    atlas_or_mask: Any = None,
    confounds: str | Sequence[str] | None = None,
    stimuli: Stimuli = EVENTS_ALONE,
    smoothing_fwhm: float | None = None,
    derivatives: Any = None,
    filters: Mapping[str, Any] | str | Path | None = None,
    tr: float | None = None,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    physio: Collection[Physio] = (),
    allow_gaps: bool = False,
    **entities: Any,
) -> list[Run]:
    """Load the runs of a BIDS dataset that match a choice of entities.

    BOLD may be volumes (NIfTI), surfaces (GIFTI, both hemispheres are one run), grayordinates or
    parcels (CIFTI-2).

    Parameters
    ----------
    bids_dir : str or Path
        Root of the dataset, see :func:`drmbids.bids.files.find.find_runs`.
    atlas_or_mask : path, image, list or mapping, optional
        Regions, see :func:`drmbids.bids.reading.regions.load_regions`; or the name of an atlas
        (``"4S156Parcels"``, ``"atlas-Schaefer_scale-100"``) among the datasets. Of a probabilistic
        atlas (4-D) each voxel belongs to its most probable region, from 0.25 on
        (:class:`~drmbids.bids.reading.atlases.AtlasName` sets another threshold). When absent: the
        dataset's own brain mask (``*_desc-brain_mask``), all vertices with a signal, each brain
        model, or all parcels. Never resampled: it has to lie on the grid of the data.
    confounds : str or sequence of str, optional
        Columns of the confounds table, with shell wildcards (``["trans_*", "motion_outlier*"]``;
        one that fits in some runs adds nothing in the others), or a
        strategy of nilearn (``"simple"``, ``"scrubbing"``, ``"compcor"``, ``"ica_aroma"``) for
        fMRIPrep's. Volumes that a strategy scrubs become NaN in the responses.
    stimuli : Stimuli
        Which stimuli to read (:class:`~drmbids.bids.reading.stimuli.Stimuli`): the events when
        absent, and every run then gets the conditions of all runs.
    smoothing_fwhm : float, optional
        Full width at half maximum of a Gaussian in mm, put over the images before voxels are
        taken.
    derivatives, filters
        See :func:`drmbids.bids.files.find.find_runs`.
    tr : float, optional
        Repetition time in seconds, where sidecar and header state none or contradict each other;
        an error if both state another one.
    labels : mapping of int to str or sequence of str, optional
        Names of an atlas' labels.
    physio : collection of {"retroicor", "hr", "rv"}
        Confounds from recordings of heart and breath (``*_physio.tsv.gz``), which neurokit2 reads
        the peaks of: phases (RETROICOR), heart rate and depth of the breath through their slow
        responses. Where slices are as they were acquired, RETROICOR is taken out slice by slice
        (:class:`~drmbids.bids.reading.heart_and_breath.HeartAndBreath`).
    allow_gaps : bool
        Whether voxels that are NaN or infinite in some volumes are left out of all runs, with a
        warning, as those that are so throughout are; an error otherwise.
    **entities : str or list of str
        ``subject, session, task, acquisition, run, space, desc, echo``.

    Returns
    -------
    list of Run
        Responses by region in the unit of the images, one column for each voxel named by its
        indices ``i_j_k``. Volume ``n`` is measured at ``n * tr`` seconds, the start of its
        acquisition (nilearn's ``slice_time_ref=0``), or from where ``VolumeTiming`` has it, plus
        ``StartTime`` where slices were corrected in time (fMRIPrep). Voxels that are constant or
        not finite in any of the runs are left out of all, with a warning.

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit together.
    UsageError
        If an entity or filter is not understood.
    """
    check_given(atlas_or_mask=atlas_or_mask)
    files = find_runs(bids_dir, derivatives=derivatives, filters=filters, **entities)
    return read_runs(
        files,
        atlas_or_mask=as_atlas(atlas_or_mask, [*folders_of(derivatives), Path(bids_dir)]),
        confounds=confounds,
        stimuli=stimuli,
        smoothing_fwhm=smoothing_fwhm,
        tr=tr,
        labels=labels,
        physio=physio,
        allow_gaps=allow_gaps,
    )


def read_runs(
    files: Sequence[RunFiles],
    *,
    atlas_or_mask: Any = None,
    confounds: str | Sequence[str] | None = None,
    stimuli: Stimuli = EVENTS_ALONE,
    smoothing_fwhm: float | None = None,
    tr: float | None = None,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    physio: Collection[Physio] = (),
    allow_gaps: bool = False,
) -> list[Run]:
    """Read runs whose files are known: the second half of :func:`load_runs`.

    Parameters
    ----------
    files : sequence of RunFiles
        As :func:`drmbids.bids.files.find.find_runs` gives them.
    atlas_or_mask, confounds, stimuli, smoothing_fwhm, tr, labels, physio, allow_gaps
        See :func:`load_runs`.

    Returns
    -------
    list of Run

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit together.
    """
    check_given(
        atlas_or_mask=atlas_or_mask,
        confounds=confounds,
        stimuli=stimuli,
        smoothing_fwhm=smoothing_fwhm,
        tr=tr,
        labels=labels,
        physio=physio,
    )
    # all images are checked to their end before any work is done
    images = [open_bold(one) for one in files]
    for image in images[1:]:
        image.check_like(images[0])
    timings = [volume_times(one, image, tr) for one, image in zip(files, images, strict=True)]
    check_same_tr([one.label for one in files], [timing.tr for timing in timings])
    check_confound_patterns(files, confounds)
    regions = find_regions(files, images[0], atlas_or_mask, labels)
    runs = [
        read_run(one, image, regions, confounds, stimuli, smoothing_fwhm, times, physio, allow_gaps)
        for one, image, times in zip(files, images, timings, strict=True)
    ]
    return with_all_conditions(without_dead_voxels(runs))


def load_files(
    files: RunFiles,
    regions: Space,
    *,
    confounds: str | Sequence[str] | None = None,
    stimuli: Stimuli = EVENTS_ALONE,
    smoothing_fwhm: float | None = None,
    tr: float | None = None,
    physio: Collection[Physio] = (),
    allow_gaps: bool = False,
) -> Run:
    """Load one run whose files are known, with all voxels of the regions as they are.

    Parameters
    ----------
    files : RunFiles
        As :func:`drmbids.bids.files.find.find_runs` gives them.
    regions : VoxelSpace or PlaceSpace
        On the grid of the image, or places of its surfaces.
    confounds, stimuli, smoothing_fwhm, tr, physio, allow_gaps
        See :func:`load_runs`.

    Returns
    -------
    Run

    Raises
    ------
    DataError
        If a file is missing, damaged or does not fit the others.
    """
    check_given(
        confounds=confounds, stimuli=stimuli, smoothing_fwhm=smoothing_fwhm, tr=tr, physio=physio
    )
    image = open_bold(files)
    if not image.holds(regions):
        found = "the regions lie on another grid than this image"
        raise error("IM14", files.bold, found, "bring them to the grid of the image")
    timing = volume_times(files, image, tr)
    return read_run(
        files, image, regions, confounds, stimuli, smoothing_fwhm, timing, physio, allow_gaps
    )


def read_run(
    files: RunFiles,
    image: Measured,
    regions: Space,
    confounds: str | Sequence[str] | None,
    wanted: Stimuli,
    smoothing_fwhm: float | None,
    timing: VolumeTimes,
    physio: Collection[Physio] = (),
    allow_gaps: bool = False,
) -> Run:
    """Return a run whose image is open and known to fit the regions."""
    times = timing.times
    table, kept = run_confounds(files, confounds, len(times))
    scrubbed = np.ones(len(times), dtype=bool)
    scrubbed[slice(None) if kept is None else kept] = False
    stimuli = read_stimuli(files, timing.duration, wanted, len(times))
    series = _series(image, regions, smoothing_fwhm, scrubbed, allow_gaps)
    if physio:
        recorded = heart_and_breath(files, image.shape, physio)
        table = recorded.with_confounds(table, timing.middles)
        if isinstance(regions, VoxelSpace):
            voxels = np.concatenate(list(regions.voxels.values()))
            series = recorded.clean(series, voxels, timing.starts)
    ends = np.cumsum([len(members) for members in regions.members.values()])[:-1]
    responses = {
        region: Stream(part, times, regions.columns(region))
        for region, part in zip(regions.members, np.split(series, ends, axis=1), strict=True)
    }
    used = [files.events if wanted.events else None, files.confounds if confounds else None]
    sources = [*image.files, *used]
    sources += files.recordings if physio else []
    sources += files.series if STIM in wanted.more else []
    return Run(
        responses,
        stimuli,
        confounds=None if table is None else Stream(table.to_numpy(), times, list(map(str, table))),
        duration=timing.duration,
        tr=timing.tr,
        entities=files.entities,
        space=regions,
        timing=timing.told,
        sources=[str(path) for path in sources if path is not None],
    )


def run_confounds(
    files: RunFiles, wanted: str | Sequence[str] | None, n_volumes: int
) -> tuple[pd.DataFrame | None, np.ndarray | None]:
    """Return the confounds table and the volumes to keep, None for no table and for all."""
    if not wanted:
        return None, None
    if files.confounds is None:
        found = "there is no confounds table (*_desc-confounds_timeseries.tsv) of this run"
        remedy = "add it, name the derivatives that hold it (-d), or leave out --confounds"
        raise error("CF01", files.bold, found, remedy)
    if isinstance(wanted, str) and wanted in STRATEGIES:
        table, kept = load_strategy(files.bold, wanted, files.confounds)
    else:
        table, kept = read_confounds(files.confounds, wanted), None
    if len(table) != n_volumes:
        found = f"{len(table)} rows, but {files.bold} has {n_volumes} volumes"
        remedy = "give the table that was made with this image"
        raise error("CF04", files.confounds, found, remedy)
    return (table if table.shape[1] else None), kept


def check_confound_patterns(files: Sequence[RunFiles], wanted: str | Sequence[str] | None) -> None:
    """Raise DataError if a pattern of confounds fits no column of any run."""
    if wanted and not (isinstance(wanted, str) and wanted in STRATEGIES):
        tables = {one.label: one.confounds for one in files if one.confounds is not None}
        check_patterns(tables, wanted)


def _refuse_gaps(path: Path, regions: Space, gaps: np.ndarray, finite: np.ndarray) -> None:
    """Raise for voxels that have a value in some volumes only, counted by region."""
    ends = np.cumsum([len(members) for members in regions.members.values()])[:-1]
    counts = {r: int(g.sum()) for r, g in zip(regions.members, np.split(gaps, ends), strict=True)}
    said = ", ".join(f"{r}: {n} of {len(regions.members[r])}" for r, n in counts.items() if n)
    n_volumes = int((~finite[:, gaps]).any(axis=1).sum())
    found = f"voxels that are NaN or infinite in some volumes ({n_volumes} of them): {said}"
    remedy = "repair or mask them, or leave them out of all runs with --allow-gaps"
    raise error("IM18", path, found, remedy)


def _series(
    image: Measured,
    regions: Space,
    smoothing_fwhm: float | None,
    scrubbed: np.ndarray,
    allow_gaps: bool,
) -> np.ndarray:
    """Return the series of regions; scrubbed volumes and targets that are not finite are NaN."""
    series = image.series(regions)
    lost = ~np.isfinite(series).any(axis=1) & ~scrubbed
    if lost.any():
        found = f"no finite value in volumes {np.flatnonzero(lost)[:10].tolist()} (counted from 0)"
        raise error("IM15", image.path, found, "remove or repair them")
    finite = np.isfinite(series[~scrubbed])
    gaps = ~finite.all(axis=0) & finite.any(axis=0)
    if gaps.any() and not allow_gaps:
        _refuse_gaps(image.path, regions, gaps, finite)
    dead = ~finite.all(axis=0) | (np.ptp(series[~scrubbed], axis=0) == 0)
    if smoothing_fwhm is not None:
        # what has no signal of its own is judged before its neighbours are smeared into it
        series = image.series(regions, smoothing_fwhm)
    series[:, dead] = np.nan
    series[scrubbed] = np.nan
    return series
