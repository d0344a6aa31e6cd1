import pytest

from ds_ec2.aws.images import public_parameter
from ds_ec2.aws.quotas import CLASSES, quota_code, quota_name
from ds_ec2.catalog.embedded import embedded
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.instances import Accelerator, AcceleratorKind, InstanceType
from ds_ec2.model.offers import Market
from ds_ec2.model.plans import Quota

GPU = AcceleratorKind.GPU
SLICE = Accelerator(GPU, "NVIDIA", "L4", 0, 2861, share=0.125)
RADEON = Accelerator(GPU, "AMD", "Radeon Pro V520", 1, 8192)
T4G = Accelerator(GPU, "NVIDIA", "T4g", 1, 16384)
TRAINIUM = Accelerator(AcceleratorKind.NEURON, "AWS", "Trainium", 1, 32768)


def kind(*accelerators: Accelerator, architectures: tuple[str, ...] = ("x86_64",)) -> InstanceType:
    return InstanceType("x1.large", 2, 8192, architectures, accelerators)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (kind(), "al2023-ami-kernel-default-x86_64"),
        (kind(architectures=("arm64",)), "al2023-ami-kernel-default-arm64"),
        (kind(architectures=("i386", "x86_64")), "kernel-default-x86_64"),
        (kind(SLICE), "deeplearning/ami/x86_64/base-oss-nvidia"),
        (kind(T4G, architectures=("arm64",)), "deeplearning/ami/arm64/base-oss"),
        (kind(RADEON), "al2023-ami-kernel-default-x86_64"),
        (kind(TRAINIUM), "neuron/dlami"),
    ],
)
def test_the_image_follows_what_the_type_is_not_how_it_is_called(value: InstanceType, part: str) -> None:
    assert part in public_parameter(value)


def test_a_mac_has_no_image() -> None:
    with pytest.raises(DsEc2Error, match="there is no image"):
        public_parameter(kind(architectures=("arm64_mac",)))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("m7i-flex.xlarge", "L-1216C47A"),
        ("t3.micro", "L-1216C47A"),
        ("im4gn.large", "L-1216C47A"),
        ("g5.xlarge", "L-DB2E81BA"),
        ("gr6f.4xlarge", "L-DB2E81BA"),
        ("vt1.3xlarge", "L-DB2E81BA"),
        ("p5.48xlarge", "L-417A185B"),
        ("inf2.xlarge", "L-1945791B"),
        ("trn1.2xlarge", "L-2C3B7624"),
        ("x2gd.large", "L-7295265B"),
        ("hpc7g.4xlarge", "L-F7808C92"),
        ("f2.6xlarge", "L-74FC7D96"),
        ("dl1.24xlarge", "L-6E869C2A"),
        ("u-3tb1.56xlarge", "L-43DA4232"),
        ("u7i-12tb.224xlarge", "L-43DA4232"),
        ("mac2.metal", ""),
    ],
)
def test_a_family_counts_against_its_quota(name: str, code: str) -> None:
    assert quota_code(name) == code


def test_spot_has_quotas_of_its_own() -> None:
    names = ("x8g.large", "dl1.24xlarge", "p4d.24xlarge", "p5.48xlarge", "p6-b200.48xlarge", "hpc7g.4xlarge")
    codes = [quota_code(name, Market.SPOT) for name in names]
    assert codes == ["L-E3A00192", "L-85EED4F7", "L-7212CCBC", "L-C4BD4855", "", ""]


def test_every_type_but_macs_has_a_quota() -> None:
    without = {name.partition(".")[0] for name in embedded("us-east-1").rows if not quota_code(name)}
    assert all(family.startswith("mac") for family in without)
    assert len({quota_name(code) for one in CLASSES for code in (one.on_demand, one.spot) if code}) == 19


@pytest.mark.parametrize(("limit", "used"), [(8.0, 4), (None, 99)])
def test_a_quota_has_room(limit: float | None, used: int) -> None:
    assert Quota("L-1", limit, used, 4).enough


@pytest.mark.parametrize(("limit", "used"), [(0.0, 0), (8.0, 5)])
def test_a_quota_has_no_room(limit: float | None, used: int) -> None:
    assert not Quota("L-1", limit, used, 4).enough
