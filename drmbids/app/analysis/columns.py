"""Meaning and unit of every column in the tables that are written."""

from collections.abc import Iterable, Mapping
from typing import Any


def _column(description: str, units: str | None = None, **levels: str) -> Mapping[str, Any]:
    """Return the entry of a column in a JSON sidecar."""
    entry: dict[str, Any] = {"Description": description}
    if units is not None:
        entry["Units"] = units
    return entry | ({"Levels": levels} if levels else {})


_WHO = {
    "model": _column(
        "Name of the model",
        glm="linear model with an assumed hemodynamic response",
        freehrf="linear model with free hemodynamic responses",
        mean="mean of the training runs",
        ar1="linear model with an assumed hemodynamic response and autocorrelated noise",
        hrflibrary="linear model with the best of 20 hemodynamic responses for each voxel",
        ridge="linear model of delayed stimuli, ridge regression",
    ),
    "region": _column("Region of interest"),
    "target": _column(
        "Index of the target (voxel, vertex, grayordinate or parcel) in its region, in the order "
        "of the saved maps"
    ),
    "fold": _column("Run, session, block or trial types that were held out"),
    "baseline": _column("Model that the others are compared with"),
    "node": _column("Population, or the readout"),
    "source": _column("Stimulus or population that sends; for a parameter, origin of its default"),
}

_SCORE_WORDS = {"r": "r", "r2": "r2", "log_likelihood": "the log-likelihood of a fold"}
_SCORE_UNITS = {"r": "1", "r2": "1", "log_likelihood": "nat"}

_SCORES = {
    "r": _column("Correlation of measured and predicted series, nuisance taken out", "1"),
    "r2": _column("Coefficient of determination, nuisance taken out", "1"),
    "log_likelihood": _column(
        "Log-likelihood of the held-out series, summed over the runs of the fold, with the error "
        "variance of the training runs",
        "nat",
    ),
    **{
        f"{score}_{short}": _column(
            f"{long} over targets of the mean of {words} over folds", _SCORE_UNITS[score]
        )
        for score, words in _SCORE_WORDS.items()
        for short, long in (("median", "Median"), ("mean", "Mean"), ("p95", "95th percentile"))
    },
    **{
        f"{score}_fold_sd": _column(
            f"Standard deviation over folds of the median of {words} over targets",
            _SCORE_UNITS[score],
        )
        for score, words in _SCORE_WORDS.items()
    },
}

_CHANCE = {
    "p": _column("One-sided p of the target alone", "1"),
    "p_fwe": _column("p corrected for all targets of the model by the largest r", "1"),
    "p_fdr": _column("p adjusted for the false discovery rate (Benjamini and Hochberg)", "1"),
    "p_fwe_min": _column("Smallest p_fwe of a target", "1"),
    "n_above_chance_fwe": _column("Targets with p_fwe below 0.05", "1"),
    "n_above_chance_fdr": _column("Targets with p_fdr below 0.05", "1"),
}

_CEILING = {
    "repeats": _column("Runs that repeat one stimulus, joined by +"),
    "n_repeats": _column("Runs that repeat one stimulus", "1"),
    "signal_power": _column("Variance that repeats share, in the squared unit of the images"),
    "explainable_variance": _column("Largest expected r2 on one run, free of bias", "1"),
    "r_ceiling": _column("Largest expected r on one run", "1"),
    "split_half": _column("Largest expected r2 on the mean of the repeats", "1"),
    "r_normalised": _column("r with the signal that repeats share (CCnorm)", "1"),
    **{
        f"{name}_median": _column(f"Median over targets of {name}", "1")
        for name in ("explainable_variance", "r_ceiling", "split_half", "r_normalised")
    },
}

_PAIRED = {
    "score": _column(
        "Score that is compared",
        r="correlation",
        r2="coefficient of determination",
        log_likelihood="log-likelihood of a fold, in nat",
    ),
    "n_targets": _column("Targets of the region that the models can be scored on", "1"),
    "median": _column("Median over targets of the fold means, model minus baseline", "1"),
    "mean": _column("Mean over targets of the fold means, model minus baseline", "1"),
    "share_better": _column("Share of targets in which the model beats the baseline", "1"),
    "n_folds": _column(
        "Folds in which all models have a score; all scores are means over these", "1"
    ),
    "n_folds_left_out": _column(
        "Folds in which this or another model has no score: constant series or predictions, or a "
        "fit that failed",
        "1",
    ),
    "r_difference_n_folds": _column("Folds that r_difference is over", "1"),
    "fold_mean": _column("Mean over folds of the median difference over targets", "1"),
    "fold_se": _column(
        "Standard error of fold_mean, corrected for shared training runs (Nadeau and Bengio 2003)",
        "1",
    ),
    "t": _column("fold_mean divided by fold_se", "1"),
    "p": _column("Two-sided p of t with n_folds - 1 degrees of freedom", "1"),
    "r_difference": _column("fold_mean of the paired differences with the baseline in r", "1"),
    "r_difference_se": _column("Standard error of r_difference (Nadeau and Bengio 2003)", "1"),
    "r_difference_p": _column("Two-sided p of r_difference", "1"),
}

