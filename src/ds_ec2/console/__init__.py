"""Floor 3: the only place that prints; knows the model alone."""
