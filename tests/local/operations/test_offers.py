"""Offers with an account: quotas, spot prices of now, placement scores; and a catalogue read from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ds_ec2.aws.account import Keys
from ds_ec2.aws.errors import CredentialsError
from ds_ec2.catalog.embedded import embedded
from ds_ec2.catalog.refreshed import read
from ds_ec2.config.paths import catalogue_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.model.offers import Market, OffersRequest
from ds_ec2.model.steps import Step, StepState
from ds_ec2.model.wish_grammar import parse_gpu
from ds_ec2.model.wishes import Range, SpotPolicy, Wish
from ds_ec2.operations.offers import offers_offline, offers_online
from ds_ec2.operations.refresh import refresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ds_ec2.aws.account import Account
    from ds_ec2.model.catalogue import CatalogueFacts

    Faults = Callable[..., None]

pytestmark = pytest.mark.local
ANY_GPU = OffersRequest(Wish(parse_gpu("24GB..")))


@pytest.fixture
def no_catalogue_of_others() -> Iterator[None]:
    """A refreshed catalogue is for the test that reads it."""
    yield
    for path in catalogue_dir(local=True).glob("*.json"):
        path.unlink()


def refreshed(account: Account, *, every: bool = False) -> tuple[tuple[CatalogueFacts, ...], list[Step]]:
    steps, told = refresh(account, every_region=every), []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


def test_offers_have_the_accounts_room(account: Account) -> None:
    told = offers_online(account, ANY_GPU)
    assert not told.offline
    by_name = {one.type.name: one.quota for one in told.offers}
    small, large, costly = by_name["g6.xlarge"], by_name["g6.48xlarge"], by_name["p5.4xlarge"]
    assert small is not None and small.enough and small.limit == 64  # noqa: PT018 - one thought
    assert large is not None and not large.enough  # noqa: PT018 - as above
    assert costly is not None and costly.code == "L-417A185B" and not costly.enough  # noqa: PT018 - as above


def test_offers_without_the_right_to_read_quotas_are_still_offers(account: Account, faults: Faults) -> None:
    faults(fail_action={"servicequotas:GetServiceQuota": ["AccessDeniedException", 400, "no"]})
    told = offers_online(account, ANY_GPU)
    assert told.offers[0].type.name == "g6.xlarge"
    assert told.offers[0].quota is None
    assert any("quotas could not be read" in note for note in told.notes)


def test_spot_offers_have_the_prices_of_now_zone_by_zone(account: Account) -> None:
    told = offers_online(account, replace(ANY_GPU, wish=Wish(parse_gpu("L4:1"), spot=SpotPolicy.AUTO)))
    prices = [one.price.usd for one in told.offers]
    assert prices == sorted(prices)
    first = told.offers[0]
    assert (first.market, first.type.name, first.price.at_most) == (Market.SPOT, "g6.xlarge", False)
    assert first.price.usd == pytest.approx(0.4 * 0.8048)
    assert len(first.zones) == 1
    assert first.quota is not None
    assert first.quota.code == "L-3819A6DF"


def test_placement_scores_are_of_the_zones_by_their_names(account: Account, faults: Faults) -> None:
    faults(insufficient_capacity=[{"zone": "us-east-1b"}])
    request = OffersRequest(Wish(parse_gpu("24GB.."), spot=SpotPolicy.SPOT), scores=True)
    scores = dict(offers_online(account, request).scores)
    assert scores["us-east-1b"] == 1
    assert scores["us-east-1a"] == 9


def test_a_placement_score_wants_three_types(account: Account) -> None:
    told = offers_online(
        account, OffersRequest(Wish(types=("g5.xlarge",), spot=SpotPolicy.SPOT), scores=True)
    )
    assert told.scores == ()
    assert any("needs 3 types" in note for note in told.notes)


def test_no_credentials_are_told_apart(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = replace(account, keys=Keys("ASIALOCALEXPIRED0000", "any"))
    with pytest.raises(CredentialsError, match="expired"):
        offers_online(expired, ANY_GPU)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(CredentialsError, match="no AWS credentials"):
        offers_online(replace(account, keys=None), ANY_GPU)


@pytest.mark.usefixtures("no_catalogue_of_others")
def test_a_refreshed_catalogue_is_the_accounts_own_and_wins(other_region: Account) -> None:
    (facts,), steps = refreshed(other_region)
    assert [step.state for step in steps] == [StepState.RUNNING, StepState.DONE]
    assert (facts.region, facts.refreshed, facts.age_days, facts.approximate) == ("us-west-1", True, 0, 0)
    shipped = embedded("us-west-1")
    own = read("us-west-1", catalogue_dir(local=True))
    assert own is not None
    assert own.zones == shipped.zones
    assert own.rows == {name: shipped.rows[name] for name in own.zones}
    assert own.usd is not None
    assert own.usd["g4dn.xlarge"] == 0.526
    request = replace(ANY_GPU, wish=Wish(parse_gpu("T4:1"), spot=SpotPolicy.SPOT))
    told = offers_offline("us-west-1", request, local=True)
    assert told.offers[0].price.usd == pytest.approx(0.4 * 0.526)
    assert not any("days old" in note for note in told.notes)
    # What the embedded AWS says is not taken for what AWS says.
    assert offers_offline("us-west-1", request).priced_on == "2026-07-20"


@pytest.mark.usefixtures("no_catalogue_of_others")
def test_a_region_that_fails_does_not_hold_up_the_others(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(account.ec2), "regions", lambda _: ("me-south-1", "me-nowhere-1"))
    facts, steps = refreshed(account, every=True)
    assert [one.region for one in facts] == ["me-south-1"]
    assert {step.key: step.state for step in steps} == {
        "me-south-1": StepState.DONE,
        "me-nowhere-1": StepState.FAILED,
    }


def test_nothing_is_kept_of_a_region_that_could_not_be_read(other_region: Account, faults: Faults) -> None:
    faults(fail_action={"ec2:DescribeInstanceTypes": ["UnauthorizedOperation", 403, "no"]})
    with pytest.raises(DsEc2Error, match="denies"):
        refreshed(other_region)
    assert read("us-west-1", catalogue_dir(local=True)) is None


def test_what_cannot_be_met_says_what_could(account: Account) -> None:
    with pytest.raises(DsEc2Error, match=r"meets --gpu A100:80GB:2") as caught:
        offers_online(account, OffersRequest(Wish(parse_gpu("A100:80GB:2"))))
    assert "p4de.24xlarge" in caught.value.why
    with pytest.raises(DsEc2Error) as caught:
        offers_online(account, OffersRequest(Wish(parse_gpu("L4"), cpus=Range(2, 2), max_price=0.5)))
    assert caught.value.hint
