"""The linear model whose hemodynamic responses are free: what a DRM has to beat beside the GLM."""

from nilearn.glm.first_level import glover_hrf

from drmbids.data.runs.nuisance import Nuisance
from drmbids.fit.baselines.design import GammaKernel
from drmbids.fit.baselines.ridge import RidgeBaseline

#: Basis of the response of each condition in each target: Glover's HRF, and gamma densities from
#: early to late for what differs from it. On held-out runs of Haxby et al. (2001), nitime's event-
#: related MT+ and a localizer of one run, this did as well as FIR delays where there are many data
#: (mean r .208, .211; .483, .496) and better where there are few (.24, .17), and better than HRFs
#: with their derivatives (.20, .46, .24) or one chosen from a library (.19, .43).
BASIS = (glover_hrf, *(GammaKernel(peak) for peak in (2.0, 4.0, 6.0, 9.0, 13.0)))


def free_hrf_baseline(nuisance: Nuisance | None = None) -> RidgeBaseline:
    """Return the linear model with free hemodynamic responses that comparisons have by default.

    Each target has a response of its own to each condition: a combination of Glover's HRF and five
    gamma densities that peak from 2 to 13 s, by ridge regression towards what conditions have in
    common, with a penalty for each target that generalised cross-validation chooses in the training
    runs. A dynamic model that predicts no better adds nothing but hemodynamics to a GLM.

    Parameters
    ----------
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.

    Returns
    -------
    RidgeBaseline
        Unfitted.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import Events, Run, Stream, free_hrf_baseline
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> free_hrf_baseline().fit([run]).coef_.shape  # 6 for each condition, and for both together
    (3, 18)
    """
    return RidgeBaseline(kernels=list(BASIS), common=True, cv="gcv", nuisance=nuisance)
