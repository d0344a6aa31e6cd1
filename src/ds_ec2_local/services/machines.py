"""Carries instances from state to state, in threads of their own, as EC2 does.

A call of EC2 (run, stop, ...) notes the state that follows at once and hands the rest to `Machines`.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import traceback
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol

from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.services import ways_out
from ds_ec2_local.services.records import RecordedSandboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ds_ec2_local.services.agents import Agents
    from ds_ec2_local.services.volumes import VolumeStore

CODES: Final = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""Source: EC2's API reference, InstanceState."""
PENDING_S: Final = 0.5
"""How long an instance stays pending at least: what is said of it right after its launch counts."""


class Sandboxes(Protocol):
    """What runs instances: `instances.Sandboxes`, or `RecordedSandboxes`."""

    def start(self, spec: Any) -> None: ...  # noqa: D102 - see docs/explanation/seams.md, 6
    def stop(self, instance_id: str) -> None: ...  # noqa: D102 - as above
    def terminate(self, instance_id: str) -> None: ...  # noqa: D102 - as above
    def guest_socket(self, instance_id: str) -> Path: ...  # noqa: D102 - as above
    def set_way_out(self, instance_id: str, open: bool) -> None: ...  # noqa: A002, D102, FBT001 - as above
    def attach(self, instance_id: str, volume_id: str, path: Path) -> None: ...  # noqa: D102 - as above
    def detach(self, instance_id: str, volume_id: str) -> None: ...  # noqa: D102 - as above
    def set_tags(self, instance_id: str, tags: Mapping[str, str]) -> None: ...  # noqa: D102 - as above
    def set_spot_action(self, instance_id: str, action: str | None, time: str = "") -> None: ...  # noqa: D102 - as above
    def console_output(self, instance_id: str) -> bytes: ...  # noqa: D102 - as above
    def close(self) -> None: ...  # noqa: D102 - as above


