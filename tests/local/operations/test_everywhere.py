"""`offers` in several regions, and prices that a refresh made known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ds_ec2.catalog.refreshed import catalogue, price_of, write
from ds_ec2.errors import DsEc2Error, UsageError
from ds_ec2.model.offers import OffersRequest
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Wish
from ds_ec2.operations.everywhere import every_region, offline_in, online_in

if TYPE_CHECKING:
    from pathlib import Path

    from ds_ec2.aws.account import Account

H100 = OffersRequest(Wish(parse_gpu("H100")))
BOTH = ("us-east-1", "us-west-2")


def test_two_regions_are_one_table_and_a_known_price_comes_before_a_borrowed_one() -> None:
    found = offline_in(BOTH, H100)
    lines = [(one.region, one.type.name, one.price.approximate) for one in found.offers]
    assert lines[:2] == [("us-east-1", "p5.4xlarge", False), ("us-west-2", "p5.4xlarge", True)]
    prices = [one.price.usd for one in found.offers]
    assert prices == sorted(prices)
    assert found.region == "us-east-1, us-west-2"
    assert found.total == len(found.offers) == sum(offline_in((one,), H100).total for one in BOTH)
    assert [note for note in found.notes if "refresh --region us-west-2" in note]


def test_a_limit_counts_over_all_regions_and_each_note_comes_once() -> None:
    found = offline_in(every_region(), replace(H100, limit=3))
    assert len(found.offers) == 3
    assert found.total > 20
    assert len(set(found.notes)) == len(found.notes)
    assert sum("refresh --all-regions" in note for note in found.notes) == 1
    assert any("regions have nothing that meets it" in note for note in found.notes)


def test_a_region_without_is_named_and_only_where_no_region_has_it_it_is_an_error() -> None:
    found = offline_in(("us-east-1", "eu-west-3"), H100)
    assert "nothing meets it in eu-west-3" in found.notes
    with pytest.raises(DsEc2Error, match="no instance type in eu-west-3 meets"):
        offline_in(("eu-west-3", "me-south-1"), H100)
    with pytest.raises(UsageError, match="A10"):
        offline_in(BOTH, OffersRequest(Wish(parse_gpu("A10"))))


@pytest.mark.local
def test_each_region_has_quotas_of_its_own(account: Account) -> None:
    found = online_in(account, BOTH, OffersRequest(Wish(parse_gpu("L4")), limit=2))
    assert not found.offline
    assert {one.region for one in found.offers} == set(BOTH)
    assert all(one.quota and one.quota.code == "L-DB2E81BA" for one in found.offers)


def test_a_refreshed_price_is_used_and_one_that_is_older_than_the_embedded_is_not(tmp_path: Path) -> None:
    known = replace(
        catalogue("eu-west-1", tmp_path), usd={"g5.xlarge": 1.123}, priced_on="2099-01-01", refreshed=True
    )
    write(known, tmp_path)
    fresh = price_of("g5.xlarge", 4, "eu-west-1", known)
    assert fresh is not None
    assert (fresh.usd, fresh.approximate) == (1.123, False)
    for own in (None, replace(known, priced_on="2020-01-01"), replace(known, usd={})):
        price = price_of("g5.xlarge", 4, "eu-west-1", own)
        assert price is not None
        assert (price.usd, price.approximate) == (1.006, True)