_MODEL = {
    "parameter": _column("Name of the parameter"),
    "index": _column("Which element of the parameter, n/a for a single number"),
    "value": _column("Value after training, in the unit of its row"),
    "unit": _column("Unit of the value"),
    "trainable": _column("Whether training moves it"),
    "meaning": _column("What the parameter is"),
    "prior_mean": _column("Mean of the Gaussian prior, in the unit of its row, n/a without one"),
    "prior_sd": _column("Standard deviation of the prior, in the unit of its row"),
    "target": _column("Population that receives"),
    "delay_s": _column("Conduction delay", "s"),
    "low": _column("Lower end of the interval, in the unit of its row"),
    "high": _column("Upper end of the interval, in the unit of its row"),
    "level": _column("Share of such intervals that hold the true value", "1"),
    "method": _column(
        "How the interval was had",
        laplace="curvature of the training objective",
        bootstrap="fits to runs drawn with replacement",
        jackknife="fits that leave out volumes",
    ),
    "conditions": _column("Conditions of the stimulus that drive the target, n/a of a population"),
    "weight_mean": _column("Mean of the weights, n/a where a connection has none of its own", "1"),
    "weight_norm": _column("Frobenius norm of the weights", "1"),
    "through": _column("Weights, plasticity and synapse of the connection, or its kind"),
    "gated_by": _column("What modulates the connection"),
    "time_s": _column("Time since the neural impulse, or the onset of the event", "s"),
    "condition": _column("Condition (trial type) of the event"),
    "duration_s": _column("Duration of the event", "s"),
    "response": _column(
        "Predicted response to a single event, mean over the targets of the region, in the unit of "
        "the images"
    ),
    "measured": _column(
        "Mean of the measured series around events, nuisance taken out, in the unit of the images"
    ),
    "predicted": _column(
        "Mean of the predicted series around events, nuisance taken out, in the unit of the images"
    ),
    "n_events": _column("Events that were averaged", "1"),
    "hrf": _column("Hemodynamic response to a neural impulse", "1/s"),
    "epoch": _column("Pass over the training runs", "1"),
    "train_loss": _column("Squared error over the variance of the targets, training runs", "1"),
    "val_loss": _column("Squared error over the variance of the targets, validation runs", "1"),
    "objective": _column("What decides which epoch and start is kept, the lowest", "1"),
    "start": _column("Which of several starts was kept, counted from 0", "1"),
    "n_alike": _column("Starts that ended in the minimum of the one that was kept, with it", "1"),
    "n_exchanged": _column("Of these, starts in which populations changed places", "1"),
    "learning_rate": _column("Step size of the gradient descent", "1"),
    "seconds": _column("Duration of the epoch", "s"),
}

SCORE_TABLES = _WHO | _SCORES | _CEILING | _CHANCE | _PAIRED
#: The test against chance, whose ``p`` is not that of paired differences.
CHANCE_TABLES = SCORE_TABLES | _CHANCE
MODEL_TABLES = _WHO | _MODEL


