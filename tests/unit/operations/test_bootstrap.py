import json

import pytest

from ds_ec2.model.machine import StageState
from ds_ec2.operations.bootstrap import BootStatus, parse_status


def test_a_status_document_is_read() -> None:
    text = json.dumps(
        {
            "boot": "b1",
            "stages": [
                {"name": "booted", "state": "done", "started_at": 1.5, "seconds": 2, "error": ""},
                {"name": "disks", "state": "failed", "started_at": 4, "error": "no disk"},
                {"name": "network", "state": "running", "started_at": 9},
            ],
            "idle": {},
        }
    )
    status = parse_status(text)
    assert status.boot == "b1"
    assert [stage.state for stage in status.stages] == [
        StageState.DONE,
        StageState.FAILED,
        StageState.RUNNING,
    ]
    disks = status.stage("disks")
    assert disks is not None
    assert (disks.error, disks.seconds) == ("no disk", None)
    assert status.stage("ready") is None


@pytest.mark.parametrize(
    "text", ["{}", "", "[]", "null", '{"stages": [1]}', '{"stages": [{"state": "odd"}]}']
)
def test_what_is_not_understood_is_no_status(text: str) -> None:
    assert parse_status(text) == BootStatus()
