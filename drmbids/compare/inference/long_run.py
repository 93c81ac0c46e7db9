"""The variance of a sum over an autocorrelated series."""

import numpy as np
from scipy.fft import dct


def covariance_of_sum(series: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the covariance of the sum of a series over time, and its degrees of freedom.

    The mean of the products of the series' first ``B`` cosine coefficients (equal-weighted cosine
    estimator) with ``B = 0.4 n^(2/3)``: neighbouring samples may be alike in any way that is over
    within about ``n / B`` samples. Unlike with kernel estimators (Newey and West 1987), a sum over
    its standard error then has a t distribution with ``B`` degrees of freedom, so that intervals of
    short series are no narrower than they should be.

    Parameters
    ----------
    series : array of shape (n_samples, n_columns)
        With mean zero or not: the mean is not looked at.

    Returns
    -------
    covariance : array of shape (n_columns, n_columns)
    degrees : int

    References
    ----------
    Lazarus, Lewis, Stock and Watson 2018, HAR inference: recommendations for practice, Journal of
    Business & Economic Statistics 36:541-559.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(1000, 1))
    >>> covariance, degrees = covariance_of_sum(noise)
    >>> degrees, bool(0.7 < np.sqrt(covariance[0, 0] / 1000) < 1.3)
    (40, True)
    """
    n = len(series)
    degrees = max(1, min(n - 1, round(0.4 * n ** (2 / 3))))
    waves = np.asarray(dct(series, axis=0, norm="ortho"))[1 : degrees + 1]
    return n * waves.T @ waves / degrees, degrees
