"""Training: truncated backpropagation alternating with linear maps solved in closed form."""
