"""Section on whether other times of the events explain held-out data better."""

from drmbids.app.report.folder import Analysis
from drmbids.app.report.page import Section
from drmbids.compare.timing.text import timing_finding


def fill_timing(section: Section, analysis: Analysis) -> None:
    """The audit of onsets, durations and amplitudes, and what it found."""
    table = analysis.table("desc-timing_scores")
    if table is None:
        section.missing = "No audit of the times of events was saved."
        return
    finding = timing_finding(table)
    if finding is None:
        section.note("No other onsets, durations or amplitudes of the events are clearly better.")
    elif finding.severity == "warning":
        section.messages([str(finding)], "warning")
    else:
        section.note(f"{finding}.")
    section.table(
        table.dropna(axis=1, how="all"),
        "A linear model with an assumed hemodynamic response, with events that are not taken as "
        "they are stated: onsets shifted (s), durations or amplitudes changed (factors), or the "
        "response made to peak elsewhere (s). Explained variance (R²) in held-out data, targets "
        "weighted by what is explained in training, its gain over the events as stated with a "
        "standard error, and one-sided p for one setting.",
        folded=finding is None,
    )
