"""Training: truncated backpropagation alternating with linear maps in closed form."""
