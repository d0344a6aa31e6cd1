"""Floor 1: settings, environment, paths."""