def log_columns(names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the columns of a training log that are there for each of several starts.

    Parameters
    ----------
    names : iterable of str
        Columns of the table.
    """
    described = _MODEL["objective"]["Description"]
    return {
        name: _column(f"{described}: start {name.rpartition('_')[2]}", "1")
        for name in names
        if name.startswith("objective_start_")
    }


#: Pairs of models that were given.
PAIR_TABLES = SCORE_TABLES | {
    "model": _column("The later of the two models, as they were given"),
    "baseline": _column("The earlier of the two models, which the other is compared with"),
    "region": _column("Region of interest", all="all regions together"),
    "ci_low": _column("Lower end of the 95 % interval of fold_mean (Student, fold_se)", "1"),
    "ci_high": _column("Upper end of the 95 % interval of fold_mean (Student, fold_se)", "1"),
    "p_flip": _column(
        "Two-sided p of fold_mean when signs of folds are flipped, which takes folds as "
        "independent; n/a with fewer than 6",
        "1",
    ),
    "p_pairs": _column("p times the number of pairs in the region (Bonferroni)", "1"),
    "smallest": _column(
        "Smallest difference worth naming: the larger of 0.001 and a hundredth of the better "
        "median score",
        "1",
    ),
    "better": _column(
        "Model told to be better: p_pairs below 0.05 and fold_mean beyond smallest; else n/a"
    ),
    "simpler": _column(
        "Model with fewer trained parameters, n/a where they are as many or not known"
    ),
}

#: The audit of onsets, durations and amplitudes.
TIMING_TABLES = {
    "setting": _column(
        "What of the events is not taken as stated",
        onsets="all onsets are shifted, or none in the first row",
        durations="all durations are multiplied",
        amplitudes="all amplitudes are 1",
        peak="none; the hemodynamic response peaks elsewhere",
    ),
    "value": _column("Seconds later than stated (onsets), factor (durations), seconds (peak)"),
    "r2": _column("Held-out r2 of the linear model, targets weighted by what it explains", "1"),
    "gain": _column("r2 less that of events as stated", "1"),
    "gain_se": _column("Standard error of the gain (Nadeau and Bengio 2003)", "1"),
    "p": _column("One-sided p of the gain, for this setting alone", "1"),
    "finding": _column("What is clearly better than events as stated, n/a in all other rows"),
    "severity": _column(
        "How sure the finding is",
        warning="hemodynamic responses that peak between 4 and 6.5 s do not explain it",
        note="hemodynamics may explain it",
    ),
}

#: Parts of the explained variance.
PART_TABLES = SCORE_TABLES | {
    "measure": _column(
        "How the variance is divided",
        unique="what is lost in held-out r2 without a space, and what spaces share",
        product="what each space adds to the prediction of the model with all (product measure)",
    ),
    "part": _column("Space of conditions or model parts; several that share it joined by &"),
    "n_spaces": _column("Spaces that share the part; 1 for what is unique", "1"),
    "r2": _column("Part of the held-out r2, mean over folds", "1"),
}

#: Tables over participants, by name of the file.
GROUP_TABLES = SCORE_TABLES | {
    "participant_id": _column("Label of the participant, with sub-"),
    "analysis": _column("Entities that the runs of the analysis share"),
    "held_out": _column(
        "What models were scored on",
        run="runs that were held out",
        session="sessions that were held out",
        blocks="blocks of time that were held out of each run",
        stimulus="trial types that were held out",
        none="the data that they were fitted to: in sample",
    ),
    "n_targets": _column("Targets of the region", "1"),
    "n_participants": _column("Participants with both models", "1"),
    "failed_fits": _column("Folds that the model could not be fitted to, n/a without any"),
    "mean_difference": _column("Mean over participants of fold_mean, in the unit of the score"),
    "ci_low": _column("Lower end of the 95 % interval of mean_difference (bootstrap, BCa)"),
    "ci_high": _column("Upper end of the 95 % interval of mean_difference (bootstrap, BCa)"),
    "p": _column("Two-sided p of mean_difference (sign flips)", "1"),
    "n_better": _column("Participants in whom the model beats the baseline", "1"),
    "mixed_mean": _column("Mean over participants of fold_mean, weighted by its precision"),
    "mixed_ci_low": _column("Lower end of the 95 % interval of mixed_mean (Hartung and Knapp)"),
    "mixed_ci_high": _column("Upper end of the 95 % interval of mixed_mean (Hartung and Knapp)"),
    "mixed_p": _column("Two-sided p of mixed_mean", "1"),
    "between_sd": _column("Standard deviation of true differences over participants"),
    "log_likelihood": _column("Log-likelihood of held-out series, all targets and folds", "nat"),
    "prior_count": _column("Participants that each model was given beforehand", "1"),
    "frequency": _column("Share of people who have the model, posterior mean", "1"),
    "exceedance": _column("Probability that the model is the most frequent", "1"),
    "protected_exceedance": _column(
        "The same, with the chance allowed for that all models are equally frequent", "1"
    ),
    "omnibus_risk": _column("Probability that all models are equally frequent", "1"),
}

#: Parts of the explained variance and parameters of each participant.
GROUP_PARTS = PART_TABLES | {
    "participant_id": GROUP_TABLES["participant_id"],
    "analysis": GROUP_TABLES["analysis"],
    "r2": _column("Part of the held-out r2, mean over folds and targets", "1"),
}
GROUP_INTERVALS = MODEL_TABLES | {
    "participant_id": GROUP_TABLES["participant_id"],
    "analysis": GROUP_TABLES["analysis"],
}

#: Differences of single participants, whose ``p`` is that of folds.
DIFFERENCE_TABLES = GROUP_TABLES | _PAIRED
