"""What each command runs, by import string: nothing is imported before the command is known."""

from drmbids.data.tools.registry import Registry

#: Command to the function that does it.
COMMANDS = Registry(
    "command",
    {
        "participant": "drmbids.app.commands.participant:run_participants",
        "group": "drmbids.app.commands.group:run_group",
        "check": "drmbids.app.commands.check:run_check",
        "cluster": "drmbids.app.commands.cluster:write_cluster_script",
        "descriptor": "drmbids.app.cli.boutiques:print_descriptor",
        "demo": "drmbids.app.commands.demo:run_demo",
        "simulate": "drmbids.app.commands.simulate:run_simulation",
        "model new": "drmbids.app.commands.models:new_model",
        "model validate": "drmbids.app.commands.models:validate_model",
        "model show": "drmbids.app.commands.models:show_model",
        "model schema": "drmbids.app.commands.models:print_schema",
    },
)

#: Makes the typed configuration of the levels ``participant`` and ``group``.
CONFIGURATION = Registry("configuration", {"resolve": "drmbids.app.analysis.config:resolve_config"})
