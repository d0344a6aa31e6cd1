"""Floor 0: frozen values and names that every floor shares."""
