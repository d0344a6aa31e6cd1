"""EC2's calls, where moto's reading of them falls short."""

from __future__ import annotations

import base64
from typing import Any, Final

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.ec2.utils import convert_tag_spec, filter_iam_instance_profiles, parse_user_data

from ds_ec2_local.services import pricing
from ds_ec2_local.services.ec2 import launch
from ds_ec2_local.services.ec2.reservation_calls import ReservationCalls
from ds_ec2_local.services.ec2.spot import SPOT_REQUEST, share_of_on_demand
from ds_ec2_local.services.parts import current

ENABLED_REGIONS: Final = frozenset(
    (
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-northeast-2",
        "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-1",
        "eu-west-2", "eu-west-3", "eu-north-1", "sa-east-1",
    )
)  # fmt: skip
"""Regions that an account has from the start. Source: account management guide, region list."""
INITIALIZATION_RATES: Final = range(100, 301)
"""MiB/s. Source: botocore's model of CreateVolume, VolumeInitializationRate."""
_CONSOLE: Final = 65_536
_READS: Final = ("Describe", "Get", "Search", "List")
_NOT_OF_A_LAUNCH: Final = {"TagSpecifications", "NetworkInterfaces"}
"""Members of a launch template that moto reads itself, or that are merged one by one."""


class LocalEC2Response(ReservationCalls, EC2Response):  # type: ignore[misc] # moto has no types
    """Answers EC2's calls."""

    def call_action(self) -> Any:
        """Answer one call; one that changes something may open or close ways out."""
        answer = super().call_action()
        if not str(self._get_action()).startswith(_READS):
            current().machines.refresh_ways_out()
        return answer

    def run_instances(self) -> ActionResult:
        """Launch, with everything that a launch template says."""
        token = self._get_param("ClientToken")
        if token and (known := self.ec2_backend.launches_by_token.get(token)):
            return ActionResult(known)
        asked = self._merged()
        data = asked.get("UserData")
        if isinstance(data, str):  # a template's is parsed already
            data = parse_user_data(data)
        launch.check_user_data(base64.b64decode(str(data)) if data else b"")
        if not asked.get("ImageId"):
            raise EC2ClientError("MissingParameter", "The request must contain the parameter ImageId")
        if asked.get("SubnetId") and asked.get("NetworkInterfaces"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "Network interfaces and an instance-level subnet ID may not be specified on the same request",
            )
        profile = asked.get("IamInstanceProfile") or {}
        if profile:
            filter_iam_instance_profiles(
                self.current_account,
                partition=self.partition,
                iam_instance_profile_arn=profile.get("Arn"),
                iam_instance_profile_name=profile.get("Name"),
            )
        count = int(asked.get("MaxCount") or 1)
        arguments = self._arguments(asked)
        if self._get_param("DryRun", False):
            self.ec2_backend.check_launch(asked["ImageId"], count, arguments)
        self.error_on_dryrun()
        reservation = self.ec2_backend.run_instances(
            asked["ImageId"], count, data, asked.get("SecurityGroups") or [], **arguments
        )
        if token:
            self.ec2_backend.launches_by_token[token] = reservation
        return ActionResult(reservation)

    def create_volume(self) -> ActionResult:
        """Make a volume; moto overlooks at which rate its snapshot's blocks are to come."""
        rate = self._get_param("VolumeInitializationRate")
        if rate is not None and not self._get_param("SnapshotId"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter VolumeInitializationRate is supported only for volumes created from snapshots",
            )
        if rate is not None and int(rate) not in INITIALIZATION_RATES:
            raise EC2ClientError(
                "InvalidParameterValue", f"Value ({rate}) for parameter VolumeInitializationRate is invalid"
            )
        return super().create_volume()

    def modify_network_interface_attribute(self) -> Any:
        """Change an interface; SourceDestCheck counts for its instance too."""
        answer = super().modify_network_interface_attribute()
        value = self._get_param("SourceDestCheck.Value")
        nic = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
        if value is not None and nic.instance is not None:
            self.ec2_backend.follow_source_dest_check(nic.instance, value in (True, "true"))
        return answer

    def modify_instance_attribute(self) -> Any:
        """Change an attribute; InstanceInitiatedShutdownBehavior is one that moto overlooks."""
        behaviour = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behaviour is not None:
            self.error_on_dryrun()
            self.ec2_backend.get_instance(
                self._get_param("InstanceId")
            ).instance_initiated_shutdown_behavior = behaviour
            return EmptyResult()
        return super().modify_instance_attribute()

    def describe_spot_price_history(self) -> ActionResult:
        """Return a price for each zone: a share of the on-demand price, of now."""
        found = self.ec2_backend.describe_spot_price_history(
            self._get_param("InstanceTypes", []), self._filters_from_querystring()
        )
        priced = [(o, pricing.usd_per_hour(o["InstanceType"])) for o in found]
        history = [
            {
                "InstanceType": offering["InstanceType"],
                "ProductDescription": "Linux/UNIX",
                "SpotPrice": f"{price * share_of_on_demand(offering['Location']):.6f}",
                "AvailabilityZone": offering["Location"],
                "Timestamp": utcnow(),
            }
            for offering, price in priced
            if price is not None
        ]
        return ActionResult(self._page("SpotPriceHistory", history, 1000))

    def describe_instance_types(self) -> ActionResult:
        """Return types, at most a hundred a page."""
        found = self.ec2_backend.describe_instance_types(
            self._get_param("InstanceTypes", []), self._filters_from_querystring()
        )
        return ActionResult(self._page("InstanceTypes", found, 100))

    def describe_instance_type_offerings(self) -> ActionResult:
        """Return offerings, at most a thousand a page."""
        found = self.ec2_backend.describe_instance_type_offerings(
            self._get_param("LocationType"), self._filters_from_querystring()
        )
        return ActionResult(self._page("InstanceTypeOfferings", found, 1000))

    def get_spot_placement_scores(self) -> ActionResult:
        """Return a score for each zone: 9 where one of the types is had, 1 where none is; made up."""
        types = list(self._get_param("InstanceTypes", []))
        regions = self._get_param("RegionNames", []) or [self.region]
        faults = current().faults
        scores = [
            {
                "Region": self.region,
                "AvailabilityZoneId": zone.zone_id,
                "Score": 1 if all(faults.no_capacity(zone.name, one) for one in types) else 9,
            }
            for zone in self.ec2_backend.describe_availability_zones()
            if self.region in regions
        ]
        return ActionResult(self._page("SpotPlacementScores", scores, 1000))

    def _page(self, member: str, items: list[Any], most: int) -> dict[str, Any]:
        """Return one page of an answer; the token is where the next one begins."""
        start = int(self._get_param("NextToken") or 0)
        size = min(int(self._get_param("MaxResults") or most), most)
        answer: dict[str, Any] = {member: items[start : start + size]}
        if start + size < len(items):
            answer["NextToken"] = str(start + size)
        return answer

    def describe_regions(self) -> ActionResult:
        """Return the regions that are on, or all of them when asked; moto has them all on."""
        wanted = self._get_param("RegionNames", [])
        every = bool(self._get_param("AllRegions", False))
        told = [
            {
                "RegionName": region.name,
                "Endpoint": region.endpoint,
                "OptInStatus": "opt-in-not-required" if region.name in ENABLED_REGIONS else "not-opted-in",
            }
            for region in self.ec2_backend.describe_regions(wanted)
            if every or region.name in ENABLED_REGIONS
        ]
        return ActionResult({"Regions": told})

    def get_console_output(self) -> ActionResult:
        """Return what the machine's console showed, at most its last 64 KiB."""
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        text = current().machines.sandboxes.console_output(instance.id)[-_CONSOLE:].decode("utf-8", "replace")
        output = Base64EncodedString.from_raw_string(text)
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    def _merged(self) -> dict[str, Any]:
        """Return the launch template's data with the request's over them."""
        asked: dict[str, Any] = {k: v for k, v in self.params.items() if v not in (None, [], {}, "")}
        template = asked.get("LaunchTemplate")
        if not template:
            return asked
        data = {
            k: v
            for k, v in self.ec2_backend._get_template_from_args(template).data.items()  # noqa: SLF001 - as moto does
            if k not in _NOT_OF_A_LAUNCH
        }
        nics = self.ec2_backend._get_template_from_args(template).data.get("NetworkInterfaces")  # noqa: SLF001 - as above
        if nics and "NetworkInterfaces" not in asked and "SubnetId" not in asked:
            data["NetworkInterfaces"] = nics
        return data | asked

    def _template_tags(self, template: dict[str, Any] | None) -> dict[str, dict[str, str]]:
        """Return the tags that a launch template has for spot requests; those of instances moto reads."""
        data = self.ec2_backend._get_template_from_args(template).data if template else {}  # noqa: SLF001 - as above
        given = convert_tag_spec(data.get("TagSpecifications") or [])
        return {kind: tags for kind, tags in given.items() if kind == SPOT_REQUEST}

    def _arguments(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what moto's backend wants to be told."""
        placement = asked.get("Placement") or {}
        market = asked.get("InstanceMarketOptions") or {}
        profile = asked.get("IamInstanceProfile") or {}
        arguments = {
            "instance_type": asked.get("InstanceType") or "m1.small",
            "is_instance_type_default": False,
            "placement": placement.get("AvailabilityZone"),
            "placement_hostid": placement.get("HostId"),
            "region_name": self.region,
            "subnet_id": asked.get("SubnetId"),
            "key_name": asked.get("KeyName"),
            "security_group_ids": list(asked.get("SecurityGroupIds") or []),
            "nics": asked.get("NetworkInterfaces") or [],
            "private_ip": asked.get("PrivateIpAddress"),
            "associate_public_ip": asked.get("AssociatePublicIpAddress"),
            "tags": self._template_tags(asked.get("LaunchTemplate")) | self._parse_tag_specification(),
            "ebs_optimized": asked.get("EbsOptimized") or False,
            "disable_api_stop": asked.get("DisableApiStop") or False,
            "disable_api_termination": asked.get("DisableApiTermination") or False,
            "instance_market_options": market,
            "capacity_reservation_specification": asked.get("CapacityReservationSpecification") or {},
            "instance_initiated_shutdown_behavior": asked.get("InstanceInitiatedShutdownBehavior"),
            "launch_template": asked.get("LaunchTemplate") or {},
            "hibernation_options": asked.get("HibernationOptions") or {},
            "iam_instance_profile_name": profile.get("Name"),
            "iam_instance_profile_arn": profile.get("Arn"),
            "monitoring_state": "enabled" if (asked.get("Monitoring") or {}).get("Enabled") else "disabled",
            "ipv6_address_count": None,
            "metadata_options": asked.get("MetadataOptions") or {},
            "client_token": asked.get("ClientToken"),
        }
        if mappings := asked.get("BlockDeviceMappings"):
            arguments["block_device_mappings"] = mappings
        return arguments
