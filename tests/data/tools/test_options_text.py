"""Messages of the command line name its options, not arguments of Python."""

import pytest

from drmbids.data.tools.options_text import in_options


@pytest.mark.parametrize(
    ("python", "options"),
    [
        ("two runs; hold out blocks (cv='blocks')", "two runs; hold out blocks (--cv blocks)"),
        (
            "3 blocks fit (n_blocks=3); fit without (guard=0)",
            "3 blocks fit (--n-blocks 3); fit without (--guard 0)",
        ),
        ("choose, for example space='T1w' (--space T1w) or", "choose, for example --space T1w or"),
        ("add it, or choose runs (Python: or use Stimuli(events=False))", "add it, or choose runs"),
        ("--tr (Python: tr=) is 2 s", "--tr is 2 s"),
        ("give it with tr= (command line: --tr)", "give it with --tr"),
        ("runs (--cv run), or lower the reach (StimulusFolds(reach=...))", "runs (--cv run)"),
        ("nothing of 'face=1' in (run=2)", "nothing of 'face=1' in (run=2)"),
    ],
)
def test_arguments_become_options(python: str, options: str) -> None:
    assert in_options(python) == options
