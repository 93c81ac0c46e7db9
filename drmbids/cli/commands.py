"""What each command runs, by import string: nothing is imported before the command is known."""

from drmbids.core.registry import Registry

#: Command to the function that does it.
COMMANDS = Registry(
    "command",
    {
        "participant": "drmbids.workflows.participant:run_participants",
        "group": "drmbids.workflows.group:run_group",
        "check": "drmbids.workflows.check:run_check",
        "cluster": "drmbids.workflows.cluster:write_cluster_script",
        "descriptor": "drmbids.cli.boutiques:print_descriptor",
        "demo": "drmbids.workflows.demo:run_demo",
        "simulate": "drmbids.workflows.simulate:run_simulation",
        "model new": "drmbids.workflows.models:new_model",
        "model validate": "drmbids.workflows.models:validate_model",
        "model show": "drmbids.workflows.models:show_model",
        "model schema": "drmbids.workflows.models:print_schema",
    },
)

#: Makes the typed configuration of the levels ``participant`` and ``group``.
CONFIGURATION = Registry("configuration", {"resolve": "drmbids.workflows.config:resolve_config"})
