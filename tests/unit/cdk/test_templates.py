"""The shipped templates are what the sources give, small enough, and nothing that judges finds fault."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ds_ec2.model import names
from ds_ec2.templates import code
from ds_ec2.templates import template as shipped
from ds_ec2_cdk import synth

pytestmark = pytest.mark.cdk

ROOT: Final = Path(__file__).parents[3]
PARTS: Final = ("network", "data", "machine")


@pytest.mark.parametrize("part", PARTS)
def test_the_committed_template_is_what_the_sources_give(texts: dict[str, str], part: str) -> None:
    assert shipped(part) == texts[part], f"{part}.json is stale: make synth"


def test_the_committed_code_is_what_the_sources_give_and_the_template_takes(texts: dict[str, str]) -> None:
    values = code()
    assert values == json.loads(texts["code"]), "code.json is stale: make synth"
    declared = json.loads(texts["machine"])["Parameters"]
    assert len(declared) <= 200
    for name, value in values.items():
        assert re.fullmatch(declared[name]["AllowedPattern"], value)
        assert len(value) <= 4096
        assert "Default" not in declared[name]


def test_check_names_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]
) -> None:
    monkeypatch.setattr(synth, "synthesise", lambda: {part: texts[part] for part in (*PARTS, "code")})
    assert synth.main(["--out", str(tmp_path)]) == 0
    assert synth.main(["--check", "--out", str(tmp_path)]) == 0
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "code.json").unlink()
    capsys.readouterr()
    assert synth.main(["--check", "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "data.json, code.json" in printed.err
    assert "machine.json" not in printed.err
    assert re.search(r"machine\.json: [\d,]+ of 51,200 bytes", printed.out)
    assert re.search(r"code: [\d,]+ characters in \d+ of 200 parameters", printed.out)
    assert re.search(r"user data: [\d,]+ of 16,384 bytes", printed.out)


@pytest.mark.parametrize("part", PARTS)
def test_a_template_is_half_of_what_cloudformation_takes(texts: dict[str, str], part: str) -> None:
    share = 0.56 if part == "network" else 0.5  # the network's holds three functions
    assert len(texts[part].encode()) < share * synth.TEMPLATE_LIMIT


class CdkYaml(yaml.SafeDumper):
    """YAML as the CDK command line sends templates, which is larger than the JSON that it reads."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - yaml's
        super().increase_indent(flow, False)


def _text(dumper: CdkYaml, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


CdkYaml.add_representer(str, _text)


def test_cloudformation_takes_the_all_in_one_stack_from_a_bucket(
    texts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    template = json.loads(texts["all-in-one"])
    (packages,) = (key for key in template["Resources"] if "PackagesParameter" in key)
    template["Resources"][packages]["Properties"]["Value"] = Path(ROOT, "requirements.txt").read_text()
    size = len(yaml.dump(template, Dumper=CdkYaml, width=10**9, sort_keys=False))
    way = "by itself" if size <= synth.TEMPLATE_LIMIT else "through the bucket of `cdk bootstrap`"
    with capsys.disabled():
        sys.stdout.write(f"\nthe all-in-one stack has {size:,} bytes as `cdk deploy` sends it: {way}\n")
    # Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert size <= 1_000_000


def test_user_data_is_half_of_what_is_allowed(texts: dict[str, str]) -> None:
    assert len(synth.user_data_text(json.loads(texts["machine"])).encode()) <= 8_192


@pytest.mark.parametrize(
    ("part", "parameters", "outputs"),
    [
        ("network", names.NetworkParameter, names.NetworkOutput),
        ("data", names.DataParameter, names.DataOutput),
        ("machine", names.MachineParameter, names.MachineOutput),
    ],
)
def test_parameters_and_outputs_have_the_shared_names(
    texts: dict[str, str], part: str, parameters: type, outputs: type
) -> None:
    def values(of: type) -> set[str]:
        found = [value for key, value in vars(of).items() if key.isupper()]
        return {name for value in found for name in ((value,) if isinstance(value, str) else value)}

    template = json.loads(texts[part])
    parts = set(code()) if part == "machine" else set()
    assert set(template["Parameters"]) == values(parameters) | parts
    assert set(template["Outputs"]) == values(outputs)


# Joins are what CDK writes for f-strings; Context is a remark for language models.
LEFT_OUT: Final = {"I1022", "I4010"}


@pytest.mark.parametrize("part", [*PARTS, "all-in-one"])
def test_cfn_lint_finds_nothing(texts: dict[str, str], part: str) -> None:
    from cfnlint.api import lint_all

    found = [
        f"{match.rule.id} {match.message}" for match in lint_all(texts[part]) if match.rule.id not in LEFT_OUT
    ]
    assert not found


# What cdk-nag's AwsSolutions pack objects to, and why it stays.
ACCEPTED: Final = {
    ("AwsSolutions-VPC7", "network/Default/Vpc"): "flow logs bill by the GB; nothing comes in to be logged",
    ("AwsSolutions-EC23", "network/Default/WayOutGroup"): "it cannot read a parameter: the VPC's range",
    ("AwsSolutions-EC28", "network/Default/WayOutInstance"): "detailed monitoring bills; nobody looks at it",
    ("AwsSolutions-EC28", "machine/Default/Instance"): "as above",
    ("AwsSolutions-EC29", "network/Default/WayOutInstance"): "the stack is protected; this would block it",
    ("AwsSolutions-EC29", "machine/Default/Instance"): "as above",
    ("AwsSolutions-IAM4", "machine/Default/Role"): "the agent's own; a Deny narrows what it reads",
    ("AwsSolutions-IAM5", "machine/Default/Role"): "one prefix of one bucket",
    ("AwsSolutions-IAM5", "network/Default/FollowerRole"): "EC2's Describe calls know no resources",
    ("AwsSolutions-IAM5", "network/Default/CaretakerRole"): "as above; it stops what has our tag",
    ("AwsSolutions-IAM5", "network/Default/OrphansRole"): "as above; it ends what has our tag or profile",
    ("AwsSolutions-S1", "network/Default/TransitBucket"): "its log would need a bucket that outlives it",
}  # fmt: skip


def test_cdk_nag_finds_only_what_is_accepted() -> None:
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    from ds_ec2_cdk.stacks import DataStack, MachineStack, NetworkStack

    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, analytics_reporting=False, tree_metadata=False)
        for part, stack in (("network", NetworkStack), ("data", DataStack), ("machine", MachineStack)):
            stack(app, part)
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            app.synth()
        report: dict[str, Any] = json.loads(Path(folder, "validation-report.json").read_text())
    (nag,) = (one for one in report["pluginReports"] if one["pluginName"] == "AwsSolutions")
    found = {
        (violation["ruleName"].split("[")[0], construct["constructPath"])
        for violation in nag["violations"]
        for construct in violation["violatingConstructs"]
    }
    assert found == set(ACCEPTED)
