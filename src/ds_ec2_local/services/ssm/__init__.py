"""Systems Manager: moto's parameters with AWS's limits, and Session Manager."""
