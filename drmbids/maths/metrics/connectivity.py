"""How alike two functional connectivities are."""

import numpy as np
from scipy.stats import ks_2samp


def connectivity_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two connectivity matrices over pairs of regions.

    Parameters
    ----------
    a, b : array of shape (n, n)
        The elements above the diagonal are compared; pairs missing (NaN) in either are left out.

    Returns
    -------
    float
        NaN where one of them does not vary.

    Examples
    --------
    >>> a = np.array([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]])
    >>> connectivity_correlation(a, 2 * a)
    1.0
    """
    pairs = np.triu_indices(len(a), 1)
    x, y = np.asarray(a)[pairs], np.asarray(b)[pairs]
    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return round(float(np.corrcoef(x, y)[0, 1]), 12)


def connectivity_rmse(a: np.ndarray, b: np.ndarray) -> float:
    """Return the root mean squared difference of two connectivity matrices over pairs of regions.

    Parameters
    ----------
    a, b : array of shape (n, n)
        As for :func:`connectivity_correlation`.

    Returns
    -------
    float
    """
    pairs = np.triu_indices(len(a), 1)
    return float(np.sqrt(np.nanmean((np.asarray(a)[pairs] - np.asarray(b)[pairs]) ** 2)))


def dynamics_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of two matrices of connectivity dynamics (FCD).

    Parameters
    ----------
    a, b : array of shape (n_windows, n_windows)
        How alike the connectivities of windows are; the elements above the diagonal are compared.

    Returns
    -------
    float
        From 0, the same distribution, to 1.

    References
    ----------
    Hansen et al. 2015, NeuroImage 105:525-535; as a measure of fit Deco et al. 2017, Sci Rep
    7:3095.
    """
    x, y = (np.asarray(m)[np.triu_indices(len(m), 1)] for m in (a, b))
    return float(ks_2samp(x[np.isfinite(x)], y[np.isfinite(y)]).statistic)
