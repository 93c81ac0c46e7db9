"""Which files make up the runs that are asked for; nothing but small text files is read here."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drmbids.bids.files.companions import Companions
from drmbids.bids.files.dataset import Dataset, open_dataset, read_json
from drmbids.bids.files.entities import (
    ANY,
    FORMATS,
    NONE,
    PROCESSING,
    BIDSName,
    keys,
    matches,
    natural,
    read_query,
)
from drmbids.bids.files.given import check_given
from drmbids.bids.files.ignored import ignored_subjects, kept_subjects, without_ignored
from drmbids.bids.files.problems import error, warn
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.formats import FileFormat

_OR_ALL = {"session": ", or all of them: session='*' (--session-label '*')"}

# Metadata that both hemispheres of a run have to share.
_TIMES = ("RepetitionTime", "VolumeTiming", "StartTime")
# What may differ between the runs of one analysis without being chosen.
_FREE = ("subject", "run", "hemi")
# Entities that the command line has an option for.
_OPTIONS = {
    "session": "session-label",
    **{"task": "task", "acquisition": "acq", "reconstruction": "rec", "direction": "dir"},
    **{name: name for name in ("space", "res", "den", "desc", "echo")},
    "file_format": "file-format",
}


@dataclass(frozen=True, eq=False)
class RunFiles:
    """The files of one run.

    Parameters
    ----------
    bold : Path
        The 4-D image (``.nii``, ``.nii.gz``) or CIFTI file (``.dtseries.nii``,
        ``.ptseries.nii``), or the surface of the first hemisphere (``.func.gii``).
    entities : mapping of str to str
        BIDS entities of the image by their long names (``subject``, ``session``, ``task``,
        ``acquisition``, ``run``, ``space``, ``desc`` ...), labels as in the file name.
    events : Path or None
        The ``events.tsv`` that applies to the run.
    confounds : Path or None
        The confounds table of the run.
    mask : Path or None
        The brain mask of the run, None where there is not exactly one.
    metadata : mapping
        JSON metadata of the image with inheritance, such as ``RepetitionTime``.
    searched : sequence of Path
        Datasets in which the events were looked for; the last one is the raw dataset.
    recordings : sequence of Path
        Physiological recordings of the run.
    hemispheres : mapping of {"L", "R"} to Path
        Surfaces of the hemispheres; empty for other kinds of files.
    series : sequence of Path
        Sampled stimuli of the run (``_stim.tsv.gz``).
    stated_in : mapping of str to Path
        The JSON file that each of the metadata is from.
    """

    bold: Path
    entities: Mapping[str, str]
    events: Path | None = None
    confounds: Path | None = None
    mask: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    searched: Sequence[Path] = ()
    recordings: Sequence[Path] = ()
    hemispheres: Mapping[str, Path] = field(default_factory=dict)
    series: Sequence[Path] = ()
    stated_in: Mapping[str, Path] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Entities as in the file name: ``sub-01_task-x_run-01``."""
        pairs = [f"{keys().get(name, name)}-{label}" for name, label in self.entities.items()]
        return "_".join(pairs) or self.bold.name


def find_runs(
    bids_dir: str | Path,
    *,
    derivatives: Any = None,
    filters: Mapping[str, Any] | str | Path | None = None,
    file_format: FileFormat | None = None,
    **entities: Any,
) -> list[RunFiles]:
    """Find the runs of a BIDS dataset that match a choice of entities.

    Parameters
    ----------
    bids_dir : str or Path
        Root of a raw dataset, or of a derivative one (fMRIPrep output), whose events then come
        from itself or from the raw dataset it points to.
    derivatives : path, list of paths, or {name: path}, optional
        fMRIPrep-like outputs: the BOLD images (``desc-preproc`` unless another ``desc`` is asked
        for), confounds and masks come from there, the events from ``bids_dir``.
    filters : mapping or path, optional
        Content, or path, of a ``--bids-filter-file`` as fMRIPrep takes it:
        ``{"bold": {"task": "rest", "space": "Query.NONE"}}``. null or ``"Query.NONE"`` asks for
        files without the entity, ``"*"`` or ``"Query.ANY"`` for files with any label.
    file_format : {"nifti", "gifti", "dtseries", "ptseries"}, optional
        Volumes, surfaces, grayordinates or parcels, where a dataset has several.
    **entities : str or list of str
        ``subject, session, task, acquisition, run, space, desc, echo`` or any other BIDS entity by
        its long name, with or without its key (``"sub-01"``, ``"01"``); ``run=1`` finds
        ``run-01``. None asks for nothing.

    Returns
    -------
    list of RunFiles
        In natural order: ``run-2`` before ``run-10``. What the raw dataset lists in ``.bidsignore``
        is left out, with a warning.

    Raises
    ------
    DataError
        If the folder is no BIDS dataset, a participant is not there, nothing matches, files of
        several formats, tasks, acquisitions, spaces, descs or echoes match and none was chosen,
        or a run lacks a hemisphere that others have.
    UsageError
        If an entity or filter is not understood.
    """
    check_given(bids_dir=bids_dir, derivatives=derivatives, filters=filters)
    dataset = open_dataset(bids_dir)
    sources = [open_dataset(folder) for folder in folders_of(derivatives)] or [dataset]
    query = read_query(_bold_filters(filters), entities)
    subjects = _subjects(dataset, sources, query)
    found = [
        (source, name)
        for source in sources
        for name in source.files(subjects)
        if name.file_format is not None and file_format in (None, name.file_format)
    ]
    if file_format is not None and file_format not in FORMATS:
        raise UsageError(f"unknown file_format {file_format!r}; choose among {', '.join(FORMATS)}")
    found = without_ignored(found, dataset, query)
    chosen = _choose([name for _, name in found], query, sources)
    companions = {id(source): Companions(dataset, source, subjects) for source in sources}
    runs = [
        _run_files(source, names, companions[id(source)])
        for source, names in _hemispheres_together([f for f in found if f[1] in chosen])
    ]
    return sorted(runs, key=lambda run: natural(run.label))


