"""Session Manager's AWS side: the service's gateway and the instance's agent in one."""
