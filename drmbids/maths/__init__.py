"""Functions of arrays and tensors that know nothing of brains or files."""
