"""The model file: a model in names and seconds, checked whole, and built into a net."""
