"""Linear models that any brain has to beat."""
