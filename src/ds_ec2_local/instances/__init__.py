"""Instances of the embedded AWS: Linux environments of their own that really run user data."""
