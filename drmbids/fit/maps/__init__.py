"""Linear maps of readouts in closed form, and the data that they are fitted to."""
