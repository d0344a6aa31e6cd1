"""The demo has an embedded AWS of its own: nothing of the user's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ds_ec2.config.paths import demo_state_dir
from ds_ec2.errors import DsEc2Error
from ds_ec2.operations.demo import demo_account
from ds_ec2.operations.local import local_start, local_status

if TYPE_CHECKING:
    from ds_ec2.aws.account import Account

pytestmark = pytest.mark.local


def test_the_users_embedded_aws_runs_on(account: Account) -> None:
    before = local_status()
    assert before.running
    with demo_account() as demo:
        assert demo.endpoint != account.endpoint
        assert demo.identity.caller().name == "ana"
        with pytest.raises(DsEc2Error, match="another demo runs"), demo_account():
            pass
        assert local_status(demo_state_dir()).running
    assert local_status() == before
    assert not local_status(demo_state_dir()).running


def test_the_server_of_a_demo_that_was_killed_is_replaced(account: Account) -> None:  # noqa: ARG001 - a state folder
    steps = local_start(demo_state_dir())
    for _ in steps:
        pass
    left = local_status(demo_state_dir())
    with demo_account():
        assert local_status(demo_state_dir()).pid != left.pid
    assert not local_status(demo_state_dir()).running
