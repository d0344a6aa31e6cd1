"""Floor 1: instance types and prices."""
