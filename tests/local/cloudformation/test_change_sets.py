"""Change sets: what they tell, and what executing them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.local.cloudformation.builders import parameter, template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks

DECLARED = {"N": {"Type": "String", "Default": "one"}, "V": {"Type": "String", "Default": "1"}}


def body(**more: Any) -> Any:
    resources = {
        "P": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Name": {"Ref": "N"}, "Value": {"Ref": "V"}},
        },
        "Q": parameter({"Ref": "P"}),
        **more,
    }
    return template(resources, Parameters=DECLARED)


def change_set(stacks: Stacks, name: Any, text: Any, **more: Any) -> Any:
    parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in more.pop("parameters", {}).items()]
    stacks.api.create_change_set(
        StackName=name, ChangeSetName="c1", TemplateBody=text, Parameters=parameters, **more
    )
    found = stacks.api.describe_change_set(StackName=name, ChangeSetName="c1")
    rows = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in found["Changes"]}
    return found, rows


def test_create(stacks: Stacks) -> None:
    name = stacks.name()
    found, rows = change_set(stacks, name, body(), ChangeSetType="CREATE", parameters={"N": f"/c/{name}"})
    stacks.made.append(found["StackId"])
    assert {key: row["Action"] for key, row in rows.items()} == {"P": "Add", "Q": "Add"}
    assert stacks.status(name) == "REVIEW_IN_PROGRESS"
    with pytest.raises(ClientError, match="already exists"):
        stacks.create(body(), name=name)
    stacks.api.execute_change_set(ChangeSetName=found["ChangeSetId"], ClientRequestToken="t2")
    assert stacks.settled(name) == "CREATE_COMPLETE"
    assert stacks.events(name)[-1]["ClientRequestToken"] == "t2"
    assert stacks.describe(name)["ChangeSetId"] == found["ChangeSetId"]
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        stacks.api.describe_change_set(StackName=name, ChangeSetName="c1")
    with pytest.raises(ClientError, match="cannot be created again"):
        change_set(stacks, name, body(), ChangeSetType="CREATE")


def test_replacement_and_what_hangs_on_it(stacks: Stacks) -> None:
    name = stacks.create(body(), parameters={"N": f"/c/{stacks.name()}"})
    _, rows = change_set(stacks, name, body(), parameters={"N": "/c/two", "V": "2"})
    assert rows["P"]["Replacement"] == "True"
    assert rows["P"]["Scope"] == ["Properties"]
    details = {detail["Target"]["Name"]: detail for detail in rows["P"]["Details"]}
    assert details["Name"]["Target"]["RequiresRecreation"] == "Always"
    assert (details["Name"]["ChangeSource"], details["Name"]["CausingEntity"]) == ("ParameterReference", "N")
    assert details["Value"]["Target"]["RequiresRecreation"] == "Never"
    [follows] = rows["Q"]["Details"]
    assert (follows["Evaluation"], follows["ChangeSource"], follows["CausingEntity"]) == (
        "Dynamic", "ResourceReference", "P",
    )  # fmt: skip
    assert rows["Q"]["Replacement"] == "False"


def test_in_place_and_added_and_removed(stacks: Stacks) -> None:
    name = stacks.create(body(Old=parameter()), parameters={"N": f"/c/{stacks.name()}"})
    old = stacks.describe(name)["Parameters"]
    same = {p["ParameterKey"]: p["ParameterValue"] for p in old}
    _, rows = change_set(stacks, name, body(New=parameter()), parameters={**same, "V": "2"})
    assert {key: row["Action"] for key, row in rows.items()} == {"P": "Modify", "New": "Add", "Old": "Remove"}
    assert rows["P"]["Replacement"] == "False"
    stacks.api.execute_change_set(StackName=name, ChangeSetName="c1")
    assert stacks.settled(name) == "UPDATE_COMPLETE"


def test_no_changes(stacks: Stacks) -> None:
    name = stacks.create(template())
    found, rows = change_set(stacks, name, template())
    assert rows == {}
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "The submitted information didn't contain changes" in found["StatusReason"]
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.api.execute_change_set(StackName=name, ChangeSetName="c1")
    assert [c["ChangeSetName"] for c in stacks.api.list_change_sets(StackName=name)["Summaries"]] == ["c1"]
    stacks.api.delete_change_set(StackName=name, ChangeSetName="c1")
    assert stacks.api.list_change_sets(StackName=name)["Summaries"] == []


def test_tags_and_attributes_are_changes(stacks: Stacks) -> None:
    name = stacks.create(template())
    _, rows = change_set(
        stacks, name, template({"P": parameter(DeletionPolicy="Retain")}), Tags=[{"Key": "a", "Value": "b"}]
    )
    assert sorted(rows["P"]["Scope"]) == ["DeletionPolicy", "Tags"]


def test_an_instance_that_may_be_replaced(stacks: Stacks) -> Any:
    def text(kind: Any, image: Any = "ami-12c6146b") -> Any:
        properties = {"ImageId": image, "InstanceType": kind}
        tie = {"Type": "AWS::EC2::EIP", "Properties": {"InstanceId": {"Ref": "M"}}}
        return template({"M": {"Type": "AWS::EC2::Instance", "Properties": properties}, "A": tie})

    name = stacks.create(text("t3.micro"))
    assert stacks.status(name) == "CREATE_COMPLETE", stacks.reasons(name)
    _, rows = change_set(stacks, name, text("t3.small"))
    assert rows["M"]["Replacement"] == "Conditional"
    assert rows["M"]["Details"][0]["Target"]["RequiresRecreation"] == "Conditionally"
    stacks.api.delete_change_set(StackName=name, ChangeSetName="c1")
    _, rows = change_set(stacks, name, text("t3.micro", "ami-1e749f67"))
    assert rows["M"]["Replacement"] == "True"
    assert rows["A"]["Details"][0]["CausingEntity"] == "M"


def test_import_is_refused(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="type IMPORT are not supported"):
        change_set(stacks, stacks.name(), template(), ChangeSetType="IMPORT")
