from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ds_ec2.catalog.embedded import embedded
from ds_ec2.catalog.refreshed import catalogue, path_of, read, write
from ds_ec2.operations.catalogue import age_note

SHIPPED = embedded("us-east-1")
OWN = replace(
    SHIPPED,
    priced_on="2026-11-20",
    source="the account",
    usd={"g6.xlarge": 0.7},
    spot={"g6.xlarge": {"us-east-1a": 0.3}},
    refreshed=True,
)


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    write(OWN, tmp_path)
    assert read("us-east-1", tmp_path) == OWN
    assert [path.name for path in tmp_path.iterdir()] == ["us-east-1.json"]


def test_the_newer_one_is_used(tmp_path: Path) -> None:
    assert not catalogue("us-east-1", tmp_path).refreshed
    write(OWN, tmp_path)
    found = catalogue("us-east-1", tmp_path)
    assert found.refreshed
    kind = found.type("g6.xlarge")
    assert kind is not None
    price = found.price(kind)
    assert price is not None
    assert (price.usd, price.approximate) == (0.7, False)
    write(replace(OWN, priced_on="2026-01-01"), tmp_path)
    assert not catalogue("us-east-1", tmp_path).refreshed


def test_a_type_that_the_account_told_no_price_of_has_none(tmp_path: Path) -> None:
    write(OWN, tmp_path)
    found = catalogue("us-east-1", tmp_path)
    kind = found.type("g5.xlarge")
    assert kind is not None
    assert found.price(kind) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99}', '{"format": 1}', "\x00"])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    path_of("us-east-1", tmp_path).write_text(text)
    assert catalogue("us-east-1", tmp_path) == SHIPPED


def test_the_age_is_told_when_it_matters() -> None:
    assert SHIPPED.age_days(date(2026, 10, 18)) == 90
    assert "2026-07-20" in age_note(SHIPPED)
    assert age_note(replace(SHIPPED, priced_on="2999-01-01")) == ""
