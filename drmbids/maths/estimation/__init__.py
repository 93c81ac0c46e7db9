"""What training is made of: ridge, evidence, priors of weights, limits, missing values."""
