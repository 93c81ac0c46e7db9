"""The brain: populations, connections and a readout, run by components and delay blocks."""
