"""The repetition time of a run: what its sidecars and its files say of it."""

from numbers import Real

from drmbids.bids.find import RunFiles
from drmbids.bids.measured import Measured
from drmbids.bids.problems import error
from drmbids.bids.unite import TR_TOLERANCE

#: Repetition times outside these seconds are milliseconds, or wrong.
TR_LIMITS = (0.05, 30.0)


def repetition_time(files: RunFiles, measured: Measured, tr: float | None = None) -> float:
    """Return the repetition time of a run in seconds.

    Parameters
    ----------
    files : RunFiles
        Its metadata should state ``RepetitionTime``; a CIFTI file states its own.
    measured : Measured
        The file has to agree where it states one.
    tr : float, optional
        Taken in place of both.

    Raises
    ------
    DataError
        If nothing states it, the two disagree, or it is no number of seconds within 0.05 to 30.
    """
    stated = files.metadata.get("RepetitionTime") if tr is None else tr
    if stated is None and measured.tr_is_sure:
        stated = measured.stated_tr(None)
    hint = "give it with tr= (command line: --tr)"
    if stated is None:
        raise error("IM11", files.bold, "no RepetitionTime in its JSON sidecars", hint)
    if isinstance(stated, bool) or not isinstance(stated, Real):
        raise error("IM11", files.bold, f"RepetitionTime {stated!r} is not a number", hint)
    value = float(stated)
    low, high = TR_LIMITS
    if not low <= value <= high:
        found = f"RepetitionTime {value:g} s is not within {low:g} to {high:g} s (milliseconds?)"
        raise error("IM11", files.bold, found, hint)
    header = measured.stated_tr(value)
    if tr is None and header is not None and abs(header - value) > TR_TOLERANCE:
        found = f"RepetitionTime {value:g} s in the sidecar, {header:g} s in the image header"
        raise error("IM12", files.bold, found, f"correct one, or {hint}")
    return value
