"""One instance type, from the words of DescribeInstanceTypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ds_ec2.model.instances import Accelerator, AcceleratorKind, InstanceType, LocalDisks

if TYPE_CHECKING:
    from collections.abc import Iterator

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
