"""Floor 1: instance types and prices; dated data in `data/`."""
