"""SSM's calls: moto's, and Session Manager's, which go to the session registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from ds_ec2_local.services import machines, sessions
from ds_ec2_local.services.parts import current

if TYPE_CHECKING:
    from ds_ec2_local.services.credentials import Principal

AGENT_VERSION: Final = "3.3.3270.0"
_PAGE: Final = 200
"""Source: DescribeSessions, the most results of one page."""


class LocalSSMResponse(SimpleSystemManagerResponse):  # type: ignore[misc] # moto has no types
    """Answers SSM's calls."""

    def start_session(self) -> ActionResult:
        """Open a session on a connected machine."""
        return ActionResult(
            sessions.start(
                self._get_param("Target"),
                self._get_param("DocumentName"),
                self._get_param("Parameters") or {},
                self._caller(),
                self._get_param("Reason") or "",
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
            sessions.describe(
                self._get_param("State"),
                self._get_param("Filters") or [],
                int(self._get_param("MaxResults") or _PAGE),
                self._get_param("NextToken") or "",
            )
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

    def _caller(self) -> Principal:
        """Return who calls: a session's id begins with the name."""
        principal: Principal = self.normalized_request.environ["ds_ec2_local.principal"]
        return principal


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
