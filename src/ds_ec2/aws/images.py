"""Which image a machine gets: looked up once, by AWS's own public parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.errors import DsEc2Error

if TYPE_CHECKING:
    from ds_ec2.aws.ec2 import Ec2
    from ds_ec2.aws.ssm import Parameters
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.plans import Image

ARCHITECTURES: Final = ("x86_64", "arm64")
"""Those that images are looked up for; an instance type that has both gets the first."""

# Source: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
_LINUX: Final = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
# Source: https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
_NVIDIA: Final = (
    "/aws/service/deeplearning/ami/{architecture}/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
)
# Source: https://awsdocs-neuron.readthedocs-hosted.com/en/latest/dlami/
_NEURON: Final = "/aws/service/neuron/dlami/multi-framework/ubuntu-24.04/latest/image_id"


def plain_parameter(architecture: str) -> str:
    """Return the name of the public parameter that holds the image without drivers."""
    return _LINUX.format(architecture=architecture)


def public_parameter(instance_type: InstanceType) -> str:
    """Return the name of the public parameter that holds the image for an instance type.

    Raises:
        DsEc2Error: It is neither x86_64 nor arm64 (a Mac, an old 32-bit type).
    """
    for architecture in ARCHITECTURES:
        if architecture in instance_type.architectures:
            break
    else:
        raise DsEc2Error(
            f"there is no image for {instance_type.name}",
            why=f"it is {', '.join(instance_type.architectures)}; known are {', '.join(ARCHITECTURES)}",
            hint="name an image: --image ami-...",
        )
    if instance_type.neuron:
        return _NEURON
    return (
        _NVIDIA.format(architecture=architecture) if instance_type.nvidia else plain_parameter(architecture)
    )


class Images:
    """Images by public parameter."""

    def __init__(self, parameters: Parameters, ec2: Ec2) -> None:
        self._parameters = parameters
        self._ec2 = ec2

    def newest(self, instance_type: InstanceType) -> Image:
        """Return the newest image that fits an instance type.

        Raises:
            DsEc2Error: The region does not have it.
        """
        name = public_parameter(instance_type)
        image_id = self._parameters.get(name)
        if not image_id:
            raise DsEc2Error(
                f"this region has no image for {instance_type.name}",
                why=f"the public parameter {name} does not exist",
                hint="name an image: --image ami-..., or another --region",
            )
        return self._ec2.image(image_id, name)
