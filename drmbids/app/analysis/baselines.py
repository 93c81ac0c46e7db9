"""The models that stand beside those given, in every comparison of the command line."""

from collections.abc import Callable, Mapping
from typing import Any

from drmbids.app.analysis.config import BASELINE, FREE_HRF, MEAN, Config
from drmbids.app.analysis.cross_validation import CrossValidation
from drmbids.app.analysis.logs import logger
from drmbids.data.runs.nuisance import Nuisance
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.free_hrf import free_hrf_baseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline

#: What makes each, by its name in files and tables; of the configuration they take the assumed HRF.
_MAKERS: Mapping[str, Callable[[str, Nuisance], Any]] = {
    BASELINE: lambda hrf, nuisance: GLMBaseline(hrf, nuisance=nuisance),
    "ar1": lambda hrf, nuisance: ARBaseline(hrf, nuisance=nuisance),
    FREE_HRF: lambda _, nuisance: free_hrf_baseline(nuisance),
    "hrflibrary": lambda _, nuisance: HRFLibrary(nuisance=nuisance),
    "ridge": lambda _, nuisance: RidgeBaseline(nuisance=nuisance),
    MEAN: lambda _, nuisance: MeanBaseline(nuisance=nuisance),
}


def baseline_models(
    config: Config, nuisance: Nuisance, held_out: CrossValidation
) -> dict[str, Any]:
    """Return the GLM, and what was asked for beside it.

    The mean of other runs is left out, with a line, where no whole run is held out.

    Parameters
    ----------
    config : Config
    nuisance : Nuisance
        What is taken out before scoring, the same for all models.
    held_out : CrossValidation

    Returns
    -------
    dict of str to estimator
        Unfitted, by name.
    """
    names = [name for name in _MAKERS if name == BASELINE or name in config.baselines]
    if MEAN in names and not held_out.whole_runs:
        names.remove(MEAN)
        if config.baselines != Config.baselines:
            logger.info("no mean of other runs (--baselines mean): no whole run is held out")
    return {name: _MAKERS[name](config.baseline_hrf, nuisance) for name in names}