class Machines:
    """Runs instances.

    Args:
        sandboxes: What they run in.
        make_spec: Makes an `InstanceSpec` from its members.
        volumes: Content of the volumes.
        agents: Told when a machine comes and goes.
    """

    def __init__(
        self,
        sandboxes: Sandboxes,
        make_spec: Callable[..., Any],
        volumes: VolumeStore,
        agents: Agents,
    ) -> None:
        self.sandboxes = sandboxes
        self.volumes = volumes
        self.agents = agents
        self.on_change: Callable[[Any], None] = lambda _: None
        """Called with an instance whenever its state changed."""
        self._make_spec = make_spec
        self._records = RecordedSandboxes()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._instances: dict[str, Any] = {}
        self._open: dict[str, bool] = {}
        self._seen: set[str] = set()
        self._closing = threading.Event()

    # -- what EC2's calls ask for -------------------------------------------------------------------------

    def launch(self, instance: Any, *, first: bool) -> None:
        """Bring an instance up: pending, then running.

        Args:
            instance: moto's instance.
            first: Whether it boots for the first time.
        """
        self._instances[instance.id] = instance
        self._note(instance, "pending")
        self._later(self._bring_up, instance, first)

    def stop(self, instance: Any, reason: tuple[str, str]) -> None:
        """Bring an instance down: stopping, then stopped.

        Args:
            instance: moto's instance.
            reason: Code and words of its StateReason.
        """
        self._explain(instance, reason)
        self._note(instance, "stopping")
        self._later(self._bring_down, instance)

    def reboot(self, instance: Any) -> None:
        """Restart an instance, which stays `running` meanwhile."""
        self._later(self._restart, instance)

    def terminate(self, instance: Any, reason: tuple[str, str]) -> None:
        """End an instance: shutting-down, then terminated, its volumes detached or deleted."""
        self._explain(instance, reason)
        self._note(instance, "shutting-down")
        self._later(self._end, instance)

    def attach(self, instance: Any, volume_id: str) -> None:
        """Show a volume to a running instance; others see it when they start."""
        if instance.state == "running":
            self._home(instance).attach(instance.id, volume_id, self.volumes.directory(volume_id))

    def detach(self, instance: Any, volume_id: str) -> None:
        """Take a volume from a running instance."""
        if instance.state == "running":
            self._home(instance).detach(instance.id, volume_id)

    def became_router(self, instance: Any) -> None:
        """SourceDestCheck went off: nothing of its own need run in it."""
        if instance.state == "running":
            self._later(self._sandbox_to_record, instance)

    def ended(self, instance_id: str, how: str) -> None:
        """An instance ended by itself (called by the sandboxes).

        Args:
            instance_id: Which.
            how: `stopped` for a machine that switched itself off, `crashed`.
        """
        instance = self._instances.get(instance_id)
        if instance is None or instance.state not in {"running", "pending"} or self._closing.is_set():
            return
        reason = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
        if how == "crashed":
            reason = ("Server.InternalError", "The machine's first process failed")
        if instance.instance_initiated_shutdown_behavior == "terminate":
            self.terminate(instance, reason)
        else:
            self.stop(instance, reason)

    # -- what others ask ---------------------------------------------------------------------------------

    def connected(self, instance_id: str) -> bool:
        """Return whether Session Manager reaches an instance."""
        instance = self._instances.get(instance_id)
        if instance is None or instance.state != "running" or not instance.source_dest_check:
            return False
        if not self.agents.connected(instance_id):
            return False
        if not isinstance(self.sandboxes, RecordedSandboxes):
            return self.sandboxes.guest_socket(instance_id).exists()
        return True

    def was_connected(self, instance_id: str) -> bool:
        """Return whether Session Manager reaches an instance, or did so since it was launched."""
        if self.connected(instance_id):
            self._seen.add(instance_id)
        return instance_id in self._seen

    def find(self, instance_id: str) -> Any:
        """Return moto's instance, or None."""
        return self._instances.get(instance_id)

    def all(self) -> list[Any]:
        """Return all instances there ever were."""
        return list(self._instances.values())

    def refresh_ways_out(self) -> None:
        """Look again at what each running instance reaches."""
        for instance in self.all():
            if instance.state == "running":
                self._refresh(instance)

    def close(self) -> None:
        """End everything that runs; states are not noted any more."""
        self._closing.set()
        self.sandboxes.close()

    # -- threads -----------------------------------------------------------------------------------------

    def _later(self, work: Callable[..., None], instance: Any, *arguments: Any) -> None:
        def run() -> None:
            with self._locks[instance.id]:
                if self._closing.is_set():
                    return
                try:
                    work(instance, *arguments)
                except Exception as error:  # noqa: BLE001 - it is the thread's end: EC2 says it in StateReason
                    traceback.print_exc()
                    self._failed(instance, error)

        threading.Thread(target=run, name=f"{instance.id} {work.__name__}", daemon=True).start()

    def _bring_up(self, instance: Any, first: bool) -> None:  # noqa: FBT001 - handed on by _later
        if self._closing.wait(PENDING_S) or instance.state != "pending":
            return
        home = self._home(instance)
        spec = self._spec(instance, first)
        home.start(spec)
        self._open[instance.id] = spec.way_out
        if home is not self._home(instance):
            self._sandbox_to_record(instance)
        if instance.state != "pending":
            return
        self.agents.booted(instance.id)
        self._note(instance, "running")

    def _bring_down(self, instance: Any) -> None:
        if instance.state != "stopping":
            return
        self._home(instance).stop(instance.id)
        self.agents.gone(instance.id)
        for nic in instance.nics.values():
            nic.stop()
        self._note(instance, "stopped")

    def _restart(self, instance: Any) -> None:
        if instance.state != "running":
            return
        home = self._home(instance)
        home.stop(instance.id)
        self.agents.gone(instance.id)
        spec = self._spec(instance, first=False)
        home.start(spec)
        self._open[instance.id] = spec.way_out
        self.agents.booted(instance.id)
        self._refresh(instance)

    def _end(self, instance: Any) -> None:
        if instance.state != "shutting-down":
            return
        self._home(instance).terminate(instance.id)
        self.agents.gone(instance.id)
        reason, words = instance.state_reason, instance._reason  # noqa: SLF001 - moto keeps it so
        instance.terminate()
        instance.state_reason, instance._reason = reason, words  # noqa: SLF001 - as above
        self._note(instance, "terminated")

    def _sandbox_to_record(self, instance: Any) -> None:
        self.sandboxes.terminate(instance.id)
        self._records.start(self._spec(instance, first=False))
        self.refresh_ways_out()

    def _failed(self, instance: Any, error: Exception) -> None:
        """Say that an instance could not be brought up, with the reason."""
        ends = instance.state in {"pending", "shutting-down"}
        if ends:
            instance.terminate()
        self._explain(instance, ("Server.InternalError", f"Server.InternalError: {error}"))
        self._note(instance, "terminated" if ends else "stopped")

    # -- notes -------------------------------------------------------------------------------------------

    def _home(self, instance: Any) -> Sandboxes:
        return self.sandboxes if instance.source_dest_check else self._records

    def _note(self, instance: Any, state: str) -> None:
        instance._state.name, instance._state.code = state, CODES[state]  # noqa: SLF001 - moto has no setter
        self.on_change(instance)
        self.refresh_ways_out()

    def _explain(self, instance: Any, reason: tuple[str, str]) -> None:
        from moto.core.utils import utcnow
        from moto.ec2.models.instances import StateReason

        code, words = reason
        instance.state_reason = StateReason(words if words.startswith(code) else f"{code}: {words}", code)
        mine = code == "Client.UserInitiatedShutdown"
        instance._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)" if mine else ""  # noqa: SLF001 - as above

    def _refresh(self, instance: Any) -> None:
        backend = instance.ec2_backend
        out = ways_out.has_way_out(backend, instance)
        if self._open.get(instance.id) != out:
            self._open[instance.id] = out
            with contextlib.suppress(SandboxError):  # it ended a moment ago
                self._home(instance).set_way_out(instance.id, out)
        self.agents.way(instance.id, reaches=out or ways_out.has_ssm_endpoints(backend, instance))

    def _spec(self, instance: Any, first: bool) -> Any:  # noqa: FBT001 - handed on
        data = base64.b64decode(str(instance.user_data)) if instance.user_data else b""
        root = instance.root_device_name
        return self._make_spec(
            instance_id=instance.id,
            image_id=instance.image_id,
            private_ip=instance.private_ip,
            region=instance.ec2_backend.region_name,
            user_data=data,
            first_boot=first,
            instance_type=instance.instance_type,
            availability_zone=instance.availability_zone,
            account_id=instance.owner_id,
            profile_arn=profile_arn(instance),
            way_out=ways_out.has_way_out(instance.ec2_backend, instance),
            endpoints=ways_out.has_ssm_endpoints(instance.ec2_backend, instance),
            volumes={
                device.volume_id: self.volumes.directory(device.volume_id)
                for name, device in instance.get_block_device_mapping
                if name != root
            },
            tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
            role=role_of(instance),
            spot=instance.lifecycle == "spot",
        )


def profile_arn(instance: Any) -> str:
    """Return the ARN of an instance's profile, or an empty text."""
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    return str(association.iam_instance_profile.arn) if association else ""


def role_of(instance: Any) -> str | None:
    """Return the name of the role in an instance's profile, or None."""
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    roles = association.iam_instance_profile.roles if association else []
    return roles[0].name if roles else None
