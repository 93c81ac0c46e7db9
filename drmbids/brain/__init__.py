"""A brain of populations, connections and readouts, from its parts to its model file."""
