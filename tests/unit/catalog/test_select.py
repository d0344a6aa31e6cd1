"""What is chosen: it has what was asked for, and nothing cheaper that has it comes later."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ds_ec2.catalog.embedded import embedded
from ds_ec2.catalog.select import meets, select
from ds_ec2.errors import UsageError
from ds_ec2.model.offers import Market
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import AT_LEAST_ONE, GpuWish, Range, SpotPolicy, Wish

HERE = embedded("us-east-1")
TYPES = list(HERE.types())
SIZES = st.sampled_from([1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96, 192, 768])
RANGES = st.tuples(SIZES, st.none() | SIZES).map(
    lambda s: Range(min(s[0], s[1] or s[0]), s[1] and max(s[0], s[1]))
)
NAMES = st.sampled_from(["L4", "A10G", "A100", "H100", "T4", "T4g", "V520", "Inferentia2", "nvidia", "amd"])
GPUS = st.builds(
    GpuWish,
    names=st.lists(NAMES, max_size=2).map(tuple),
    memory_gb=st.none() | RANGES,
    count=st.just(AT_LEAST_ONE) | RANGES,
)
WISHES = st.builds(
    Wish,
    gpu=st.none() | GPUS,
    cpus=st.none() | RANGES,
    memory_gib=st.none() | RANGES,
    architecture=st.sampled_from(["", "x86_64", "arm64"]),
    zone=st.sampled_from(["", "us-east-1a", "us-east-1e"]),
    max_price=st.none() | st.floats(0.01, 40),
    spot=st.sampled_from(SpotPolicy),
)


def names(wish: Wish) -> list[str]:
    return [offer.type.name for offer in select(HERE, wish).offers]


@given(WISHES)
@settings(max_examples=40, deadline=None)
def test_what_is_offered_has_what_was_asked_for_cheapest_first(wish: Wish) -> None:
    offers = select(HERE, wish).offers
    prices = [offer.price.usd for offer in offers]
    assert prices == sorted(prices)
    assert all(price > 0 for price in prices)
    for offer in offers:
        kind = offer.type
        assert meets(kind, wish)
        assert wish.cpus is None or wish.cpus.holds(kind.vcpus)
        assert wish.memory_gib is None or wish.memory_gib.holds(kind.memory_mib / 1024)
        assert not wish.architecture or wish.architecture in kind.architectures
        assert {"x86_64", "arm64"} & set(kind.architectures)
        assert wish.max_price is None or offer.price.usd <= wish.max_price
        assert wish.zone in {"", *offer.zones}
        assert offer.zones
        assert set(offer.zones) <= set(HERE.zones[kind.name])
        assert wish.spot is not SpotPolicy.SPOT or offer.market is Market.SPOT
        assert wish.spot is not SpotPolicy.ON_DEMAND or offer.market is Market.ON_DEMAND
        if wish.gpu is None:
            assert offer.missing == ""
        elif not wish.gpu.names:
            assert kind.nvidia


@given(WISHES)
@settings(max_examples=40, deadline=None)
def test_asking_for_more_never_gets_what_asking_for_less_did_not(wish: Wish) -> None:
    met = {kind.name for kind in TYPES if meets(kind, wish)}
    for looser in (
        replace(wish, cpus=None),
        replace(wish, gpu=wish.gpu and replace(wish.gpu, memory_gb=None)),
    ):
        assert met <= {kind.name for kind in TYPES if meets(kind, looser)}


@pytest.mark.parametrize(
    ("gpu", "first"),
    [
        ("24GB..", "g6.xlarge"),
        ("24GB", "g6.xlarge"),
        ("A10G", "g5.xlarge"),
        ("L4:4", "g6.12xlarge"),
        ("2GB..", "g6f.large"),
        ("L4:0.5", "g6f.4xlarge"),
        ("L4", "g6.xlarge"),
        ("T4g", "g5g.xlarge"),
        ("80GB..", "g7e.2xlarge"),
        ("A100:80GB", "p4de.24xlarge"),
        ("H100-80GB:8", "p5.48xlarge"),
        ("rtx-pro-6000", "g7e.2xlarge"),
        ("V520", "g4ad.xlarge"),
        ("inferentia2", "inf2.xlarge"),
        ("gaudi", "dl1.24xlarge"),
    ],
)
def test_the_cheapest_gpu_comes_first(gpu: str, first: str) -> None:
    assert names(Wish(parse_gpu(gpu)))[0] == first


def test_amd_and_neuron_come_when_named_and_say_what_is_missing() -> None:
    assert not [name for name in names(Wish(parse_gpu("8GB.."))) if name.startswith(("g4ad", "inf", "dl"))]
    assert "driver" in select(HERE, Wish(parse_gpu("V520"))).offers[0].missing
    assert "torch-neuronx" in select(HERE, Wish(parse_gpu("Trainium"))).offers[0].missing
    assert select(HERE, Wish(parse_gpu("L4"))).offers[0].missing == ""


def test_bursting_bare_and_old_machines_are_left_out_while_others_meet_the_wish() -> None:
    offered = names(Wish(cpus=Range(2)))
    families = {name.partition(".")[0] for name in offered}
    assert not families & {"t2", "t3", "t3a", "m4", "m5", "a1", "m7g"}
    assert not [name for name in offered if "metal" in name]


def test_a_preference_gives_way_where_nothing_would_be_left() -> None:
    assert names(Wish(max_price=0.05, cpus=Range(2, 2)))[:2] == ["t3a.medium", "t3.medium"]
    assert names(Wish(parse_gpu("T4g"), cpus=Range(64)))


def test_a_machine_that_jupyterlab_does_not_fit_into_is_offered_to_whoever_asks_for_it() -> None:
    assert names(Wish(max_price=0.01)) == []
    assert names(Wish(memory_gib=Range(None, 1)))[0] == "t3a.nano"
    assert names(Wish(types=("t3.nano",))) == ["t3.nano"]


def test_arm_comes_when_it_is_asked_for() -> None:
    assert names(Wish(cpus=Range(4), architecture="arm64"))[0] == "c6g.xlarge"


def test_a_type_without_a_price_is_named_and_never_offered() -> None:
    found = select(HERE, Wish(parse_gpu("RTX PRO 4500")))
    assert found.offers == ()
    assert "g7.2xlarge" in found.unpriced


def test_a_spot_price_that_is_not_known_is_at_most_the_other() -> None:
    both = select(HERE, Wish(parse_gpu("L4:1"), spot=SpotPolicy.AUTO)).offers
    assert [(one.market, one.price.usd, one.price.at_most) for one in both[:2]] == [
        (Market.ON_DEMAND, 0.8048, False),
        (Market.SPOT, 0.8048, True),
    ]


def test_a_known_spot_price_is_an_offer_of_its_zone() -> None:
    known = replace(HERE, spot={"g6.xlarge": {"us-east-1a": 0.31, "us-east-1b": 0.29}})
    offers = select(known, Wish(parse_gpu("L4:1"), spot=SpotPolicy.SPOT)).offers
    assert [(one.zones, one.price.usd) for one in offers[:2]] == [
        (("us-east-1b",), 0.29),
        (("us-east-1a",), 0.31),
    ]


@pytest.mark.parametrize(
    ("name", "near"), [("A10", "A10G"), ("L40", "L40S"), ("H10", "H100"), ("v52O", "V100")]
)
def test_an_unknown_gpu_gets_the_nearest_names(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        select(HERE, Wish(parse_gpu(name)))
    assert near in caught.value.why
    assert caught.value.hint


def test_every_type_on_offer_here_has_a_price_but_for_families_without_a_figure() -> None:
    unpriced = {kind.family for kind in TYPES if HERE.price(kind) is None}
    # Newer than the price list of 2026-07-20, but for Macs, which are sold by the host.
    assert {family for family in unpriced if not family.startswith("mac")} == {
        "c9g", "c9gd", "g7", "m8idb", "m8idn", "m9g", "m9gd", "r8idb", "r8idn", "r9g", "r9gd", "t8i",
    }  # fmt: skip
