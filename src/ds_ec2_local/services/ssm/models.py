"""SSM's records: parameters with their limits, and the public ones of the images there are."""

from __future__ import annotations

from typing import Any, Final

from moto.ssm.exceptions import ValidationException
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from ds_ec2_local.services.ec2.images import IMAGES

_LIMITS: Final = {"Standard": 4096, "Advanced": 8192}
"""Bytes of a value. Source: Systems Manager's user guide, parameter tiers."""


class LocalSSMBackend(SimpleSystemManagerBackend):  # type: ignore[misc] # moto has no types
    """One region's parameters."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._parameters.latest_amis_loaded = True
        for image in IMAGES:
            self._parameters[image.parameter].append(
                Parameter(
                    account_id=account_id,
                    name=image.parameter,
                    value=image.image_id(region_name),
                    parameter_type="String",
                    description=None,
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=image.created,
                    version=1,
                    data_type="aws:ec2:image",
                )
            )

    def put_parameter(self, name: str, description: str, value: str, *args: Any, **kwargs: Any) -> Any:
        """Write a parameter, if its value is short enough for its tier."""
        tier = kwargs.get("tier") or (args[-2] if len(args) == 8 else None) or self.default_parameter_tier
        size = len((value or "").encode())
        if tier == "Standard" and size > _LIMITS["Standard"]:
            raise ValidationException(
                "Standard tier parameters support a maximum parameter value of 4096 characters. To create a"
                " larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more"
                " information, see"
                " https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
            )
        if size > _LIMITS["Advanced"]:
            raise ValidationException(
                "Advanced tier parameters support a maximum parameter value of 8192 characters."
            )
        return super().put_parameter(name, description, value, *args, **kwargs)
