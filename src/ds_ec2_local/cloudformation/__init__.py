"""CloudFormation with the rules of the real one, over any endpoint that answers the service APIs.

It replaces moto's wholly: see `docs/decisions/0020-own-cloudformation-engine.md`.
"""

from ds_ec2_local.cloudformation.wsgi import install

__all__ = ["install"]