def _hemispheres_together(
    found: Sequence[tuple[Dataset, BIDSName]],
) -> list[tuple[Dataset, list[BIDSName]]]:
    """Return the files of each run: one, or those of its hemispheres."""
    runs: dict[Any, tuple[Dataset, list[BIDSName]]] = {}
    for source, name in found:
        side = "hemi" if name.file_format == "gifti" else ""
        key = (id(source), name.path.parent, frozenset(name.without([side]).items()))
        runs.setdefault(key, (source, []))[1].append(name)
    sides = {n.entities.get("hemi") for _, names in runs.values() for n in names}
    for _, names in runs.values():
        there = {name.entities.get("hemi") for name in names}
        if there != sides:
            missing = ", ".join(sorted(f"hemi-{side}" for side in sides - there))
            found_text = f"{missing} of this run is missing, other runs have it"
            raise error("DS09", names[0].path, found_text, "add it, or choose one with --hemi")
    return list(runs.values())


def _run_files(source: Dataset, names: Sequence[BIDSName], companions: Companions) -> RunFiles:
    """Return an image, or two hemispheres, with everything that belongs to it."""
    names = sorted(names, key=lambda n: n.entities.get("hemi", ""))
    name = names[0]
    # both hemispheres are one run, and the mean of a parcel is its signal
    drop = {"stat", "hemi"} if len(names) > 1 else {"stat"}
    entities = {k: v for k, v in name.entities.items() if k not in drop}
    sides = {n.entities["hemi"]: n.path for n in names if n.file_format == "gifti"}
    stated = source.stated(name)
    for other in names[1:]:
        _refuse_other_times(stated, source.stated(other), name, other)
    return RunFiles(
        bold=name.path,
        entities=entities,
        events=companions.events(name),
        confounds=companions.confounds(name),
        mask=companions.brain_mask(name),
        metadata={key: value for key, (value, _) in stated.items()},
        searched=companions.searched,
        recordings=companions.recordings(name),
        hemispheres=sides,
        series=companions.series(name),
        stated_in={key: path for key, (_, path) in stated.items()},
    )


def _refuse_other_times(
    stated: Mapping[str, tuple[Any, Path]],
    others: Mapping[str, tuple[Any, Path]],
    name: BIDSName,
    other: BIDSName,
) -> None:
    """Raise if the sidecars of two hemispheres state different times of volumes."""
    for key in _TIMES:
        one, two = (found.get(key, (None, Path()))[0] for found in (stated, others))
        if one != two:
            found = f"{key} of {other.path.name} is {two!r}, of {name.path.name} {one!r}"
            raise error("TM01", other.path, found, "hemispheres are measured together: correct one")


def folders_of(derivatives: Any) -> list[Path]:
    """Return the folders in one of the forms that ``derivatives`` may have.

    Parameters
    ----------
    derivatives : path, list of paths, mapping of str to path or None
    """
    if derivatives is None:
        return []
    given = [derivatives] if isinstance(derivatives, str | Path) else derivatives
    given = derivatives.values() if isinstance(derivatives, Mapping) else given
    # one dataset may be given twice, under two names or by a link
    return list({Path(folder).resolve(): Path(folder) for folder in given}.values())


def _bold_filters(filters: Mapping[str, Any] | str | Path | None) -> Mapping[str, Any]:
    """Return the query ``bold`` of a filter file or of its content."""
    if filters is None:
        return {}
    content = filters if isinstance(filters, Mapping) else read_json(Path(filters))
    queries = content.get("bold", {})
    if not isinstance(queries, Mapping) or (content and "bold" not in content):
        raise UsageError(
            "a BIDS filter needs the form {'bold': {entity: label}}, "
            f"got {json.dumps(content, default=str)}"
        )
    return queries


