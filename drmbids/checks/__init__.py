"""The pre-flight check: all that can be known about data and models without training."""

from drmbids.core.registry import Registry

#: Stages of the check in their order: what a stage could read, the next ones use.
CHECKS = Registry(
    "check",
    {
        "files": "drmbids.checks.files:check_files",
        "images": "drmbids.checks.images:check_images",
        "events": "drmbids.checks.events:check_events",
        "confounds": "drmbids.checks.confounds:check_confounds",
        "physio": "drmbids.checks.physio:check_physio",
        "regions": "drmbids.checks.regions:check_regions",
        "series": "drmbids.checks.series:check_series",
        "models": "drmbids.checks.models:check_models",
        "design": "drmbids.checks.design:check_design",
        "asked": "drmbids.checks.asked:check_asked",
        "timing": "drmbids.checks.timing:check_timing",
    },
)
