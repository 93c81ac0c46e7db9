"""Print the name of an OpenBLAS kernel that this processor runs, but does not choose by itself.

Kernels round differently, so that a number which hangs on rounding differs between processors.
``make numeric`` runs the tests of numbers again with the kernel that is printed here.
"""

import numpy  # noqa: F401, its library has to be loaded to be found
from threadpoolctl import threadpool_info

#: Kernels of x86-64 processors from the newest instructions to the oldest.
X86 = (
    {"SapphireRapids", "Cooperlake", "SkylakeX"},  # AVX-512
    {"Haswell", "Zen"},  # AVX2
    {"Sandybridge", "Bulldozer", "Piledriver", "Steamroller", "Excavator", "Nehalem"},
)


def other_kernel() -> str:
    """Return ``Haswell`` where it can run and is not in use, else an older kernel."""
    now = {pool["architecture"] for pool in threadpool_info() if "architecture" in pool}
    if now & X86[0]:
        return "Haswell"
    if now & X86[1]:
        return "Nehalem"
    return "Prescott" if now & X86[2] else "ARMV8"


if __name__ == "__main__":
    print(other_kernel())