def _subjects(
    dataset: Dataset, sources: Sequence[Dataset], query: Mapping[str, list[str]]
) -> list[str]:
    """Return the participants asked for, all that are not ignored without a choice."""
    available = sorted({s for source in sources for s in source.subjects}, key=natural)
    folders = ", ".join(str(source.root) for source in sources)
    if not available:
        found = "0 participants, there is no folder sub-<label>"
        raise error("DS03", folders, found, "give the folder that holds them")
    wanted = query.get("subject", [ANY])
    missing = [s for s in wanted if s not in (ANY, NONE, *available)]
    if missing:
        remedy = f"there are: {', '.join(available)}"
        raise error("DS03", folders, f"no participant {', '.join(missing)}", remedy)
    if ANY not in wanted:
        return [s for s in available if s in wanted]
    ignored = ignored_subjects(dataset, available)
    if ignored is not None:
        warn(ignored.code, ignored.file, ignored.found, ignored.remedy)
    return kept_subjects(dataset, available)


def _choose(
    files: list[BIDSName], query: Mapping[str, list[str]], sources: Sequence[Dataset]
) -> set[BIDSName]:
    """Return the images asked for, refusing to mix what differs in more than the run."""
    folders = ", ".join(str(source.root) for source in sources)
    asked = _in_words(query) or "any entities"
    if not files:
        found = f"no BOLD image (*_bold.nii.gz, .func.gii, .dtseries.nii ...) for {asked}"
        raise error("DS04", folders, found, "check the folder and its participants")
    found = [name for name in files if matches(name, query)]
    if not found:
        there = "; ".join(f"{k}: {', '.join(v)}" for k, v in _labels(files).items())
        raise error("DS04", folders, f"no BOLD run with {asked}", f"choose among {there}")
    if "desc" not in query:
        preferred = {n.file_format for n in found if n.entities.get("desc") == "preproc"}
        found = [
            n
            for n in found
            if n.file_format not in preferred or n.entities.get("desc") == "preproc"
        ]
    kinds = sorted({str(name.file_format) for name in found})
    open_questions = {
        entity: labels
        for entity, labels in {"file_format": kinds, **_labels(found)}.items()
        if len(labels) > 1 and entity not in query and entity not in _FREE
    }
    sessions = {(n.entities["subject"], n.entities.get("session")) for n in found}
    if len(sessions) == len({subject for subject, _ in sessions}):
        open_questions.pop("session", None)  # one for each participant, whatever they are called
    if open_questions:
        said = "; ".join(f"{k}: {', '.join(v)}" for k, v in open_questions.items())
        entity, labels = next(iter(open_questions.items()))
        label = NONE if labels[-1] == "(none)" else labels[-1]
        remedy = f"choose, for example {entity}={label!r}{_option(entity, label)}"
        if entity != "file_format":
            remedy += f" or the filter {{'bold': {{'{entity}': '{label}'}}}}"
        remedy += _OR_ALL.get(entity, "")
        raise error("DS05", folders, f"the runs differ in more than the run ({said})", remedy)
    _refuse_repeats(found)
    return set(found)


def _in_words(query: Mapping[str, list[str]]) -> str:
    """Return what is asked for: ``task=rest|look, any session, no space``."""
    found = []
    for entity, labels in query.items():
        special = {ANY: f"any {entity}", NONE: f"no {entity}"}
        named = [] if ANY in labels else [label for label in labels if label != NONE]
        said = [f"{entity}={'|'.join(named)}"] if named else []
        found.append(" or ".join([*said, *(special[k] for k in special if k in labels)]))
    return ", ".join(found)


def _option(entity: str, label: str) -> str:
    """Return the choice of an entity as the command line takes it, where it does."""
    if entity not in _OPTIONS or label == NONE:
        return ""
    return f" (--{_OPTIONS[entity]} {label})"


def _labels(files: Iterable[BIDSName]) -> dict[str, list[str]]:
    """Return the labels of each entity that occurs, ``(none)`` where some files lack it."""
    files = list(files)
    entities = dict.fromkeys(entity for name in files for entity in name.entities)
    return {
        entity: sorted({f.entities.get(entity, "(none)") for f in files}, key=natural)
        for entity in entities
    }


def _refuse_repeats(files: Iterable[BIDSName]) -> None:
    """Raise if two images show the same run, as ``run-1`` and ``run-01`` do."""
    seen: dict[frozenset[tuple[str, str]], list[BIDSName]] = defaultdict(list)
    for name in files:
        seen[frozenset(name.without(PROCESSING).items())].append(name)
    for same in seen.values():
        if len(same) > 1:
            found = f"the same run twice: {same[0].path} and {same[1].path}"
            raise error("DS06", same[0].path, found, "choose one, or remove one")
