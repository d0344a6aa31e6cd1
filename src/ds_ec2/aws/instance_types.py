"""EC2: instance types, where they are sold, and spot prices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.aws.errors import NoSuchThingError, translated
from ds_ec2.model.instances import Accelerator, AcceleratorKind, InstanceType, LocalDisks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_ec2 import EC2Client

_LISTS: Final = (
    (AcceleratorKind.GPU, "GpuInfo", "Gpus"),
    (AcceleratorKind.NEURON, "NeuronInfo", "NeuronDevices"),
    (AcceleratorKind.INFERENCE, "InferenceAcceleratorInfo", "Accelerators"),
    (AcceleratorKind.FPGA, "FpgaInfo", "Fpgas"),
    (AcceleratorKind.MEDIA, "MediaAcceleratorInfo", "Accelerators"),
)


def instance_type_of(item: Any) -> InstanceType:
    """Return the value of one `InstanceTypeInfo`.

    Source: botocore's model of EC2, shapes InstanceTypeInfo and GpuDeviceInfo.
    """
    network = item.get("NetworkInfo", {})
    return InstanceType(
        name=item["InstanceType"],
        vcpus=item["VCpuInfo"]["DefaultVCpus"],
        memory_mib=item["MemoryInfo"]["SizeInMiB"],
        architectures=tuple(item["ProcessorInfo"]["SupportedArchitectures"]),
        accelerators=tuple(_accelerators(item)),
        network=network.get("NetworkPerformance", ""),
        disks=_disks(item.get("InstanceStorageInfo", {})),
        current=item.get("CurrentGeneration", True),
        bare_metal=item.get("BareMetal", False),
        burstable=item.get("BurstablePerformanceSupported", False),
        efa=network.get("EfaSupported", False),
        hibernation=item.get("HibernationSupported", False),
        spot="spot" in item.get("SupportedUsageClasses", ["spot"]),
    )


def _accelerators(item: Any) -> Iterator[Accelerator]:
    for kind, info, devices in _LISTS:
        if kind is AcceleratorKind.INFERENCE and "NeuronInfo" in item:
            continue  # Inferentia is told twice
        for device in item.get(info, {}).get(devices, []):
            count = device.get("Count", 0)
            yield Accelerator(
                kind=kind,
                maker=device.get("Manufacturer", "AWS" if kind is AcceleratorKind.NEURON else ""),
                name=device.get("Name", ""),
                count=count,
                memory_mib=device.get("MemoryInfo", {}).get("SizeInMiB", 0),
                devices=device.get("LogicalGpuCount", count),
                share=device.get("GpuPartitionSize", 1.0),
            )


def _disks(store: Any) -> LocalDisks | None:
    for disk in store.get("Disks", []):
        nvme = store.get("NvmeSupport") in {"required", "supported"}
        return LocalDisks(disk["Count"], disk["SizeInGB"], "nvme" if nvme else disk["Type"])
    return None


class InstanceTypes:
    """What the account's region sells."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    @translated
    def describe(self, names: Sequence[str] = ()) -> tuple[InstanceType, ...]:
        """Return the types of these names that the region sells, or all; one call a hundred."""
        pages = self._client.get_paginator("describe_instance_types").paginate(
            Filters=_named(names), PaginationConfig={"PageSize": 100}
        )
        return tuple(instance_type_of(item) for page in pages for item in page["InstanceTypes"])

    def one(self, name: str) -> InstanceType:
        """Return one type.

        Raises:
            NoSuchThingError: This region has no such type.
        """
        for kind in self.describe([name]):
            return kind
        raise NoSuchThingError(f"{name} is unknown", why="an empty answer", code="InvalidInstanceType")

    @translated
    def zones(self, names: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
        """Return instance type to the zones that sell it, sorted; of these names or of all."""
        pages = self._client.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", Filters=_named(names), PaginationConfig={"PageSize": 1000}
        )
        found: dict[str, list[str]] = {}
        for page in pages:
            for item in page["InstanceTypeOfferings"]:
                found.setdefault(item["InstanceType"], []).append(item["Location"])
        return {name: tuple(sorted(found[name])) for name in sorted(found)}

    @translated
    def spot_prices(self, names: Sequence[str] = ()) -> dict[str, dict[str, float]]:
        """Return instance type to zone to the spot price of now, for Linux."""
        pages = self._client.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=list(names),  # type: ignore[arg-type] # newer than the stubs' list
            ProductDescriptions=["Linux/UNIX"],
            StartTime=datetime.now(UTC),  # the price of now is the last change before it
        )
        found: dict[str, dict[str, float]] = {}
        for page in pages:
            for item in page["SpotPriceHistory"]:
                found.setdefault(item["InstanceType"], {})[item["AvailabilityZone"]] = float(
                    item["SpotPrice"]
                )
        return found

    @translated
    def placement_scores(self, names: Sequence[str], region: str) -> dict[str, int]:
        """Return zone id to how likely one spot machine of any of these types is had now: 1 to 10."""
        pages = self._client.get_paginator("get_spot_placement_scores").paginate(
            InstanceTypes=list(names), TargetCapacity=1, SingleAvailabilityZone=True, RegionNames=[region]
        )
        return {
            item["AvailabilityZoneId"]: item["Score"]
            for page in pages
            for item in page["SpotPlacementScores"]
        }

    @translated
    def zone_names(self) -> dict[str, str]:
        """Return zone id to the account's own name of the zone."""
        zones = self._client.describe_availability_zones()["AvailabilityZones"]
        return {zone["ZoneId"]: zone["ZoneName"] for zone in zones}


def _named(names: Sequence[str]) -> Any:
    return [{"Name": "instance-type", "Values": list(names)}] if names else []
