"""What every instance here has: an encrypted disk, and metadata that asks for a token."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2


def root_disk(device: str, size_gib: float | None = None) -> ec2.CfnInstance.BlockDeviceMappingProperty:
    """Return an encrypted gp3 root volume that goes with its instance.

    Args:
        device: Device name that the image's root volume has.
        size_gib: GiB, at least the image's; a token; None takes the image's.
    """
    return ec2.CfnInstance.BlockDeviceMappingProperty(
        device_name=device,
        ebs=ec2.CfnInstance.EbsProperty(
            encrypted=True, volume_type="gp3", volume_size=size_gib, delete_on_termination=True
        ),
    )


def metadata_options() -> ec2.CfnInstance.MetadataOptionsProperty:
    """Return IMDSv2 with one hop: a container in a network of its own does not get the role's credentials."""
    return ec2.CfnInstance.MetadataOptionsProperty(
        http_endpoint="enabled",
        http_tokens="required",
        http_put_response_hop_limit=1,
        instance_metadata_tags="enabled",
    )
