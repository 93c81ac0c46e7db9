"""The pre-flight check: all that can be known about data and models without training."""

from drmbids.data.tools.registry import Registry

#: Stages of the check in their order: what a stage could read, the next ones use.
CHECKS = Registry(
    "check",
    {
        "files": "drmbids.app.checks.files:check_files",
        "images": "drmbids.app.checks.images:check_images",
        "events": "drmbids.app.checks.events:check_events",
        "confounds": "drmbids.app.checks.confounds:check_confounds",
        "physio": "drmbids.app.checks.physio:check_physio",
        "regions": "drmbids.app.checks.regions:check_regions",
        "series": "drmbids.app.checks.series:check_series",
        "models": "drmbids.app.checks.models:check_models",
        "design": "drmbids.app.checks.design:check_design",
        "asked": "drmbids.app.checks.asked:check_asked",
        "timing": "drmbids.app.checks.timing:check_timing",
    },
)
