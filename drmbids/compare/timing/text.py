"""What a timing audit found, in words."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from drmbids.compare.timing.audit import is_free, timing_audit
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataWarning
from drmbids.fit.baselines.glm import GLMBaseline


class TimingFinding(NamedTuple):
    """A setting that is clearly better than the events as they are stated.

    Parameters
    ----------
    severity : str
        ``"warning"`` or ``"note"``.
    found : str
        What was found, with figures.
    remedy : str
        What to do about it, and what follows for a comparison.
    """

    severity: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}; {self.remedy}"


_CAUSES = {
    "onsets": "check onsets, StartTime, slice timing and volumes left out at the start",
    "durations": "check that durations are in seconds and not missing",
    "amplitudes": "check that a column of amplitudes is meant to multiply events",
}
_NOT_FAIR = "the comparison with fixed hemodynamics is not fair"


def timing_finding(table: pd.DataFrame) -> TimingFinding | None:
    r"""Return what an audit found, None where the events as stated are as good as any.

    Parameters
    ----------
    table : DataFrame
        From :func:`~drmbids.timing_audit`, or read from its file.

    Examples
    --------
    >>> columns = ["setting", "value", "r2", "gain", "gain_se", "finding", "severity"]
    >>> rows = [["onsets", 0.0, 0.57, 0.0, 0.0, "", ""],
    ...         ["onsets", -1.5, 0.98, 0.41, 0.01, "onsets", "warning"]]
    >>> found = timing_finding(pd.DataFrame(rows, columns=columns)).found
    >>> print(found.replace(": ", ":\n"))
    events seem to come 1.5 s earlier than stated:
    held-out R2 .98 in place of .57 (gain .41, SE .01)
    """
    rows = table[table["severity"].isin(["warning", "note"])]
    if rows.empty:
        return None
    best, stated = rows.iloc[0], table.iloc[0]
    setting, value = str(best["setting"]), float(best["value"])
    either = str(best["finding"]) != setting
    r2, before, gain, error = (
        _number(x) for x in (best["r2"], stated["r2"], best["gain"], best["gain_se"])
    )
    figures = f"held-out R2 {r2} in place of {before} (gain {gain}, SE {error})"
    if setting == "onsets":
        when = f"{abs(value):g} s {'earlier' if value < 0 else 'later'}"
        what = f"events seem to come {when} than stated"
        if either:
            what = f"responses come {when} than the assumed one: hemodynamics or timing"
    elif setting == "durations":
        what = f"events seem to last {_FACTORS.get(value, f'{value:g} times as long as stated')}"
        what += ", or hemodynamics differ" if either else ""
    else:
        what = "events seem to be alike in strength, not as their amplitudes are stated"
    return TimingFinding(
        str(best["severity"]), f"{what}: {figures}", f"{_CAUSES[setting]}; {_NOT_FAIR}"
    )


_FACTORS = {
    0.0: "no time, as impulses",
    1e-3: "a thousandth of what is stated",
    1e3: "a thousand times what is stated",
}


def _number(value: float) -> str:
    """Return a number below 1 with two decimals, as R2 is written."""
    return f"{value:.2f}".replace("0.", ".", 1)


def audit_of_models(
    models: Mapping[str, Any], runs: Sequence[Run], nuisance: Nuisance
) -> pd.DataFrame | None:
    """Return the timing audit of a comparison, and warn of what it found.

    Parameters
    ----------
    models : mapping of str to estimator
    runs : sequence of Run
    nuisance : Nuisance
        What scores are made without.

    Returns
    -------
    DataFrame or None
        None where no :class:`~drmbids.GLMBaseline` with an assumed hemodynamic response is compared
        with another model.

    Warns
    -----
    DataWarning
        If other onsets, durations or amplitudes explain held-out data clearly better.
    """
    assumed = [
        model.hrf_model
        for model in models.values()
        if isinstance(model, GLMBaseline) and not is_free(model.hrf_model)
    ]
    if not assumed or len(models) < 2:
        return None
    table = timing_audit(runs, assumed[0], nuisance)
    finding = timing_finding(table)
    if finding is not None and finding.severity == "warning":
        warnings.warn(f"{len(runs)} runs: {finding}", DataWarning, stacklevel=3)
    return table
