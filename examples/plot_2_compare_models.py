"""
Does feedback help? Comparing models on held-out runs
=====================================================

Two model files that differ in one connection, and a GLM, on the small BIDS dataset that comes with
drmbids.
"""

# %%
# Runs of one subject: BOLD of two areas, given by masks, with the confounds of its preprocessing.
from sklearn.model_selection import LeaveOneOut, cross_validate

import drmbids
from drmbids.data.tools.resources import demo_dataset

dataset = demo_dataset()
models = dataset.parent / "models"
preprocessed = dataset / "derivatives" / "preprocessed"
name = "sub-01/func/sub-01_task-contrast_desc-{}_mask.nii.gz"
runs = drmbids.load_runs(
    dataset,
    subject="01",
    derivatives=preprocessed,
    atlas_or_mask={area: preprocessed / name.format(area) for area in ("V1", "V2")},
    confounds=["trans_*", "rot_*"],
)
print(f"{len(runs)} runs, regions {list(runs[0].responses)}, TR {runs[0].tr} s")

# %%
# A DRM is a scikit-learn estimator whose samples are whole runs.
with_feedback = drmbids.DRMRegressor(models / "two_areas.yaml", n_epochs=50)
scores = cross_validate(with_feedback, runs, cv=LeaveOneOut())
print("R2 of each held-out run:", scores["test_score"].round(3))

# %%
# The same folds and the same scoring for all models; the baseline always beside them. Fits of one
# structure are trained side by side.
results = drmbids.compare_models(
    {
        "glm": drmbids.GLMBaseline(),
        "no feedback": drmbids.DRMRegressor(models / "no_feedback.yaml", n_epochs=50),
        "feedback": with_feedback,
    },
    runs,
    n_models_at_once=12,
)
print(results.summary().round(3))
print(drmbids.paired_differences(results, baseline="glm").round(3))

# %%
# The question itself: does the feedback predict better? Data that do not tell say so (better: NaN).
pairs = drmbids.compare_pairs(results, ["no feedback", "feedback"])
print(pairs[["region", "fold_mean", "ci_low", "ci_high", "p", "better"]].round(3))
