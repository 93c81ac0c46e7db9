"""What can be chosen of a whole brain at rest, and its defaults."""

from collections.abc import Mapping
from typing import Any

from drmbids.data.tools.exceptions import UsageError

#: Seconds of a segment and band in Hz, for each kind of measurement. BOLD: the band in which
#: resting-state connectivity is usually looked at (Biswal et al. 1995, Magn Reson Med 34:537-541).
SEGMENT = {"bold": 100.0, "activity": 2.0}
BAND = {"bold": (0.01, 0.1), "activity": (2.0, 45.0)}
STATISTICS = ("fc", "lagged_fc", "spectra")


def check_objective(measurement: str, objective: Any) -> None:
    """Raise for a measurement or an objective that is none.

    Parameters
    ----------
    measurement : str
    objective : str or mapping of str to float

    Raises
    ------
    UsageError
    """
    if measurement not in BAND:
        raise UsageError(f"measurement must be bold or activity, got {measurement!r}")
    if objective == "likelihood":
        return
    weights = objective if isinstance(objective, Mapping) else {}
    if not weights or set(weights) - set(STATISTICS) or not min(weights.values()) >= 0:
        raise UsageError(
            f"objective must be 'likelihood' or weights of some of {', '.join(STATISTICS)}, got "
            f"{objective!r}"
        )
