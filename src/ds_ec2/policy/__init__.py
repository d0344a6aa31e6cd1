"""What IAM has to allow: the actions of each operation, and what an administrator can paste. Pure."""
