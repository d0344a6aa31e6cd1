import pytest

from ds_ec2.catalog.prices import snapshot, usd_per_hour, vcpus_by_size


@pytest.mark.parametrize(
    ("name", "vcpus", "usd"),
    [
        ("g5.xlarge", 4, 1.006),  # a single figure
        ("g6f.large", None, 0.202),  # a slice of a GPU
        ("t3.micro", 2, 0.0104),  # off its family's line
        ("m7i.xlarge", 4, 0.2016),  # a family's rate
        ("m7i.2xlarge", None, 0.4032),  # the size says how many
    ],
)
def test_a_price_is_the_list_price(name: str, vcpus: int | None, usd: float) -> None:
    price = usd_per_hour(name, vcpus, "us-east-1")
    assert price is not None
    assert price.usd == pytest.approx(usd, rel=0.01)
    assert not price.approximate


def test_another_region_is_marked_approximate() -> None:
    price = usd_per_hour("g5.xlarge", 4, "eu-central-1")
    assert price is not None
    assert price.approximate


@pytest.mark.parametrize(("name", "vcpus"), [("z9.huge", 4), ("m7i.metal", None), ("", None)])
def test_an_unknown_price_is_none_and_never_zero(name: str, vcpus: int | None) -> None:
    assert usd_per_hour(name, vcpus, "us-east-1") is None


def test_the_snapshot_says_where_it_is_from_and_holds_no_zero() -> None:
    prices = snapshot()
    assert prices.date == "2026-07-20"
    assert prices.source
    assert len(prices.per_vcpu) == 139
    assert len(prices.single) == 153
    assert min(*prices.per_vcpu.values(), *prices.single.values()) > 0


@pytest.mark.parametrize(("size", "count"), [("large", 2), ("xlarge", 4), ("48xlarge", 192), ("metal", None)])
def test_a_size_tells_its_vcpus(size: str, count: int | None) -> None:
    assert vcpus_by_size(size) == count
