"""Options that other BIDS-Apps have: what each does here, or what to use in its place."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from drmbids.app.cli.options import Options

#: Options that need nothing done here, with what their help says.
_WITHOUT_EFFECT = {
    "--skip-bids-validator": "no validator is run; drmbids check is the check there is",
    "--notrack": "nothing is ever sent anywhere",
}

#: The same, of options with a path.
_PATHS_WITHOUT_EFFECT = {
    "--bids-database-dir": "no database is needed, a folder is searched in under a second",
    "--fs-license-file": "FreeSurfer is not used",
}

#: Options that have another way here, and which that is.
_ELSEWHERE = {
    "--dry-run": "to see what would be analysed, run `drmbids check` with the same options",
    "--dummy-scans": "to leave out volumes of a run's beginning, add their confounds: "
    "--confounds 'non_steady_state_outlier*' (fMRIPrep writes one for each)",
    "--high-pass": "the cut-off of drifts belongs to the model file: "
    "readout: {drift: {kind: cosine, high_pass_hz: 0.008}}",
    "--use-plugin": "to share work among machines, see `drmbids cluster --help`",
}


class Nothing(argparse.Action):
    """Takes an option and leaves no trace of it."""

    def __call__(self, *_: Any) -> None:
        """Do nothing."""


class Elsewhere(argparse.Action):
    """Ends with a line that says what to use in place of an option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        """Raise the usage error."""
        parser.error(f"{option_string}: {_ELSEWHERE[self.option_strings[0]]}")


def add_foreign(options: Options) -> None:
    """Add the options of other BIDS-Apps."""
    for flag, text in _WITHOUT_EFFECT.items():
        options.add(flag, action=Nothing, nargs=0, help=f"no effect: {text}")
    for flag, text in _PATHS_WITHOUT_EFFECT.items():
        options.add(flag, action=Nothing, metavar="PATH", help=f"no effect: {text}")
    for flag in _ELSEWHERE:
        # whatever follows belongs to it, so that the answer is about the option
        options.add(flag, action=Elsewhere, nargs="*", help=argparse.SUPPRESS)
