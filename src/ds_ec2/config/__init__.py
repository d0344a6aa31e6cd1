"""Floor 1: settings from the environment and from a file, and where files are kept."""
