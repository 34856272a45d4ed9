"""Training: from a labelled folder to a model folder."""
