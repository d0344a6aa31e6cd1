"""Where a stack's names get their values: parameters, pseudo-parameters, resources, exports, the stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from ds_ec2_local.cloudformation.errors import TemplateError
from ds_ec2_local.cloudformation.intrinsics import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from ds_ec2_local.cloudformation.clients import Clients
    from ds_ec2_local.cloudformation.state import Caller, Resource, Store, Target

_DYNAMIC: Final = re.compile(r"\{\{resolve:([a-z-]+):([^}]*)\}\}")


class Place:
    """What does not depend on the stack: an account and region, seen through the service APIs."""

    def __init__(self, caller: Caller, store: Store, clients: Clients) -> None:
        self._caller = caller
        self._store = store
        self.clients = clients

    def exported(self, name: str) -> str | None:
        """Return the value of an export, or None."""
        for _, output in self._store.exports(self._caller):
            if output.export == name:
                return output.value
        return None

    def zones(self, region: str) -> list[str]:
        """Return the names of the availability zones of a region."""
        caller = type(self._caller)(
            self._caller.account, region, self._caller.access_key, self._caller.session_token
        )
        answer = self.clients.call(caller, "ec2", "DescribeAvailabilityZones", {})
        return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

    def stored(self, names: list[str]) -> dict[str, str]:
        """Return the values of parameters in Parameter Store, without those that it lacks."""
        found = {}
        for start in range(0, len(names), 10):  # GetParameters takes ten names
            wanted = list(dict.fromkeys(names[start : start + 10]))
            answer = self.clients.call(self._caller, "ssm", "GetParameters", {"Names": wanted})
            found.update({entry["Name"]: entry["Value"] for entry in answer["Parameters"]})
            # A name with a version (`/a:3`) is answered without it.
            for name in wanted:
                if ":" in name and (value := found.get(name.partition(":")[0])) is not None:
                    found[name] = value
        return found


class StackScope:
    """The scope of a stack at work.

    Args:
        place: Account and region.
        caller: The same, as the pseudo-parameters say it.
        names: The stack's name and id.
        target: Its parameters.
        resources: Its resources, which may grow meanwhile.

    Attributes:
        imports: The exports that were used.
        planning: Whether what does not exist yet is UNKNOWN, not an error.
        unknown: Logical ids whose `Ref` may change; only while planning.
        stirred: Logical ids whose attributes may change; only while planning.
    """

    def __init__(
        self,
        place: Place,
        caller: Caller,
        names: tuple[str, str],
        target: Target,
        resources: Mapping[str, Resource],
    ) -> None:
        self._place = place
        self._target = target
        self._resources = resources
        self.imports: set[str] = set()
        self.planning = False
        self.unknown: AbstractSet[str] = frozenset()
        self.stirred: AbstractSet[str] = frozenset()
        china = caller.region.startswith("cn-")
        self._pseudo: Final = {
            "AWS::AccountId": caller.account,
            "AWS::NotificationARNs": list(target.notification_arns),
            "AWS::Partition": "aws-cn" if china else "aws",
            "AWS::Region": caller.region,
            "AWS::StackId": names[1],
            "AWS::StackName": names[0],
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        }

    def ref(self, name: str) -> Any:
        """Return what `Ref` stands for."""
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._target.parameters:
            return self._target.parameters[name].value
        resource = self._resources.get(name)
        if self.planning and (name in self.unknown or resource is None or not resource.physical_id):
            return UNKNOWN
        if resource is None:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{name}] in the Resources block"
                " of the template"
            )
        return resource.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` stands for."""
        resource = self._resources.get(logical_id)
        if self.planning and (
            logical_id in self.unknown
            or logical_id in self.stirred
            or resource is None
            or not resource.physical_id
        ):
            return UNKNOWN
        if resource is None or name not in resource.attributes:
            raise TemplateError(
                f"Template error: resource {logical_id} does not support attribute type {name} in Fn::GetAtt"
            )
        return resource.attributes[name]

    def exported(self, name: str) -> str:
        """Return the value of an export, and remember that it is used."""
        value = self._place.exported(name)
        if value is None and self.planning:
            return UNKNOWN
        if value is None:
            raise TemplateError(f"No export named {name} found.")
        self.imports.add(name)
        return value

    def zones(self, region: str) -> list[str]:
        """Return the names of a region's availability zones."""
        return self._place.zones(region)

    def dynamic(self, text: str) -> str:
        """Replace `{{resolve:ssm:name:version}}`."""
        return _DYNAMIC.sub(self._resolve, text)

    def _resolve(self, match: re.Match[str]) -> str:
        service, name = match.groups()
        if service != "ssm":
            raise TemplateError(f"Dynamic references to {service} are not supported by the embedded AWS")
        try:
            return self._place.stored([name])[name]
        except (KeyError, ClientError):
            raise TemplateError(
                f"Parameter {name} should either have been present in Parameter Store, or have this version"
            ) from None
