"""Tasks: what a subject sees and should answer, to train nets on behaviour alone."""

from drmbids.data.tools.registry import Registry

TASKS = Registry(
    "task",
    {
        "delayed_response": "drmbids.data.tasks.delayed_response:DelayedResponse",
        "perceptual_decision": "drmbids.data.tasks.perceptual_decision:PerceptualDecision",
    },
)
