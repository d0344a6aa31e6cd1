"""What the templates carry runs as it stands there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ds_ec2_cdk import embed
from ds_ec2_cdk.synth import user_data_text
from ds_ec2_machine import pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILLED = {
    "${AWS::Region}": "eu-central-1",
    "${AWS::StackName}": "ds-ec2-ana-work",
    "${AWS::URLSuffix}": "amazonaws.com",
    "${Ready}": "https://cloudformation-waitcondition-eu-central-1.s3.amazonaws.com/x?Signature=a%2Fb&Expires=1",
}


def fill(text: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    assert "${" not in text
    return text


def test_user_data_writes_what_the_loader_reads_and_starts_it(tmp_path: Path) -> None:
    script = fill(embed.user_data(), FILLED)
    for folder in ("/etc/ds-ec2", "/opt/ds-ec2"):
        script = script.replace(folder, f"{tmp_path}{folder}")
    # The loader itself waits for a machine: here it is only asked whether Python can read it.
    script = script.replace("exec python3 ", f"exec '{sys.executable}' -m py_compile ")
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    subprocess.run(["sh"], input=script, text=True, check=True, cwd="/", env=environment)
    boot = tmp_path / "etc/ds-ec2/boot.json"
    assert json.loads(boot.read_text()) == {
        "region": "eu-central-1",
        "stack": "ds-ec2-ana-work",
        "url_suffix": "amazonaws.com",
        "signal_url": FILLED["${Ready}"],
    }
    assert boot.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "opt/ds-ec2/loader.py").read_text() == pack.loader_text()


def test_the_manifest_names_the_parts_in_order() -> None:
    assert json.loads(embed.code_manifest(2)) == {
        "parts": ["/ds-ec2/${AWS::StackName}/code/0", "/ds-ec2/${AWS::StackName}/code/1"],
        "sha256": "${Sha256}",
    }


@pytest.mark.parametrize("function", [embed.follower_code, embed.caretaker_code])
def test_a_function_of_the_account_loads_alone_and_fits(tmp_path: Path, function: Callable[[], str]) -> None:
    code = function()
    assert len(code) <= 4096
    (tmp_path / "index.py").write_text(code)
    script = "import index, sys; index.handler; print('boto3' in sys.modules, 'ds_ec2' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == ["False", "False"]


@pytest.mark.cdk
def test_the_way_out_forwards_by_rules_that_nft_accepts(texts: dict[str, str], tmp_path: Path) -> None:
    template: dict[str, Any] = json.loads(texts["network"])
    script = fill(user_data_text(template, "WayOutInstance"), {"${VpcCidr}": "10.0.0.0/16"})
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    rules = script.split("<<'END'\n")[1].split("END\n")[0]
    assert "ip saddr 10.0.0.0/16 ip daddr != 10.0.0.0/16 masquerade" in rules
    if not shutil.which("nft") or os.geteuid() != 0:
        pytest.skip("checking the rules needs nft and root")
    (tmp_path / "rules").write_text(rules)
    subprocess.run(["unshare", "--net", "nft", "--check", "--file", tmp_path / "rules"], check=True)
