"""What runs on the machine: standard library alone, Python 3.9."""
