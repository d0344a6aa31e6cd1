"""Floor 2: the only home of boto3; one file a service."""
