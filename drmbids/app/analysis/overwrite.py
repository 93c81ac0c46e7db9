"""Results of another analysis are neither overwritten nor mixed with, unless that is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.record import image_digest
from drmbids.app.analysis.settings import differences, lost, read_record
from drmbids.app.analysis.write import inputs_path
from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.find import RunFiles
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, EarlierResultError

#: Files that say what went into an analysis, in the folder of a participant.
INPUTS = "models/*_desc-inputs_runs.json"

# Options that choose between analyses that can lie side by side: their files have other names.
_APART = {
    "session": "session_label",
    "task": "task_id",
    "acquisition": "acquisition",
    "reconstruction": "reconstruction",
    "direction": "direction",
    "echo": "echo",
}
_APART_ALONE = ("space", "res", "den")

_REMEDY = (
    "use another output folder, --output-layout multiverse (a folder for each configuration), or "
    "--overwrite to replace the earlier results"
)


def check_folder(config: Config, settings: Mapping[str, Any]) -> None:
    """Refuse to add to or replace results that were made with other settings.

    Parameters
    ----------
    config : Config
    settings : mapping
        From :func:`~drmbids.app.analysis.settings.settings_of`.

    Raises
    ------
    EarlierResultError
        If results of other settings are there and are not to be overwritten.
    """
    text = None if config.overwrite else _otherwise(config, settings)
    if text is not None:
        raise EarlierResultError(f"{text}; {_REMEDY}")


def left_otherwise(
    config: Config, settings: Mapping[str, Any], replaced: Sequence[str]
) -> str | None:
    """Return which participants keep results of other settings, as a sentence; None if none do.

    Parameters
    ----------
    config, settings
        See :func:`check_folder`.
    replaced : sequence of str
        Labels, without ``sub-``, that this call makes anew.
    """
    text = _otherwise(config, settings, replaced)
    return text and f"{text}; the group level does not mix them: analyse all participants alike"


def _otherwise(config: Config, settings: Mapping[str, Any], but: Sequence[str] = ()) -> str | None:
    """Return how participants were analysed otherwise so that something of it would be lost."""
    others = [
        (label, lost(found, settings))
        for label, path, found in _recorded_settings(config.out_dir)
        if label.removeprefix("sub-") not in but and _is_meant(config, path)
    ]
    others = [(label, found) for label, found in others if found]
    labels = list(dict.fromkeys(label for label, _ in others))
    if not others:
        return None
    return (
        f"{config.out_dir} holds results of {', '.join(labels[:5])}"
        f"{' ...' if len(labels) > 5 else ''} with other settings: {'; '.join(others[0][1])}"
    )


def check_participant(
    config: Config,
    runs: Sequence[Run],
    files: Sequence[RunFiles],
    settings: Mapping[str, Any],
) -> str | None:
    """Refuse to replace an analysis of a participant by one that has less, or other images.

    Parameters
    ----------
    config : Config
    runs : sequence of Run
        Of this call.
    files : sequence of RunFiles
        Those of each run, in the same order.
    settings : mapping
        Of this call.

    Returns
    -------
    str or None
        How the analyses that are about to be replaced differ; None where they do not.

    Raises
    ------
    EarlierResultError
        If something of them would be lost, and they are not to be overwritten.
    """
    ours = {run.label: file for run, file in zip(runs, files, strict=True)}
    place = inputs_path(config.out_dir, runs)
    gone: list[str] = []
    changed: list[str] = []
    for path in sorted(place.parent.glob(Path(INPUTS).name)):
        record = read_record(path)
        before = {str(run.get("label")): run for run in record.get("runs", [])}
        if path != place and not before.keys() & ours.keys():
            continue
        said = record.get("settings")
        if isinstance(said, dict):
            gone += lost(said, settings)
            changed += [d for d in differences(said, settings) if d not in gone]
        gone += [f"{run} left out" for run in before if run not in ours]
        changed += [f"{run} added" for run in ours if run not in before]
        for run in (run for run in before if run in ours):
            told = _other_image(before[run], ours[run])
            if told:
                (gone if "another" in told else changed).append(f"{run} is {told}")
    if gone and not config.overwrite:
        raise EarlierResultError(
            f"{place.parent.parent} holds another analysis of the same runs: "
            f"{'; '.join(dict.fromkeys(gone))}; {_REMEDY}"
        )
    found = list(dict.fromkeys([*gone, *changed]))
    return f"replaces the results of an earlier call: {'; '.join(found)}" if found else None


def check_alike(out_dir: Path, participants: Sequence[str] = ()) -> None:
    """Refuse participants whose results are called the same, and were made otherwise.

    Parameters
    ----------
    out_dir : Path
    participants : sequence of str
        Labels, without ``sub-``, of those to look at; all when empty.

    Raises
    ------
    DataError
        If neither of two analyses of the same entities holds all that the other has.
    """
    first: dict[str, tuple[str, dict[str, Any]]] = {}
    for label, path, found in _recorded_settings(out_dir):
        if participants and label.removeprefix("sub-") not in participants:
            continue
        analysis = path.name.removeprefix(f"{label}_")
        known, said = first.setdefault(analysis, (label, found))
        if lost(said, found) and lost(found, said):
            told = "; ".join(differences(said, found)).replace(", now ", " and ")
            raise DataError(
                f"{out_dir}: {known} and {label} were analysed with other settings: {told}; the "
                "group level does not mix analyses: analyse all participants alike (--overwrite), "
                "or give each configuration its own folder"
            )
        if lost(said, found):  # the one that holds most is what others are held against
            continue
        first[analysis] = label, found


def _recorded_settings(out_dir: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Yield folder of the participant, file and settings of each analysis in a dataset."""
    for path in sorted(out_dir.glob(f"sub-*/{INPUTS}")):
        found = read_record(path).get("settings")
        if isinstance(found, dict):
            yield path.parts[-3], path, found


def _is_meant(config: Config, path: Path) -> bool:
    """Return whether an analysis is of the task, session, space ... that a call is about."""
    name = BIDSName.parse(path)
    entities = {} if name is None else dict(name.entities)
    chosen = {entity: getattr(config, option) for entity, option in _APART.items()}
    chosen |= {e: (getattr(config, e),) for e in _APART_ALONE if getattr(config, e) is not None}
    return not any(
        labels and entity in entities and not {"*", "Query.ANY", entities[entity]} & {*labels}
        for entity, labels in chosen.items()
    )


def _other_image(before: Mapping[str, Any], files: RunFiles) -> str:
    """Return how the image of a run differs from what it was, empty where it does not."""
    if before.get("bold_digest") in (None, image_digest(files)):
        return ""
    path, now = str(before.get("bold")), str(files.bold.absolute())
    return "changed since" if path == now else f"another image ({path}, now {now})"
