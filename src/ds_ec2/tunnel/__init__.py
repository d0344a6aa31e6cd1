"""Floor 2: Session Manager's data channel, and what travels through it."""
