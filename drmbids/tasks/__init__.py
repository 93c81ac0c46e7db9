"""Tasks: what a subject sees and should answer, to train nets on behaviour alone."""

from drmbids.core.registry import Registry

TASKS = Registry(
    "task",
    {
        "delayed_response": "drmbids.tasks.delayed_response:DelayedResponse",
        "perceptual_decision": "drmbids.tasks.perceptual_decision:PerceptualDecision",
    },
)
