"""SSM's calls: moto's, and Session Manager's, which go to the session registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from ds_ec2_local.services import machines, sessions
from ds_ec2_local.services.credentials import PEOPLE
from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import current

AGENT_VERSION: Final = "3.3.3270.0"


class LocalSSMResponse(SimpleSystemManagerResponse):  # type: ignore[misc] # moto has no types
    """Answers SSM's calls."""

    def start_session(self) -> ActionResult:
        """Open a session on a connected machine."""
        target = self._get_param("Target")
        instance = current().machines.find(target)
        if instance is None or instance.state in {"terminated", "shutting-down"}:
            raise AwsError(
                "InvalidInstanceId" if instance is None else "TargetNotConnected", _not_connected(target)
            )
        if not current().machines.connected(target):
            raise AwsError("TargetNotConnected", _not_connected(target))
        return ActionResult(
            sessions.start(
                target, self._get_param("DocumentName"), self._get_param("Parameters") or {}, self._caller()
            )
        )

    def resume_session(self) -> ActionResult:
        """Give a session a new token."""
        return ActionResult(sessions.resume(self._get_param("SessionId")))

    def terminate_session(self) -> ActionResult:
        """End a session."""
        return ActionResult(sessions.terminate(self._get_param("SessionId")))

    def describe_sessions(self) -> ActionResult:
        """List sessions."""
        return ActionResult(
            sessions.describe(self._get_param("State", "Active"), self._get_param("Filters") or [])
        )

    def get_connection_status(self) -> ActionResult:
        """Say whether a machine's agent is connected."""
        target = self._get_param("Target")
        connected = current().machines.connected(target)
        return ActionResult({"Target": target, "Status": "connected" if connected else "notconnected"})

    def describe_instance_information(self) -> ActionResult:
        """List the machines whose agent connected."""
        wanted = _wanted_ids(
            self._get_param("Filters") or self._get_param("InstanceInformationFilterList") or []
        )
        listed = [
            _information(instance)
            for instance in current().machines.all()
            if instance.ec2_backend.region_name == self.region
            and instance.state == "running"
            and (wanted is None or instance.id in wanted)
            and machines.role_of(instance) is not None
            and current().machines.was_connected(instance.id)
        ]
        return ActionResult({"InstanceInformationList": listed})

    def send_command(self) -> Any:
        """Refuse: moto would say Success without running anything."""
        raise NotImplementedError("commands are not run here; use a session")

    def _caller(self) -> str:
        """Return the name of who calls, with which a session's id begins."""
        caller = getattr(self, "normalized_request", None)
        environ = getattr(caller, "environ", {}) or {}
        principal = environ.get("ds_ec2_local.principal")
        return principal.name if principal else PEOPLE[0].name


def _not_connected(target: str) -> str:
    return f"{target} is not connected."


def _wanted_ids(filters: list[dict[str, Any]]) -> set[str] | None:
    for entry in filters:
        if (entry.get("Key") or entry.get("key")) == "InstanceIds":
            return set(entry.get("Values") or entry.get("valueSet") or ())
    return None


def _information(instance: Any) -> dict[str, Any]:
    online = current().machines.connected(instance.id)
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online" if online else "ConnectionLost",
        "LastPingDateTime": datetime.now(UTC),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux" if instance.root_device_name == "/dev/xvda" else "Ubuntu",
        "PlatformVersion": "2023" if instance.root_device_name == "/dev/xvda" else "24.04",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip,
        "ComputerName": instance.private_dns_name,
        "IamRole": machines.role_of(instance) or "",
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
    }
