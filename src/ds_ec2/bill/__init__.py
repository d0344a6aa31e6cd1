"""Floor 1: what costs what."""
