"""A machine for tests that need one: `dataclasses.replace` makes it what they want."""

from __future__ import annotations

from ds_ec2.model.machine import Machine, MachineStatus

MACHINE = Machine(
    name="work",
    owner="ana",
    region="us-east-1",
    zone="us-east-1a",
    status=MachineStatus.RUNNING,
    instance_id="i-1",
    instance_type="m7i.large",
    stack="ds-ec2-ana-work",
    stack_status="CREATE_COMPLETE",
    managed_by="ds-ec2",
    idle_minutes=60,
)
