from dataclasses import replace

from ds_ec2.console.offers import names, offers_table, origin
from ds_ec2.console.resources import resources
from ds_ec2.model.bill import Bill, BillLine, Price
from ds_ec2.model.instances import Accelerator, AcceleratorKind, InstanceType
from ds_ec2.model.offers import Market, Offer, Offers
from ds_ec2.model.plans import Quota

L4 = Accelerator(AcceleratorKind.GPU, "NVIDIA", "L4", 1, 22888)
KIND = InstanceType("g6.xlarge", 4, 16384, ("x86_64",), (L4,))
OFFER = Offer(
    "us-east-1",
    ("us-east-1a", "us-east-1d"),
    KIND,
    Market.ON_DEMAND,
    Price(0.8048),
    bill=Bill((BillLine("instance", 0.8048, 0.0, "x"), BillLine("disks", 0.0155, 11.3, "x"))),
)


def told(*offers: Offer, total: int = 0, **others: object) -> str:
    return offers_table(replace(Offers("us-east-1", "--gpu L4", offers, total or len(offers)), **others))  # type: ignore[arg-type] # of the fields' own types


def test_a_line_has_place_type_resources_prices_and_quota() -> None:
    title, line, count, *_ = told(replace(OFFER, quota=Quota("L-1", 8.0, 0, 4)), total=12).splitlines()
    assert title.split() == [
        "#",
        "REGION",
        "ZONE",
        "INSTANCE",
        "RESOURCES",
        "SPOT",
        "$/HOUR",
        "$/DAY",
        "QUOTA",
    ]
    assert line == "1  us-east-1  a d   g6.xlarge  4 vCPU, 16 GiB, 1 x L4 22 GiB  no    0.8048  19.69  enough"
    assert count.startswith("Shown 1 of 12: --all shows all.")


def test_all_offers_need_no_hint_at_more() -> None:
    assert "Shown 1 of 1. " in told(OFFER)


def test_what_a_figure_is_stands_before_it() -> None:
    assert "~0.8048  ~19.69" in told(replace(OFFER, price=Price(0.8048, approximate=True)))
    assert "<0.8048  <19.69" in told(replace(OFFER, price=Price(0.8048, at_most=True), market=Market.SPOT))


def test_a_quota_says_how_much_is_free() -> None:
    assert "too small: 2 free, 4 needed" in told(replace(OFFER, quota=Quota("L-1", 8.0, 6, 4)))
    assert "not known" in told(replace(OFFER, quota=Quota("", None, 0, 4)))
    assert "not asked" in told(OFFER)


def test_scores_and_notes_stand_below() -> None:
    lines = told(OFFER, scores=(("us-east-1a", 9), ("us-east-1d", 3)), notes=("prices are old",)).splitlines()
    assert lines[-2] == "Spot placement score, 10 is likely: us-east-1a 9, us-east-1d 3"
    assert lines[-1] == "  note: prices are old"


def test_where_nothing_has_a_price_there_is_no_table() -> None:
    assert told(total=0).startswith("No offer has a known price.")


def test_names_are_told_once_each() -> None:
    spot = replace(OFFER, market=Market.SPOT)
    other = replace(OFFER, type=replace(KIND, name="g5.xlarge"))
    assert names(Offers("us-east-1", "", (OFFER, spot, other), 3)) == "g6.xlarge\ng5.xlarge"


def test_offline_says_so_with_the_day() -> None:
    offers = Offers("us-east-1", "", (OFFER,), 1, priced_on="2026-07-20")
    assert "2026-07-20" in origin(offers)
    assert "not asked" in origin(offers)
    assert "Offline" not in origin(replace(offers, offline=False))


def test_slices_of_a_gpu_are_told_as_slices() -> None:
    eighth = replace(L4, count=0, memory_mib=2861, share=0.125)
    assert resources(replace(KIND, accelerators=(eighth,))) == "4 vCPU, 16 GiB, 1/8 of L4 3 GiB"
    assert resources(replace(KIND, accelerators=())) == "4 vCPU, 16 GiB"
