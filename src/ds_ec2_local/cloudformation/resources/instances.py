"""Instances."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from ds_ec2_local.cloudformation.errors import Refused, ReplacementNeeded, ResourceFailure
from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties

LARGEST_USER_DATA: Final = 16_384
"""Bytes before base64. Source: EC2 user guide, user data."""
_SAME: Final = (
    "BlockDeviceMappings", "CpuOptions", "DisableApiTermination", "EbsOptimized", "EnclaveOptions", "ImageId",
    "InstanceInitiatedShutdownBehavior", "InstanceType", "Ipv6AddressCount", "Ipv6Addresses", "KernelId",
    "KeyName",
    "LaunchTemplate", "LicenseSpecifications", "MetadataOptions", "PrivateDnsNameOptions", "PrivateIpAddress",
    "RamdiskId", "SecurityGroupIds", "SecurityGroups", "SubnetId",
)  # fmt: skip
"""Properties that RunInstances takes as they are."""
_STOPPED: Final = {"InstanceType": "InstanceType", "UserData": "UserData", "EbsOptimized": "EbsOptimized"}
"""Properties that are changed while the instance is stopped. Source: resource reference."""


def check_user_data(text: str | None) -> bytes | None:
    """Return the bytes of base64 user data.

    Raises:
        Refused: They are more than 16 KiB, or not base64.
    """
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("Invalid BASE64 encoding of user data.") from error
    if len(data) > LARGEST_USER_DATA:
        raise Refused(f"User data is limited to {LARGEST_USER_DATA} bytes")
    return data


def interface(given: dict[str, Any]) -> dict[str, Any]:
    """Return a network interface as RunInstances takes it."""
    found = {name: value for name, value in given.items() if name != "GroupSet"}
    if "GroupSet" in given:
        found["Groups"] = given["GroupSet"]
    if "DeviceIndex" in found:
        found["DeviceIndex"] = int(found["DeviceIndex"])
    return found


class Instance(Handler):
    """AWS::EC2::Instance."""

    type_name = "AWS::EC2::Instance"
    accepts = frozenset(_SAME) | properties(
        "Affinity AvailabilityZone CreditSpecification HibernationOptions HostId IamInstanceProfile"
        " Monitoring"
        " NetworkInterfaces PlacementGroupName PropagateTagsToVolumeOnCreation SourceDestCheck Tenancy"
        " UserData"
        " Volumes"
    )

    def create(self, work: Work) -> Made:
        """Run an instance and wait until it is running."""
        if not work.get("ImageId") and not work.get("LaunchTemplate"):
            raise ResourceFailure("Either ImageId or a LaunchTemplate with an image is needed")
        answer = work.call("ec2", "RunInstances", **self._request(work))
        instance = answer["Instances"][0]["InstanceId"]
        work.begun(instance)
        self._running(work, instance)
        if "SourceDestCheck" in work.properties:
            self._modify(work, instance, SourceDestCheck={"Value": work.true("SourceDestCheck")})
        for volume in work.get("Volumes") or ():
            work.call(
                "ec2",
                "AttachVolume",
                InstanceId=instance,
                VolumeId=volume["VolumeId"],
                Device=volume["Device"],
            )
        return self._read(work, instance)

    def _request(self, work: Work) -> dict[str, Any]:
        tagged = ["instance", "volume"] if work.true("PropagateTagsToVolumeOnCreation") else ["instance"]
        request: dict[str, Any] = work.pick(*_SAME)
        data = check_user_data(work.get("UserData"))
        # botocore encodes UserData of RunInstances itself.
        request["UserData"] = None if data is None else data
        request["MinCount"] = request["MaxCount"] = 1
        request["TagSpecifications"] = tagging.on_creation(work, *tagged)
        request["NetworkInterfaces"] = [interface(i) for i in work.get("NetworkInterfaces") or ()] or None
        request["Placement"] = {
            name: work.get(key)
            for key, name in (
                ("AvailabilityZone", "AvailabilityZone"), ("Tenancy", "Tenancy"), ("HostId", "HostId"),
                ("PlacementGroupName", "GroupName"), ("Affinity", "Affinity"),
            )
            if work.get(key)
        } or None  # fmt: skip
        if work.get("IamInstanceProfile"):
            request["IamInstanceProfile"] = {"Name": work.get("IamInstanceProfile")}
        if "Monitoring" in work.properties:
            request["Monitoring"] = {"Enabled": work.true("Monitoring")}
        if work.get("CreditSpecification"):
            request["CreditSpecification"] = {"CpuCredits": work.get("CreditSpecification").get("CPUCredits")}
        if work.get("HibernationOptions"):
            request["HibernationOptions"] = work.get("HibernationOptions")
        return request

    def _describe(self, work: Work, instance: str) -> dict[str, Any]:
        answer = work.call("ec2", "DescribeInstances", InstanceIds=[instance])["Reservations"]
        found: dict[str, Any] = answer[0]["Instances"][0] if answer else {"State": {"Name": "terminated"}}
        return found

    def _state(self, work: Work, instance: str) -> str:
        return str(self._describe(work, instance)["State"]["Name"])

    def _running(self, work: Work, instance: str) -> None:
        def settled() -> bool:
            found = self._describe(work, instance)
            state = found["State"]["Name"]
            if state in {"terminated", "shutting-down", "stopped"}:
                why = found.get("StateReason", {}).get("Message", "")
                raise ResourceFailure(f"Instance {instance} did not stabilize: it is {state}. {why}".strip())
            return bool(state == "running")

        work.until(settled, f"instance {instance} is not running")

    def _read(self, work: Work, instance: str) -> Made:
        found = self._describe(work, instance)
        return Made(
            instance,
            {
                "InstanceId": instance,
                "AvailabilityZone": found.get("Placement", {}).get("AvailabilityZone", ""),
                "PrivateDnsName": found.get("PrivateDnsName", ""),
                "PrivateIp": found.get("PrivateIpAddress", ""),
                "PublicDnsName": found.get("PublicDnsName", ""),
                "PublicIp": found.get("PublicIpAddress", ""),
                "VpcId": found.get("VpcId", ""),
                "State": found.get("State", {}),
            },
        )

    def _modify(self, work: Work, instance: str, **attribute: Any) -> None:
        work.call("ec2", "ModifyInstanceAttribute", InstanceId=instance, **attribute)

    def update(self, work: Work) -> Made:
        """Change what can be changed; type and user data need a stop and a start."""
        if work.changed(
            "AdditionalInfo", "Affinity", "BlockDeviceMappings", "HostId", "KernelId",
            "PrivateDnsNameOptions",
            "RamdiskId", "Tenancy",
        ):  # fmt: skip
            raise ReplacementNeeded
        if work.changed("Volumes", "PropagateTagsToVolumeOnCreation"):
            raise Refused("Volumes of an instance are changed by attachments of their own")
        instance = work.physical_id
        if work.changed(*_STOPPED):
            self._change_stopped(work, instance)
        self._change_running(work, instance)
        tagging.change(work)
        return self._read(work, instance)

    def _change_stopped(self, work: Work, instance: str) -> None:
        was_running = self._state(work, instance) in {"running", "pending"}
        data = check_user_data(work.get("UserData"))
        if was_running:
            work.call("ec2", "StopInstances", InstanceIds=[instance])
        work.until(lambda: self._state(work, instance) == "stopped", f"instance {instance} does not stop")
        try:
            if work.changed("InstanceType"):
                self._modify(work, instance, InstanceType={"Value": work.get("InstanceType", "m1.small")})
            if work.changed("EbsOptimized"):
                self._modify(work, instance, EbsOptimized={"Value": work.true("EbsOptimized")})
            if work.changed("UserData"):
                self._modify(work, instance, UserData={"Value": data or b""})
        finally:
            if was_running:
                work.call("ec2", "StartInstances", InstanceIds=[instance])
        if was_running:
            self._running(work, instance)

    def _change_running(self, work: Work, instance: str) -> None:
        if work.changed("SecurityGroupIds"):
            self._modify(work, instance, Groups=work.get("SecurityGroupIds") or [])
        if work.changed("SourceDestCheck"):
            check = work.true("SourceDestCheck") or "SourceDestCheck" not in work.properties
            self._modify(work, instance, SourceDestCheck={"Value": check})
        if work.changed("DisableApiTermination"):
            self._modify(work, instance, DisableApiTermination={"Value": work.true("DisableApiTermination")})
        if work.changed("InstanceInitiatedShutdownBehavior"):
            value = work.get("InstanceInitiatedShutdownBehavior", "stop")
            self._modify(work, instance, InstanceInitiatedShutdownBehavior={"Value": value})
        if work.changed("MetadataOptions"):
            options = work.get("MetadataOptions") or {}
            work.call("ec2", "ModifyInstanceMetadataOptions", InstanceId=instance, **options)
        if work.changed("Monitoring"):
            verb = "MonitorInstances" if work.true("Monitoring") else "UnmonitorInstances"
            work.call("ec2", verb, InstanceIds=[instance])
        if work.changed("CreditSpecification"):
            credit = (work.get("CreditSpecification") or {}).get("CPUCredits", "standard")
            wanted = [{"InstanceId": instance, "CpuCredits": credit}]
            work.call("ec2", "ModifyInstanceCreditSpecification", InstanceCreditSpecifications=wanted)
        if work.changed("IamInstanceProfile"):
            self._change_profile(work, instance)

    def _change_profile(self, work: Work, instance: str) -> None:
        here = [{"Name": "instance-id", "Values": [instance]}]
        answer = work.call("ec2", "DescribeIamInstanceProfileAssociations", Filters=here)
        tied = answer["IamInstanceProfileAssociations"]
        profile = work.get("IamInstanceProfile")
        if tied and profile:
            work.call(
                "ec2",
                "ReplaceIamInstanceProfileAssociation",
                AssociationId=tied[0]["AssociationId"],
                IamInstanceProfile={"Name": profile},
            )
        elif profile:
            named = {"Name": profile}
            work.call("ec2", "AssociateIamInstanceProfile", InstanceId=instance, IamInstanceProfile=named)
        elif tied:
            work.call("ec2", "DisassociateIamInstanceProfile", AssociationId=tied[0]["AssociationId"])

    def delete(self, work: Work) -> None:
        """Terminate it and wait until it is gone; termination protection makes this fail."""
        instance = work.physical_id
        work.call("ec2", "TerminateInstances", InstanceIds=[instance])
        work.until(lambda: self._state(work, instance) == "terminated", f"instance {instance} stays")
