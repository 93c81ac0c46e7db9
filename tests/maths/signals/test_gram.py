"""Products of matrices and their conjugate transposes: values and slopes."""

import torch

from drmbids.maths.signals.gram import gram


def test_values_and_slopes() -> None:
    make = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.complex128, generator=make, requires_grad=True)
    torch.testing.assert_close(gram(x), x @ x.mH)
    assert torch.autograd.gradcheck(gram, (x,))
