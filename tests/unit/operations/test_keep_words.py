"""`ds-ec2 keep` as it may not be typed; nothing is asked of AWS then."""

from __future__ import annotations

import pytest

from ds_ec2.cli.main import main


@pytest.mark.parametrize(
    "words", [["keep"], ["keep", "paper"], ["keep", "4h", "--off"], ["keep", "0"], ["keep", "paper", "long"]]
)
def test_a_hold_without_a_length_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "next: ds-ec2 keep" in capsys.readouterr().err
