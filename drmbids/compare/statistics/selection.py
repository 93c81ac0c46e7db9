"""Which model is most frequent in the population: random-effects Bayesian model selection."""

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.special import digamma, expit, gammainc, gammaincinv, gammaln, logsumexp, softmax, xlogy

from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import TrainingError, UsageError

_TOLERANCE, _MAX_ITERATIONS = 1e-10, 100_000


def select_models(log_evidence: pd.DataFrame, prior_count: float = 1.0) -> pd.DataFrame:
    """Return how frequent each model is in the population that the participants come from.

    Each participant has one of the models, drawn with unknown frequencies; these get a Dirichlet
    prior, and a variational posterior is found by iteration to convergence. One participant with a
    large difference moves it no more than any other.

    Parameters
    ----------
    log_evidence : DataFrame of shape (n_participants, n_models)
        Log evidence in nats, or held-out log-likelihood summed over folds (the score
        ``log_likelihood``); columns are models. Voxels are no independent samples: a sum over
        voxels overstates each participant's evidence.
    prior_count : float
        Participants that each model is given beforehand: 1, as in SPM, is a flat prior;
        ``1 / n_models`` favours frequencies near 0 and 1.

    Returns
    -------
    DataFrame
        One row for each model: ``model, frequency`` (posterior mean), ``exceedance`` (probability
        that it is the most frequent), ``protected_exceedance`` (the same, with the chance allowed
        for that all models are equally frequent), ``omnibus_risk`` (that chance, the same in all
        rows).

    Raises
    ------
    UsageError
        If there are fewer than two models, a value is not finite, or the prior is not positive.
    TrainingError
        If the iteration does not converge.

    References
    ----------
    Stephan et al. 2009, NeuroImage 46:1004-1017 (posterior); Rigoux et al. 2014, NeuroImage
    84:971-985 (equations of free energy, omnibus risk and protected exceedance); Soch and Allefeld
    2016, arXiv:1611.01439 (exceedance by integration).

    Examples
    --------
    >>> evidence = pd.DataFrame({"drm": [3.0, 4.0, 1.0, 5.0], "glm": [0.0, 0.0, 2.0, 0.0]})
    >>> select_models(evidence)[["frequency", "exceedance"]].round(2).values.tolist()
    [[0.77, 0.93], [0.23, 0.07]]
    """
    try:
        values = np.asarray(log_evidence, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(
            f"log_evidence must be numbers, participants x models, got {shortly(log_evidence)}"
        ) from None
    if values.ndim != 2 or values.shape[1] < 2 or len(values) < 1 or not np.isfinite(values).all():
        raise UsageError(
            f"log evidence {values.shape} must be finite, (n_participants, n_models) with two "
            "models or more; leave out participants that lack a model"
        )
    if prior_count <= 0:
        raise UsageError(f"prior_count must be above 0, got {prior_count}")
    prior = np.full(values.shape[1], float(prior_count))
    counts, share = _posterior(values, prior)
    risk = expit(_null_energy(values) - _free_energy(values, prior, counts, share))
    exceedance = exceedance_probabilities(counts)
    return pd.DataFrame(
        {
            "model": list(log_evidence.columns),
            "frequency": counts / counts.sum(),
            "exceedance": exceedance,
            "protected_exceedance": exceedance * (1 - risk) + risk / len(counts),
            "omnibus_risk": risk,
        }
    )


def exceedance_probabilities(counts: np.ndarray) -> np.ndarray:
    """Return the probability of each Dirichlet variable to be the largest.

    Dirichlet variables are independent Gamma variables over their sum, so the largest of these is
    sought: the product of the other distribution functions, averaged over the quantiles of one.

    Parameters
    ----------
    counts : array of shape (n_models,)
        Parameters of the Dirichlet distribution, positive.

    Returns
    -------
    array of shape (n_models,)
        Sums to 1.

    References
    ----------
    Soch and Allefeld 2016, arXiv:1611.01439.

    Examples
    --------
    >>> exceedance_probabilities(np.array([2.0, 2.0])).round(6)
    array([0.5, 0.5])
    """

    def smaller(u: float, k: int) -> float:
        """Return the probability that all others are below quantile ``u`` of one."""
        return float(np.prod(gammainc(np.delete(counts, k), gammaincinv(counts[k], u))))

    found = np.array([quad(smaller, 0, 1, args=(k,), limit=200)[0] for k in range(len(counts))])
    return found / found.sum()


def _posterior(values: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of the posterior, and the share of each participant for each model."""
    counts = prior
    for _ in range(_MAX_ITERATIONS):
        share = softmax(values + digamma(counts) - digamma(counts.sum()), axis=1)
        previous, counts = counts, prior + share.sum(0)
        if np.abs(counts - previous).max() < _TOLERANCE:
            return counts, share
    raise TrainingError(f"model selection did not converge in {_MAX_ITERATIONS} iterations")


def _free_energy(
    values: np.ndarray, prior: np.ndarray, counts: np.ndarray, share: np.ndarray
) -> float:
    """Return the free energy of models with unknown frequencies (Rigoux et al. 2014)."""
    log_frequency = digamma(counts) - digamma(counts.sum())

    def log_dirichlet(parameters: np.ndarray) -> float:
        constant = gammaln(parameters.sum()) - gammaln(parameters).sum()
        return float(constant + ((parameters - 1) * log_frequency).sum())

    joint = (share * (values + log_frequency)).sum() + log_dirichlet(prior)
    entropy = -log_dirichlet(counts) - xlogy(share, share).sum()
    return float(joint + entropy)


def _null_energy(values: np.ndarray) -> float:
    """Return the log evidence of equally frequent models."""
    return float((logsumexp(values, axis=1) - np.log(values.shape[1])).sum())
