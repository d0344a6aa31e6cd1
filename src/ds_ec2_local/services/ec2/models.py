"""EC2's records: moto's, with instances that run, volumes with content, and EC2's own refusals."""

from __future__ import annotations

import copy
from typing import Any, Final

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.utils import filter_iam_instance_profiles

from ds_ec2_local.services.ec2 import images, launch, spot
from ds_ec2_local.services.ec2.block_devices import block_devices
from ds_ec2_local.services.ec2.reservations import OPEN, Reservation, Reservations, place
from ds_ec2_local.services.ec2.volumes import Volumes
from ds_ec2_local.services.parts import current

_USER: Final = ("Client.UserInitiatedShutdown", "User initiated shutdown")
_SERVICE: Final = ("Server.SpotInstanceTermination", "Spot instance terminated")
_NOT_TWICE: Final = {"launch_template", "client_token", "private_ip"}
"""Of a launch, what a spot request does not say again when it launches another machine."""
_DEFAULT_TYPE: Final = "m1.small"
"""Source: RunInstances, default of InstanceType."""


class LocalEC2Backend(Volumes):
    """One region's EC2."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.launches_by_token: dict[str, Any] = {}
        self.capacity_held = Reservations()
        self._open_default_vpc()

    def _open_default_vpc(self) -> None:
        """Give the default VPC its internet gateway, as a new account has it."""
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, self.default_vpc.id)
        table = next(t for t in self.route_tables.values() if t.vpc_id == self.default_vpc.id)
        self.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)

    def _load_amis(self) -> None:
        """Put our images in the place of moto's list."""
        images.register(self)

    # -- instances -----------------------------------------------------------------------------------------

    def run_instances(
        self, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
    ) -> Any:
        """Launch instances (also for Auto Scaling and fleets, which call this directly)."""
        request = kwargs.pop("spot_request", None)
        same = {k: v for k, v in kwargs.items() if k not in _NOT_TWICE}

        def again(one: spot.LaunchedRequest) -> Any:
            return self.run_instances(
                image_id, 1, user_data, security_group_names, **copy.copy(same), spot_request=one
            )

        if not kwargs.get("subnet_id") and not kwargs.get("nics"):
            kwargs["subnet_id"] = self._default_subnet(kwargs.get("placement"))
        reservation_held = self.check_launch(image_id, count, kwargs)
        targeting = kwargs.get("capacity_reservation_specification") or OPEN
        found = self.describe_images(ami_ids=[image_id]) if image_id else []
        devices = block_devices(found, kwargs.pop("block_device_mappings", None) or [])
        profile = {
            name: kwargs.pop(name, None) for name in ("iam_instance_profile_name", "iam_instance_profile_arn")
        }
        if any(profile.values()):
            # A spot request may launch again when the profile is gone.
            filter_iam_instance_profiles(self.account_id, self.partition, *reversed(profile.values()))
        tags = kwargs.get("tags", {})
        reservation = super().run_instances(
            image_id, count, user_data, security_group_names, **kwargs, block_device_mappings=[]
        )
        for instance in reservation.instances:
            place(instance, targeting, reservation_held)
            self._finish(instance, devices, tags.get("volume", {}))
            if any(profile.values()):
                self.associate_iam_instance_profile(instance.id, **profile)
            if request:
                spot.adopt(request, instance)
            elif market := kwargs.get("instance_market_options"):
                options = market if isinstance(market, dict) else {}
                spot.record(instance, options, tags.get(spot.SPOT_REQUEST, {}), again)
            current().machines.launch(instance, first=True)
        return reservation

    def start_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Start stopped instances."""
        found = self.get_multi_instances_by_id(instance_ids)
        for instance in found:
            if instance.state not in {"stopped", "running", "pending"}:
                raise _wrong_state(instance.id, "started")
            spot.check_start(instance)
        started = []
        for instance in found:
            started.append((instance, copy.copy(instance._state)))  # noqa: SLF001 - moto's own way
            if instance.state != "stopped":
                continue
            targeting = instance.capacity_reservation_specification
            zone, kind = instance.availability_zone, instance.instance_type
            held = self.capacity_held.target(targeting, kind, zone)
            if held is None:
                market = instance.lifecycle == "spot"
                launch.check_capacity(current().faults, self.region_name, zone, kind, spot=market)
                self._check_quota(kind, 1, spot=market)
            place(instance, targeting, held)
            self.bring_back(instance)
        return started

    def bring_back(self, instance: Any) -> None:
        """Start a stopped instance, without asking whether it may."""
        for nic in instance.nics.values():
            nic.start()
        instance.launch_time = _now()
        instance._reason, instance.state_reason = "", None  # noqa: SLF001 - moto's own way
        current().machines.launch(instance, first=False)

    def cancel_spot_instance_requests(self, request_ids: list[str]) -> list[Any]:
        """Cancel requests; a running instance stays, a stopped one is terminated."""
        if missing := sorted(set(request_ids) - set(self.spot_instance_requests)):
            raise EC2ClientError(
                "InvalidSpotInstanceRequestID.NotFound",
                f"The spot instance request ID '{missing[0]}' does not exist",
            )
        found = [self.spot_instance_requests[name] for name in request_ids]
        for request in found:
            if spot.cancel(request):
                current().machines.terminate(request.instance, _SERVICE)
        return found

    def stop_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Stop running instances; one that is down already stays so."""
        found = self.get_multi_instances_by_id(instance_ids)
        for instance in found:
            if instance.state in {"terminated", "shutting-down"}:
                raise _wrong_state(instance.id, "stopped")
            spot.check_stop(instance)
            if instance.disable_api_stop is True:
                raise EC2ClientError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance"
                    " attribute and try again.",
                )
        return [self._end(i, current().machines.stop, {"running", "pending"}) for i in found]

    def terminate_instances(self, instance_ids: list[str]) -> list[tuple[Any, Any]]:
        """Terminate instances; none is touched when one of them is protected."""
        found = self.get_multi_instances_by_id(instance_ids)
        for instance in found:
            if instance.disable_api_termination in (True, "true"):
                raise EC2ClientError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination'"
                    " instance attribute and try again.",
                )
        alive = {"running", "pending", "stopping", "stopped"}
        return [self._end(i, current().machines.terminate, alive) for i in found]

    def reboot_instances(self, instance_ids: list[str]) -> list[Any]:
        """Restart instances."""
        found = self.get_multi_instances_by_id(instance_ids)
        for instance in found:
            if instance.state in {"terminated", "shutting-down"}:
                raise _wrong_state(instance.id, "rebooted")
            current().machines.reboot(instance)
        return list(found)

    def modify_instance_attribute(self, instance_id: str, key: str, value: Any) -> Any:
        """Change an attribute; what EC2 allows on stopped instances alone is refused on others."""
        instance = self.get_instance(instance_id)
        if key in {"instance_type", "user_data", "kernel", "ramdisk"} and instance.state != "stopped":
            raise EC2ClientError(
                "IncorrectInstanceState", f"The instance '{instance_id}' is not in the 'stopped' state."
            )
        if key == "instance_type":
            spot.check_type_stays(instance)
            launch.check_architecture(value, instance)
            launch.check_zone(self.region_name, instance.availability_zone, value)
        if key in {"source_dest_check", "disable_api_termination", "disable_api_stop", "ebs_optimized"}:
            value = value in (True, "true", "True")
        changed = super().modify_instance_attribute(instance_id, key, value)
        if key == "source_dest_check":
            self.follow_source_dest_check(instance, value)
        return changed

    def follow_source_dest_check(self, instance: Any, value: bool) -> None:  # noqa: FBT001 - an attribute's value
        """Carry SourceDestCheck from an instance to its first interface or back."""
        instance.source_dest_check = value
        for nic in instance.nics.values():
            nic.source_dest_check = value
        if not value:
            current().machines.became_router(instance)

    def associate_iam_instance_profile(
        self,
        instance_id: str,
        iam_instance_profile_name: str | None = None,
        iam_instance_profile_arn: str | None = None,
    ) -> Any:
        """Give an instance its profile; moto's RunInstances asks a second time for the same."""
        there = self.iam_instance_profile_associations.get(instance_id)
        if there is not None and (
            there.iam_instance_profile.name == iam_instance_profile_name
            or there.iam_instance_profile.arn == iam_instance_profile_arn
        ):
            return there
        return super().associate_iam_instance_profile(
            instance_id,
            iam_instance_profile_name=iam_instance_profile_name,
            iam_instance_profile_arn=iam_instance_profile_arn,
        )

    def describe_instance_types(self, instance_types: list[str] | None = None, filters: Any = None) -> Any:
        """Return the types that this region sells, as EC2 does; moto knows those of all regions."""
        sold = launch.sold_in(self.region_name)
        if missing := sorted(set(instance_types or ()) - sold):
            raise EC2ClientError(
                "InvalidInstanceType",
                f"The following supplied instance types do not exist: [{', '.join(missing)}]",
            )
        return [t for t in super().describe_instance_types(instance_types, filters) if t.name in sold]

    # -- launching -----------------------------------------------------------------------------------------

    def check_launch(self, image_id: str, count: int, kwargs: dict[str, Any]) -> Reservation | None:
        """Refuse what EC2 refuses before anything is made; return the reservation that it goes into."""
        wanted = kwargs.get("instance_type") or _DEFAULT_TYPE
        launch.check_type(wanted)
        found = self.describe_images(ami_ids=[image_id]) if image_id else []
        for image in found:
            launch.check_architecture(wanted, image)
        zone = self._zone(kwargs)
        if zone:
            launch.check_zone(self.region_name, zone, wanted)
            if held := self.capacity_held.target(
                kwargs.get("capacity_reservation_specification") or {}, wanted, zone
            ):
                return held
            market = bool(kwargs.get("instance_market_options"))
            launch.check_capacity(current().faults, self.region_name, zone, wanted, spot=market)
        self._check_quota(wanted, count, spot=bool(kwargs.get("instance_market_options")))
        return None

    def reserve(self, made: Reservation) -> None:
        """Hold capacity, if EC2 would."""
        launch.check_zone(self.region_name, made.zone, made.instance_type)
        launch.check_capacity(current().faults, self.region_name, made.zone, made.instance_type)
        self._check_quota(made.instance_type, made.count, spot=False)
        self.capacity_held.add(made)

    def _check_quota(self, instance_type: str, count: int, *, spot: bool) -> None:
        up = [i for i in self.all_instances() if i.state in {"pending", "running"}]
        held = [one for one in self.capacity_held.held() for _ in range(one.free)]
        counted = [*up, *held]
        launch.check_quota(current().faults, self.region_name, counted, instance_type, count, spot=spot)

    def _default_subnet(self, zone: str | None) -> str | None:
        """Return the default VPC's subnet in a zone, or in the first: EC2 chooses one too."""
        subnets = self.get_default_subnets()
        found = subnets.get(zone) if zone else next((subnets[name] for name in sorted(subnets)), None)
        return found.id if found else None

    def _zone(self, kwargs: dict[str, Any]) -> str | None:
        subnet = kwargs.get("subnet_id") or next(
            (nic["SubnetId"] for nic in kwargs.get("nics") or [] if "SubnetId" in nic), None
        )
        if subnet:
            return str(self.get_subnet(subnet).availability_zone)
        return kwargs.get("placement")

    def _finish(self, instance: Any, devices: list[dict[str, Any]], volume_tags: dict[str, str]) -> None:
        """Give a new instance its volumes."""
        for nic in instance.nics.values():
            nic.delete_on_termination = True
        for device in devices:
            ebs = device["Ebs"]
            kind = ebs.get("VolumeType")
            volume = self.create_volume(
                size=ebs.get("VolumeSize"),
                zone_name=instance.availability_zone,
                snapshot_id=ebs.get("SnapshotId"),
                encrypted=bool(ebs.get("Encrypted")),
                kms_key_id=ebs.get("KmsKeyId"),
                volume_type=kind,
                iops=ebs.get("Iops"),
                throughput=ebs.get("Throughput"),
            )
            volume.add_tags(volume_tags)
            # moto's own: ours shows a volume to an instance that runs, and this one does not yet.
            super(Volumes, self).attach_volume(
                volume.id, instance.id, device["DeviceName"], bool(ebs["DeleteOnTermination"])
            )

    def _end(self, instance: Any, carry: Any, states: set[str]) -> tuple[Any, Any]:
        before = copy.copy(instance._state)  # noqa: SLF001 - moto's own way
        if instance.state in states:
            carry(instance, _USER)
        return instance, before

    def create_tags(self, resource_ids: list[str], tags: dict[str, str]) -> Any:
        """Tag resources; the metadata service tells an instance's tags."""
        others = [name for name in resource_ids if not self.capacity_held.tag(name, tags)]
        answer = super().create_tags(others, tags) if others else True
        machines = current().machines
        for instance in filter(None, (machines.find(name) for name in resource_ids)):
            told = {tag["key"]: tag["value"] for tag in instance.get_tags()}
            machines.sandboxes.set_tags(instance.id, told)
        return answer


def _now() -> Any:
    from moto.core.utils import utcnow

    return utcnow()


def _wrong_state(instance_id: str, verb: str) -> EC2ClientError:
    return EC2ClientError(
        "IncorrectInstanceState",
        f"This instance '{instance_id}' is not in a state from which it can be {verb}.",
    )
