"""`offers`, `catalog` and `up` with a wish, as a user types them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine

pytestmark = pytest.mark.local


def without_account(command: CommandLine) -> CommandLine:
    return replace(command, flags=())


def on_terminal(command: CommandLine, *words: str) -> str:
    line = " ".join(f"'{word}'" for word in command.arguments(*words))
    return str(pexpect.run(line, env=command.environment, encoding="utf-8", timeout=120))


def test_a_pipe_gets_names_alone_and_is_told_where_they_are_from(ds_ec2: CommandLine) -> None:
    run = without_account(ds_ec2)("offers", "--gpu", "24GB..", "--offline", "--limit", "3")
    assert run.stdout.split() == ["g6.xlarge", "g6.2xlarge", "g5.xlarge"]
    assert run.stderr.startswith("Offline: from the catalogue of 2026-07-20")


def test_a_terminal_gets_the_table(ds_ec2: CommandLine) -> None:
    text = on_terminal(ds_ec2, "offers", "--gpus", "L4:1")
    assert "Shown 7 of 7." in text
    assert "enough" in text
    text = on_terminal(
        without_account(ds_ec2), "offers", "--cpus", "4+", "--memory", "16..64", "--limit", "2"
    )
    assert "Shown 2 of" in text
    assert "no AWS credentials were found" in text
    assert "not asked" in text


def test_a_program_gets_json(ds_ec2: CommandLine) -> None:
    run = ds_ec2("offers", "--gpu", "A10G,L4:1", "--max-price", "1.5", "--json")
    told = json.loads(run.stdout)
    assert told["wish"] == "--gpu A10G,L4:1 --max-price 1.5"
    assert not told["offline"]
    prices = [one["price"]["usd"] for one in told["offers"]]
    assert prices == sorted(prices)
    assert max(prices) <= 1.5
    assert told["offers"][0]["type"]["accelerators"][0]["kind"] == "gpu"
    assert told["offers"][0]["quota"]["code"] == "L-DB2E81BA"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--gpu", "A10"], "A10G"),
        (["--gpu", "24XB"], "A10G, 24GB.."),
        (["--cpus", "many"], "4, 4+, 4..8 or ..8"),
        (["--gpu", "L4", "--max-price", "0.1"], "without --max-price there is g6.xlarge"),
        (["--region", "us-east-9"], "does not know the region us-east-9"),
        (["--instance-type", "g6.xlrge"], "ds-ec2 offers --instance-type g6.xlarge"),
    ],
)
def test_what_cannot_be_is_told_with_what_to_type_next(
    ds_ec2: CommandLine, words: list[str], told: str
) -> None:
    run = without_account(ds_ec2)("offers", "--offline", *words, ok=False)
    assert run.returncode in {1, 2}
    assert run.stdout == ""
    assert told in run.stderr
    assert "next:" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_plan_with_a_wish_shows_what_it_was_chosen_from(ds_ec2: CommandLine) -> None:
    run = ds_ec2("up", "--gpu", "24GB..", "--dry-run")
    assert "Shown 5 of 40: ds-ec2 offers --gpu 24GB.. shows all." in run.stdout
    assert "work: g6.xlarge (4 vCPU, 16 GiB, 1 x L4 22 GiB) in us-east-1a, account" in run.stdout


def test_a_plan_without_an_account_needs_dry_run(ds_ec2: CommandLine) -> None:
    offline = without_account(ds_ec2)
    run = offline("up", "--offline", "--dry-run", "--json")
    plan = json.loads(run.stdout)
    assert plan["type"]["name"] == "m7i-flex.xlarge"
    assert plan["offers"] is None
    refused = offline("up", "--offline", ok=False)
    assert refused.returncode == 2
    assert "ds-ec2 up work --dry-run --offline" in refused.stderr


def test_the_catalogue_tells_its_age_source_and_numbers(ds_ec2: CommandLine) -> None:
    show = without_account(ds_ec2)
    facts = json.loads(show("catalog", "show", "--region", "eu-central-1", "--json").stdout)
    assert facts["priced_on"] == "2026-07-20"
    assert facts["priced"] == 0
    assert facts["approximate"] > 1000
    assert "moto" in facts["source"]
    assert "days old" in show("catalog", "show").stdout


def test_a_reader_that_has_enough_is_no_failure(ds_ec2: CommandLine) -> None:
    words = without_account(ds_ec2).arguments("offers", "--offline", "--all")
    run = subprocess.run(
        ["/bin/sh", "-c", '"$@" | head -1', "sh", *words],
        env=ds_ec2.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(run.stdout.splitlines()) == 1
    assert "Traceback" not in run.stderr
