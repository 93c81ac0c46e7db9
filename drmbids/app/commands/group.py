"""Group level: gather what the participant level wrote, and say who is missing."""

from pathlib import Path

from drmbids.app.analysis.columns import (
    DIFFERENCE_TABLES,
    GROUP_INTERVALS,
    GROUP_PARTS,
    GROUP_TABLES,
)
from drmbids.app.analysis.config import Config
from drmbids.app.analysis.logs import collected_warnings, logger, logging_to, new_call_folder
from drmbids.app.analysis.overwrite import check_alike
from drmbids.app.analysis.settings import with_layout
from drmbids.app.jobs.output import check_output
from drmbids.app.report.folder import read_table
from drmbids.app.report.group import write_group_report
from drmbids.bids.files.dataset import open_dataset
from drmbids.bids.files.ignored import kept_subjects
from drmbids.bids.files.write import describe_columns
from drmbids.data.storage.files import write_json
from drmbids.data.tools.exceptions import DataError

# Tables whose columns mean something of their own.
_COLUMNS = {
    "desc-differences": DIFFERENCE_TABLES,
    "desc-parts": GROUP_PARTS,
    "desc-intervals": GROUP_INTERVALS,
}


def run_group(config: Config) -> int:
    """Write tables and report over participants that the participant level has finished.

    Parameters
    ----------
    config : Config
        ``out_dir`` is what the participant level wrote, ``participant_label`` who is included; all
        when empty.

    Returns
    -------
    int
        0.

    Raises
    ------
    DataError
        If no participant has results, or some were analysed with other settings than the rest.
    """
    config = with_layout(config)
    finished = finished_participants(config.out_dir)
    if not finished & set(config.participant_label or finished):
        asked = ", ".join(f"sub-{label}" for label in config.participant_label)
        who = f"no participant of {asked}" if asked else "no participant"
        raise DataError(
            f"{config.out_dir}: {who} has results; run the participant level first"
            f"{_elsewhere(config.out_dir)}"
        )
    check_output(config.bids_dir, config.out_dir)
    check_alike(config.out_dir, config.participant_label)
    call = new_call_folder(config.out_dir)
    config.save(call / "config.toml")
    with logging_to(call / "drmbids.log", config.verbosity):
        missing = missing_participants(config)
        if missing:
            names = ", ".join(f"sub-{label}" for label in missing)
            logger.warning("no results of %s; they are left out", names)
        left_out = sorted(finished - set(config.participant_label or finished))
        if left_out:
            names = ", ".join(f"sub-{label}" for label in left_out)
            logger.info("group: results of %s are there but not asked for, and not included", names)
        with collected_warnings("group"):
            path = write_group_report(config.out_dir, config.participant_label)
        for table in sorted((config.out_dir / "group").glob("*.tsv")):
            known = _COLUMNS.get(table.name.split("_")[0], GROUP_TABLES)
            columns = describe_columns(read_table(table).columns, known)
            write_json(table.with_suffix(".json"), columns)
        logger.info("group: done, see %s", path)
    return 0


def _elsewhere(out_dir: Path) -> str:
    """Return where other configurations have results, as the end of a message."""
    parents = (out_dir, out_dir.parent) if out_dir.name.startswith("hash-") else (out_dir,)
    found = [path.name for parent in parents for path in sorted(parent.glob("hash-*"))]
    return f", with the options of one of {', '.join(found)}" if found else ""


def finished_participants(out_dir: Path) -> set[str]:
    """Return the labels of participants whose results are complete."""
    found = out_dir.glob("sub-*/models/*_desc-inputs_runs.json")
    return {path.parts[-3].removeprefix("sub-") for path in found}


def missing_participants(config: Config) -> list[str]:
    """Return the participants of the input, or those asked for, that have no results."""
    dataset = open_dataset(config.bids_dir)
    wanted = config.participant_label or kept_subjects(dataset, dataset.subjects)
    finished = finished_participants(config.out_dir)
    return [label for label in wanted if label not in finished]
