"""Floor 3: one use case a file; never prints, never asks."""
