"""The embedded catalogue: as it is built, small, quick, and right where it was looked up by hand."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ds_ec2.catalog.embedded import document, embedded, regions
from ds_ec2.catalog.rows import from_row, to_row
from ds_ec2.model.instances import InstanceType, LocalDisks

ROOT = Path(__file__).parents[3]
DATA = ROOT / "src" / "ds_ec2" / "catalog" / "data"
HERE = embedded("us-east-1")


def test_the_data_are_what_a_fresh_build_makes() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "catalogue.py"), "--check"]
    assert subprocess.run(check, check=False).returncode == 0, "run make catalogue"


def test_all_data_together_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.glob("*.json")) < 300_000


def test_it_is_read_in_less_than_twice_an_empty_python() -> None:
    floors, ours = [], []
    for _ in range(7):
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        floors.append(time.perf_counter() - before)
        document.cache_clear()
        before = time.process_time()
        assert len(list(embedded("us-east-1").types())) > 1300
        ours.append(time.process_time() - before)
    assert min(ours) < 2 * min(floors), f"{min(ours) * 1e3:.1f} ms, python -c pass {min(floors) * 1e3:.1f} ms"


def test_every_file_says_where_it_is_from_and_under_which_licence() -> None:
    for name in ("types", "offerings", "prices-us-east-1"):
        head = document(f"{name}.json")
        assert head["source"]
        assert "Apache-2.0" in head["licence"]


def test_a_row_and_its_type_say_the_same() -> None:
    for row in document("types.json")["types"]:
        assert to_row(from_row(row)) == row


def test_regions_sell_known_types_in_zones_of_their_own() -> None:
    assert len(regions()) == 30
    for region in regions():
        catalogue = embedded(region)
        assert 250 < len(catalogue.zones) <= len(catalogue.rows)
        assert all(zones and {zone[:-1] for zone in zones} == {region} for zones in catalogue.zones.values())


def test_a_region_that_is_not_known_sells_nothing() -> None:
    assert not embedded("us-gov-west-1").zones


# Name, vCPU, GiB, architecture, then per accelerator: name, whole devices, devices seen, MiB of each.
# Source: EC2's instance type guide (accelerated computing, specifications), looked up by hand.
BY_HAND = """\
t3.nano         2     0.5  x86_64
t4g.small       2     2    arm64
m7i-flex.xlarge 4     16   x86_64
m7i.metal-24xl  96    384  x86_64
m7g.large       2     8    arm64
c7a.medium      1     2    x86_64
r8g.48xlarge    192   1536 arm64
x2gd.metal      64    1024 arm64
u7in-32tb.224xlarge 896 32768 x86_64
hpc6a.48xlarge  96    384  x86_64
hpc6id.32xlarge 64    1024 x86_64
hpc7a.96xlarge  192   768  x86_64
hpc7g.16xlarge  64    128  arm64
hpc8a.96xlarge  192   768  x86_64
mac2-m2pro.metal 12   32   arm64_mac
mac-m4pro.metal 14    48   arm64_mac
i4i.large       2     16   x86_64
g4dn.xlarge     4     16   x86_64 T4 1 1 16384
g4dn.metal      96    384  x86_64 T4 8 8 16384
g4ad.xlarge     4     16   x86_64 Radeon-Pro-V520 1 1 8192
g4ad.16xlarge   64    256  x86_64 Radeon-Pro-V520 4 4 8192
g5.xlarge       4     16   x86_64 A10G 1 1 22888
g5.48xlarge     192   768  x86_64 A10G 8 8 22888
g5g.metal       64    128  arm64 T4g 2 2 16384
g6.xlarge       4     16   x86_64 L4 1 1 22888
gr6.4xlarge     16    128  x86_64 L4 1 1 22888
g6f.large       2     8    x86_64 L4 0 1 2861
g6f.2xlarge     8     32   x86_64 L4 0 1 5722
gr6f.4xlarge    16    128  x86_64 L4 0 1 11444
g6e.12xlarge    48    384  x86_64 L40S 4 4 45776
g7.2xlarge      8     32   x86_64 RTX-PRO-4500 1 1 32768
g7e.2xlarge     8     64   x86_64 RTX-PRO-Server-6000 1 1 98304
p3dn.24xlarge   96    768  x86_64 V100 8 8 32768
p4d.24xlarge    96    1152 x86_64 A100 8 8 40960
p4de.24xlarge   96    1152 x86_64 A100 8 8 81920
p5.4xlarge      16    256  x86_64 H100 1 1 81920
p5en.48xlarge   192   2048 x86_64 H200 8 8 144384
p6-b200.48xlarge 192  2048 x86_64 B200 8 8 183359
p6-b300.48xlarge 192  4096 x86_64 B300 8 8 275040
inf1.6xlarge    24    48   x86_64 Inferentia 4 4 8192
inf2.48xlarge   192   768  x86_64 Inferentia2 12 12 32768
trn1.32xlarge   128   512  x86_64 Trainium 16 16 32768
trn2.48xlarge   192   2048 x86_64 Trainium2 16 16 98304
trn2u.48xlarge  192   2048 x86_64 Trainium2 16 16 98304
dl1.24xlarge    96    768  x86_64 Gaudi-HL-205 8 8 32768
dl2q.24xlarge   96    768  x86_64 Qualcomm-AI100 8 8 16000
""".splitlines()
CUDA = (
    "g4dn", "g5", "g5g", "g6", "gr6", "g6f", "gr6f", "g6e", "g7", "g7e",
    "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300",
)  # fmt: skip


def known(name: str) -> InstanceType:
    kind = HERE.type(name)
    assert kind is not None
    return kind


@pytest.mark.parametrize("line", BY_HAND, ids=lambda line: line.split()[0])
def test_a_type_is_what_aws_says(line: str) -> None:
    name, vcpus, gib, architecture, *device = line.split()
    kind = known(name)
    assert (kind.vcpus, kind.memory_mib / 1024) == (int(vcpus), float(gib))
    assert architecture in kind.architectures
    told = [
        [one.name.replace(" ", "-"), str(one.count), str(one.devices), str(one.memory_mib)]
        for one in kind.accelerators
    ]
    assert told == ([device] if device else [])
    assert kind.nvidia is (kind.family in CUDA)


def test_there_are_enough_of_them() -> None:
    assert len(BY_HAND) >= 40


def test_cuda_is_told_by_the_maker_in_every_family() -> None:
    families = {kind.family for kind in (from_row(row) for row in HERE.rows.values()) if kind.nvidia}
    assert families == set(CUDA)


def test_no_accelerated_family_hibernates() -> None:
    kinds = [from_row(row) for row in HERE.rows.values()]
    assert not [kind.name for kind in kinds if kind.accelerators and kind.hibernation]
    assert known("m7i.large").hibernation


def test_disks_fabric_and_generation_are_told() -> None:
    assert known("g6f.large").disks == LocalDisks(1, 100, "nvme")
    assert known("i4i.large").disks == LocalDisks(1, 468, "nvme")
    assert known("m7i.large").disks is None
    assert known("p5.48xlarge").efa
    assert not known("g6.xlarge").efa
    assert known("m7i.large").network == "Up to 12.5 Gigabit"
    assert not known("m4.large").current
    assert known("t3.nano").burstable
    assert known("g4dn.metal").bare_metal
    assert not known("hpc7g.4xlarge").spot


def is_gpu(instance_type: str) -> bool:
    """The article's test, as it stands there."""
    return "p" in instance_type or "g5" in instance_type or "g4" in instance_type


def test_the_articles_test_errs_where_the_documentation_says() -> None:
    kinds = [from_row(row) for row in HERE.rows.values()]
    wrongly = {kind.family for kind in kinds if is_gpu(kind.name) and not kind.nvidia}
    missed = {kind.family for kind in kinds if not is_gpu(kind.name) and kind.nvidia}
    assert wrongly == {"g4ad", "hpc6a", "hpc6id", "hpc7a", "hpc7g", "hpc8a", "mac2-m2pro", "mac-m4pro"}
    assert missed == {"g6", "g6e", "g6f", "gr6", "gr6f", "g7", "g7e"}
    page = (ROOT / "docs" / "explanation" / "gpu-machines.md").read_text(encoding="utf-8")
    assert all(f"`{family}`" in page for family in wrongly | missed)
