"""The embedded AWS: moto, a CloudFormation engine, instances that run, Session Manager."""
