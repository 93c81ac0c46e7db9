"""The repetition time of a run: what its sidecar, its file and the user say of it."""

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import ProblemError, error
from drmbids.bids.reading.measured import TR_LIMITS, Measured
from drmbids.bids.reading.stated import is_number, stated_number
from drmbids.bids.reading.unite import TR_TOLERANCE

_SETTLE = "give it with tr= (command line: --tr)"


def repetition_time(
    files: RunFiles, measured: Measured, tr: float | None = None, regular: float | None = None
) -> float:
    """Return the repetition time of a run in seconds.

    Parameters
    ----------
    files : RunFiles
        Its metadata should state ``RepetitionTime``; CIFTI and GIFTI files state their own.
    measured : Measured
        The file has to agree where it states one.
    tr : float, optional
        What the user says it is, where sidecar and file state none or contradict each other; it has
        to agree with one of them.
    regular : float, optional
        What a regular ``VolumeTiming`` has instead.

    Raises
    ------
    DataError
        If nothing states it, statements contradict each other, or it is no number of seconds
        within 0.05 to 30.
    """
    name = "RepetitionTime" if regular is None else "VolumeTiming"
    sidecar = _sidecar_tr(files, tr) if regular is None else regular
    header = measured.stated_tr(tr if sidecar is None else sidecar)
    told = [
        f"{name} {sidecar:g} s in the sidecar" if sidecar is not None else "none in a sidecar",
        f"{header:g} s in the image header" if header is not None else "none in the image header",
    ]
    if tr is not None:
        known = [value for value in (sidecar, header) if value is not None]
        if known and not any(_same(value, tr) for value in known):
            found = ", ".join([f"--tr (Python: tr=) is {tr:g} s", *told])
            remedy = "leave out --tr, or write the right RepetitionTime into the sidecar"
            raise error("IM12", files.bold, found, remedy)
        return sidecar if sidecar is not None and _same(sidecar, tr) else _within(files, float(tr))
    if sidecar is not None:
        if header is not None and not _same(header, sidecar):
            remedy = f"correct one, or say which of the two is right: {_SETTLE}"
            raise error("IM12", files.bold, ", ".join(told), remedy)
        return sidecar
    if header is None or not measured.tr_is_sure:
        raise error("IM11", files.bold, "no RepetitionTime in its JSON sidecars", _SETTLE)
    return _within(files, header)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= TR_TOLERANCE


def _sidecar_tr(files: RunFiles, tr: float | None) -> float | None:
    """Return the sidecar's repetition time, None where it has none.

    One that cannot be right is an error, unless the user gives the right one: milliseconds are then
    held against it.
    """
    if files.metadata.get("RepetitionTime") is None:
        return None
    try:
        return _within(files, stated_number(files, "RepetitionTime", "IM11", _SETTLE))
    except ProblemError:
        if tr is None:
            raise
    stated = files.metadata["RepetitionTime"]
    low, high = TR_LIMITS
    return stated / 1000 if is_number(stated) and low <= stated / 1000 <= high else None


def _within(files: RunFiles, value: float) -> float:
    low, high = TR_LIMITS
    if not low <= value <= high:
        found = f"RepetitionTime {value:g} s is not within {low:g} to {high:g} s (milliseconds?)"
        raise error("IM11", files.bold, found, _SETTLE)
    return value
