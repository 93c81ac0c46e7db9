"""Peak between samples, from a parabola through the largest sample and its neighbours."""


def vertex_shift(before: float, at: float, after: float) -> float:
    """Return how far the vertex of a parabola through three even samples is from the middle one.

    Parameters
    ----------
    before, at, after : float
        Values of successive samples.

    Returns
    -------
    float
        In steps between samples; 0 where they lie on a line.

    Examples
    --------
    >>> vertex_shift(0.0, 1.0, 1.0)
    0.5
    """
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend else 0.0
