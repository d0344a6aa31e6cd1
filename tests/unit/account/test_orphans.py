"""The function that ends what outlived its stack: its verdicts on spot requests."""

from __future__ import annotations

from typing import Any

import pytest

from ds_ec2_account.orphans import orphaned


def stack(status: str, instance: str = "") -> dict[str, Any]:
    outputs = [{"OutputKey": "InstanceId", "OutputValue": instance}] if instance else []
    return {"StackStatus": status, "Outputs": outputs}


@pytest.mark.parametrize(
    ("found", "instance", "verdict"),
    [
        (None, "i-1", True),
        (stack("DELETE_COMPLETE"), "i-1", True),
        (stack("ROLLBACK_COMPLETE"), "i-1", True),
        (stack("CREATE_COMPLETE", "i-1"), "i-1", False),
        (stack("UPDATE_COMPLETE", "i-1"), "i-2", True),  # its own was terminated in the console
        (stack("CREATE_COMPLETE", "i-1"), None, False),  # it starts again, and waits for room
        (stack("CREATE_IN_PROGRESS"), "i-1", False),
        (stack("UPDATE_IN_PROGRESS", "i-1"), "i-2", False),
        (stack("DELETE_FAILED"), "i-1", False),
    ],
)
def test_a_request_is_orphaned_where_no_stack_knows_its_machine(
    found: dict[str, Any] | None,
    instance: str | None,
    verdict: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    request = {"InstanceId": instance} if instance else {}
    assert orphaned(request, found) is verdict
