"""The simulators of the tests (``tests/truth.py``, ``tests/families.py``), no package to import."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def load_simulator(name: str = "truth") -> ModuleType:
    """Return a module that draws data without any code of drmbids."""
    path = Path(__file__).resolve().parents[1] / "tests" / f"{name}.py"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
