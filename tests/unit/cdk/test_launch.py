"""How the machine's template has an instance: on demand, on the spot market, into a reservation."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from ds_ec2.model import names
from ds_ec2.model.offers import Market

pytestmark = pytest.mark.cdk

NOTHING: Final = {"Ref": "AWS::NoValue"}


@pytest.fixture(scope="module")
def machine(texts: dict[str, str]) -> Any:
    return json.loads(texts["machine"])


@pytest.fixture(scope="module")
def data(machine: Any) -> Any:
    return machine["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]


def test_a_launch_template_is_made_only_where_one_is_needed(machine: Any) -> None:
    assert machine["Resources"]["LaunchTemplate"]["Condition"] == "NeedsLaunchTemplate"
    needed, template, without = machine["Resources"]["Instance"]["Properties"]["LaunchTemplate"]["Fn::If"]
    assert (needed, without) == ("NeedsLaunchTemplate", NOTHING)
    # A number, so that a later version leaves the machine alone.
    assert template == {"LaunchTemplateId": {"Ref": "LaunchTemplate"}, "Version": "1"}
    parameters = machine["Parameters"]
    assert parameters["Market"]["Default"] == Market.ON_DEMAND.value
    assert parameters["Market"]["AllowedValues"] == sorted(market.value for market in Market)
    assert parameters["CapacityReservation"]["Default"] == ""


def test_a_spot_request_stops_its_machine_and_has_our_tags(data: Any) -> None:
    condition, market, without = data["InstanceMarketOptions"]["Fn::If"]
    assert (condition, without) == ("IsSpot", NOTHING)
    assert market == {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
    }
    condition, (tagged,), without = data["TagSpecifications"]["Fn::If"]
    assert (condition, without) == ("IsSpot", NOTHING)
    assert tagged["ResourceType"] == "spot-instances-request"
    tags = {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}
    assert tags[names.TAG_STACK] == {"Ref": "AWS::StackName"}
    assert tags[names.TAG_PART] == "machine"
    assert set(tags) == {"Name", names.TAG_NAME, names.TAG_OWNER, names.TAG_PART, names.TAG_STACK}


def test_a_reservation_is_targeted_by_its_id(data: Any) -> None:
    condition, specification, without = data["CapacityReservationSpecification"]["Fn::If"]
    assert (condition, without) == ("IsReserved", NOTHING)
    target = {"CapacityReservationId": {"Ref": names.MachineParameter.CAPACITY_RESERVATION}}
    assert specification == {"CapacityReservationTarget": target}


def test_nothing_else_stands_in_the_launch_template(data: Any, texts: dict[str, str]) -> None:
    assert set(data) == {
        "InstanceMarketOptions",
        "CapacityReservationSpecification",
        "TagSpecifications",
    }
    assert "LaunchTemplate" not in texts["all-in-one"]
