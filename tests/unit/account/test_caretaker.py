"""The function that stops machines which nothing watches: its verdicts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ds_ec2_account.caretaker import verdict

NOW = datetime(2026, 11, 25, 14, 32, tzinfo=UTC)
SILENT = timedelta(minutes=45)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("launched", "heard", "why"),
    [
        (600, 9, ""),
        (600, 45, ""),
        (600, 46, "no word from it for 46 minutes"),
        (44, 6000, ""),  # stopped for days, and just started
        (46, 6000, "no word from it for 46 minutes"),  # started, and its watch never came up
    ],
)
def test_silence_counts_from_the_last_word_or_the_last_start(launched: float, heard: float, why: str) -> None:
    assert verdict({}, ago(launched), ago(heard), NOW, SILENT) == why


def test_a_machine_without_a_status_parameter_is_not_judged_by_its_silence() -> None:
    assert verdict({}, ago(6000), None, NOW, SILENT) == ""


@pytest.mark.parametrize(
    ("most", "launched", "why"),
    [
        ("480", 479, ""),
        ("480", 480, "its maximum of 480 minutes was over"),
        ("0", 6000, ""),
        ("soon", 6000, ""),  # somebody's own idea of the tag
        ("", 6000, ""),
    ],
)
def test_a_maximum_counts_from_the_last_start(most: str, launched: float, why: str) -> None:
    assert verdict({"ds-ec2:max-minutes": most}, ago(launched), ago(1), NOW, SILENT) == why
