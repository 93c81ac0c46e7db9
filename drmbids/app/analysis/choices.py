"""Values that the command line and the configuration offer; nothing heavy is imported here."""

from typing import Literal

#: Levels of a BIDS-App.
Level = Literal["participant", "group"]

#: What a fold of the cross-validation holds out.
HeldOut = Literal["auto", "run", "session", "blocks", "stimulus", "none"]

#: How intervals of physical parameters are had, if at all.
Intervals = Literal["none", "laplace", "bootstrap", "jackknife"]

#: Models that can stand beside the GLM, which is always there.
Baseline = Literal["glm", "ar1", "freehrf", "hrflibrary", "ridge", "mean"]

#: HRF of the baseline, by the names of nilearn.
BaselineHRF = Literal[
    "glover",
    "glover + derivative",
    "glover + derivative + dispersion",
    "spm",
    "spm + derivative",
    "spm + derivative + dispersion",
]

#: How configurations share an output folder: a participant's analysis replaces the one before, or
#: each configuration has a derivative dataset of its own.
OutputLayout = Literal["bids", "multiverse"]
