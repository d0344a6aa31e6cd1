"""EC2: instance types, zones, instances, volumes and snapshots."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.plans import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ec2 import EC2Client

ENDED: Final = frozenset({"shutting-down", "terminated"})
"""States of an instance that is no more."""

_STOPPED_AT: Final = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")

Filters = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance, as far as we care; `stopped_at` is None where it runs, and where EC2 does not tell."""

    id: str
    type: str
    state: str
    zone: str
    tags: Mapping[str, str]
    vcpus: int | None = None
    launched_at: datetime | None = None
    reason: str = ""
    spot: bool = False
    reservation: str = ""
    """Capacity reservation that it starts in, and nowhere else."""
    made_at: datetime | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume or a snapshot: id, size, state, and what it is attached to."""

    id: str
    gib: int
    state: str
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    made_at: datetime | None = None
    instances: tuple[str, ...] = ()


class Ec2:
    """EC2."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    @translated
    def regions(self) -> tuple[str, ...]:
        """Return the regions that are on for the account, sorted."""
        return tuple(sorted(item["RegionName"] for item in self._client.describe_regions()["Regions"]))

    @translated
    def zones(self) -> tuple[str, ...]:
        """Return the region's ordinary zones that are available to the account, sorted."""
        answer = self._client.describe_availability_zones(
            Filters=[{"Name": "state", "Values": ["available"]}]
        )
        return tuple(
            sorted(
                item["ZoneName"]
                for item in answer["AvailabilityZones"]
                if item.get("ZoneType", "availability-zone") == "availability-zone"
            )
        )

    @translated
    def image(self, image_id: str, source: str) -> Image:
        """Describe an image.

        Args:
            image_id: `ami-...`.
            source: How it was found, kept in the answer.

        Raises:
            NoSuchThingError: There is none in this region that the account may see.
        """
        found = self._client.describe_images(ImageIds=[image_id])["Images"]
        if not found:
            raise NoSuchThingError(
                f"{image_id} is unknown", why="an empty answer", code="InvalidAMIID.NotFound"
            )
        return _image(found[0], source)

    @translated
    def images(self, sources: Mapping[str, str]) -> dict[str, Image]:
        """Describe several images at once.

        Args:
            sources: Image id to how it was found.

        Returns:
            Those that there are, by id.
        """
        if not sources:
            return {}
        found = self._client.describe_images(ImageIds=sorted(sources))["Images"]
        return {item["ImageId"]: _image(item, sources[item["ImageId"]]) for item in found}

    @translated
    def instances(self, filters: Filters) -> tuple[Instance, ...]:
        """Return the instances that match, without those that ended."""
        pages = self._client.get_paginator("describe_instances").paginate(Filters=_filters(filters))
        every = (
            _instance(item)
            for page in pages
            for reservation in page["Reservations"]
            for item in reservation["Instances"]
        )
        return tuple(instance for instance in every if instance.state not in ENDED)

    @translated
    def instance(self, instance_id: str) -> Instance:
        """Return one instance in whatever state.

        Raises:
            NoSuchThingError: EC2 has forgotten it.
        """
        answer = self._client.describe_instances(InstanceIds=[instance_id])
        return _instance(answer["Reservations"][0]["Instances"][0])

    @translated
    def count_vpcs(self) -> int:
        """Return the number of VPCs in the region, anybody's in the account."""
        pages = self._client.get_paginator("describe_vpcs").paginate()
        return sum(len(page["Vpcs"]) for page in pages)

    @translated
    def may_launch(self, instance_type: str, image_id: str, subnet: str) -> None:
        """Ask whether RunInstances would be carried out; nothing is launched.

        Raises:
            DsEc2Error: It would not, in EC2's words.
        """
        from botocore.exceptions import ClientError

        try:
            self._client.run_instances(
                InstanceType=instance_type,  # type: ignore[arg-type] # newer than the stubs' list
                ImageId=image_id,
                SubnetId=subnet,
                MinCount=1,
                MaxCount=1,
                MetadataOptions={"HttpTokens": "required"},
                DryRun=True,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "DryRunOperation":
                raise

    @translated
    def start(self, instance_id: str) -> None:
        """Call StartInstances."""
        self._client.start_instances(InstanceIds=[instance_id])

    @translated
    def stop(self, instance_id: str) -> None:
        """Call StopInstances."""
        self._client.stop_instances(InstanceIds=[instance_id])

    @translated
    def terminate(self, instance_id: str) -> None:
        """Call TerminateInstances."""
        self._client.terminate_instances(InstanceIds=[instance_id])

    @translated
    def tag(self, resource_id: str, tags: Mapping[str, str]) -> None:
        """Call CreateTags."""
        self._client.create_tags(
            Resources=[resource_id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    @translated
    def volumes(self, filters: Filters) -> tuple[Volume, ...]:
        """Return the volumes that match."""
        pages = self._client.get_paginator("describe_volumes").paginate(Filters=_filters(filters))
        return tuple(
            Volume(
                item["VolumeId"],
                item["Size"],
                item["State"],
                item.get("AvailabilityZone", ""),
                tags_of(item.get("Tags", [])),
                item.get("CreateTime"),
                tuple(one["InstanceId"] for one in item.get("Attachments", []) if "InstanceId" in one),
            )
            for page in pages
            for item in page["Volumes"]
        )

    @translated
    def delete_volume(self, volume_id: str) -> None:
        """Call DeleteVolume."""
        self._client.delete_volume(VolumeId=volume_id)

    @translated
    def snapshots(self, filters: Filters) -> tuple[Volume, ...]:
        """Return the account's own snapshots that match; `gib` is the size of the volume."""
        pages = self._client.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=_filters(filters)
        )
        return tuple(
            Volume(
                item["SnapshotId"],
                item["VolumeSize"],
                item["State"],
                made_at=item.get("StartTime"),
                tags=tags_of(item.get("Tags", [])),
            )
            for page in pages
            for item in page["Snapshots"]
        )

    @translated
    def make_snapshot(self, volume_id: str, description: str, tags: Mapping[str, str]) -> str:
        """Call CreateSnapshot and return the snapshot's id; it is not complete yet."""
        answer = self._client.create_snapshot(
            VolumeId=volume_id,
            Description=description,
            TagSpecifications=[
                {
                    "ResourceType": "snapshot",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            ],
        )
        return answer["SnapshotId"]

    @translated
    def delete_snapshot(self, snapshot_id: str) -> None:
        """Call DeleteSnapshot."""
        self._client.delete_snapshot(SnapshotId=snapshot_id)

    @translated
    def interfaces(self, filters: Filters) -> tuple[str, ...]:
        """Return the ids of the network interfaces that match."""
        pages = self._client.get_paginator("describe_network_interfaces").paginate(Filters=_filters(filters))
        return tuple(item["NetworkInterfaceId"] for page in pages for item in page["NetworkInterfaces"])


def by_tags(tags: Mapping[str, str]) -> Filters:
    """Return filters for resources that have all these tags."""
    return {f"tag:{key}": [value] for key, value in tags.items()}


def _filters(filters: Filters) -> Any:
    return [{"Name": name, "Values": values} for name, values in filters.items()]


def tags_of(items: Sequence[Any]) -> dict[str, str]:
    """Return AWS's list of keys and values as a mapping."""
    return {item["Key"]: item["Value"] for item in items}


def _instance(item: Any) -> Instance:
    cpu = item.get("CpuOptions", {})
    vcpus = cpu.get("CoreCount", 0) * cpu.get("ThreadsPerCore", 0)
    return Instance(
        id=item["InstanceId"],
        type=item["InstanceType"],
        state=item["State"]["Name"],
        zone=item.get("Placement", {}).get("AvailabilityZone", ""),
        tags=tags_of(item.get("Tags", [])),
        vcpus=vcpus or None,
        launched_at=item.get("LaunchTime"),
        reason=item.get("StateReason", {}).get("Message", ""),
        spot=item.get("InstanceLifecycle") == "spot",
        reservation=item.get("CapacityReservationSpecification", {})
        .get("CapacityReservationTarget", {})
        .get("CapacityReservationId", ""),
        made_at=_made_at(item),
        stopped_at=_stopped_at(item.get("StateTransitionReason", "")),
    )


def _made_at(item: Any) -> datetime | None:
    """Return when an instance got its root volume: its first launch. LaunchTime is its last start."""
    root = item.get("RootDeviceName")
    disks = (one.get("Ebs", {}) for one in item.get("BlockDeviceMappings", []) if one["DeviceName"] == root)
    return next((disk.get("AttachTime") for disk in disks), None)


def _stopped_at(reason: str) -> datetime | None:
    """Return when somebody stopped an instance through EC2: `User initiated (2026-11-25 10:00:00 GMT)`."""
    found = _STOPPED_AT.search(reason)
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None


def _image(item: Any, source: str) -> Image:
    root = item.get("RootDeviceName", "")
    sizes = [
        mapping["Ebs"].get("VolumeSize", 0)
        for mapping in item.get("BlockDeviceMappings", [])
        if mapping.get("DeviceName") == root and "Ebs" in mapping
    ]
    return Image(
        id=item["ImageId"],
        name=item.get("Name", ""),
        architecture=item.get("Architecture", ""),
        root_device=root,
        root_gib=sizes[0] if sizes else 0,
        source=source,
    )
