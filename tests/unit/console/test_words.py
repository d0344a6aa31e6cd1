import io
import sys

import pytest

from ds_ec2.console.amounts import duration, per_hour
from ds_ec2.console.failure import show_error
from ds_ec2.console.prompt import confirm
from ds_ec2.console.table import facts, table
from ds_ec2.errors import DsEc2Error


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0958, "$0.0958/h"),
        (0.0042, "$0.0042/h"),
        (0.5, "$0.50/h"),
        (1.006, "$1.01/h"),
        (113.933, "$113.93/h"),
    ],
)
def test_price_per_hour(usd: float, text: str) -> None:
    assert per_hour(usd) == text


def test_an_unknown_price_is_never_zero() -> None:
    assert per_hour(None) == "price unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.9, "8 s"), (200, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"), (356400, "4 d 3 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_table_aligns_text_left_and_numbers_right() -> None:
    shown = table(["NAME", "$/HR"], [["a", "0.10"], ["longer", "12.00"]], right=frozenset({"$/HR"}))
    assert shown.splitlines() == ["NAME     $/HR", "a        0.10", "longer  12.00"]


def test_facts_leave_out_what_is_empty() -> None:
    assert facts([("price", "$1/h"), ("note", "")]) == "  price  $1/h"


def test_an_error_is_what_why_and_next(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(DsEc2Error("it broke", why="line one\nline two", hint="ds-ec2 up"))
    assert capsys.readouterr().err.splitlines() == [
        "ds-ec2: it broke",
        "  why:  line one",
        "        line two",
        "  next: ds-ec2 up",
    ]


def test_nobody_to_ask_names_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(DsEc2Error, match="Nobody is here to answer") as caught:
        confirm("Make it?", hint="ds-ec2 up -y")
    assert caught.value.hint == "ds-ec2 up -y"
