"""Tags of resources that the command line looks for."""

from __future__ import annotations

import aws_cdk as cdk

from ds_ec2.model.names import TAG_NAME, TAG_OWNER, TAG_PART


def tags(title: str, part: str, owner: str = "", name: str = "") -> list[cdk.CfnTag]:
    """Return the tags of an instance or a volume.

    `managed-by` is no tag of the templates: it says who deploys them, as a tag of the stack.

    Args:
        title: What the console shows.
        part: Which stack it belongs to, in `names.TAG_PART`'s words.
        owner: The machine's owner, where it belongs to a machine.
        name: The machine's name.
    """
    every = {"Name": title, TAG_PART: part} | ({TAG_OWNER: owner, TAG_NAME: name} if name else {})
    return [cdk.CfnTag(key=key, value=value) for key, value in every.items()]
