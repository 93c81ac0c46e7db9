"""The simulator of the tests (``tests/truth.py``), which are no package to import from."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def load_simulator() -> ModuleType:
    """Return the module that draws data without any code of drmbids."""
    path = Path(__file__).resolve().parents[1] / "tests" / "truth.py"
    spec = spec_from_file_location("truth", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules["truth"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
