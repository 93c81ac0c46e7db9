"""The scikit-learn face: estimators whose samples are whole runs."""
