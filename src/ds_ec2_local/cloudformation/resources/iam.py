"""Roles, policies and instance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.cloudformation.resources.documents import as_text
from ds_ec2_local.cloudformation.resources.tagging import listed
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOLDERS: Final = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))
NAMES: Final = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
}
"""Properties that need CAPABILITY_NAMED_IAM."""


class Role(Handler):
    """AWS::IAM::Role."""

    type_name = "AWS::IAM::Role"
    accepts = properties(
        "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path"
        " PermissionsBoundary Policies"
        " RoleName"
    )

    def create(self, work: Work) -> Made:
        """Make a role with its policies."""
        role = work.get("RoleName") or work.generated_name(64)
        found = work.call(
            "iam",
            "CreateRole",
            RoleName=role,
            AssumeRolePolicyDocument=as_text(work.get("AssumeRolePolicyDocument")),
            **work.pick("Description", "MaxSessionDuration", "Path", "PermissionsBoundary"),
            Tags=listed(work.tags) or None,
        )["Role"]
        work.begun(role)
        self._policies(work, role)
        return self._made(found)

    def _made(self, found: dict[str, Any]) -> Made:
        return Made(found["RoleName"], {"Arn": found["Arn"], "RoleId": found["RoleId"]})

    def _policies(self, work: Work, role: str) -> None:
        old, new = set(work.old.get("ManagedPolicyArns") or ()), set(work.get("ManagedPolicyArns") or ())
        for arn in sorted(old - new):
            work.call("iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn)
        for arn in sorted(new - old):
            work.call("iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)
        before = {policy["PolicyName"]: policy for policy in work.old.get("Policies") or ()}
        after = {policy["PolicyName"]: policy for policy in work.get("Policies") or ()}
        for name in sorted(before.keys() - after.keys()):
            work.call("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
        for name, policy in after.items():
            if before.get(name) != policy:
                text = as_text(policy["PolicyDocument"])
                work.call("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=text)

    def update(self, work: Work) -> Made:
        """Change trust, policies, description and tags."""
        role = work.physical_id
        self._policies(work, role)
        if work.changed("AssumeRolePolicyDocument"):
            text = as_text(work.get("AssumeRolePolicyDocument"))
            work.call("iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=text)
        if work.changed("Description", "MaxSessionDuration"):
            work.call("iam", "UpdateRole", RoleName=role, **work.pick("Description", "MaxSessionDuration"))
        if work.changed("PermissionsBoundary"):
            boundary = work.get("PermissionsBoundary")
            verb = "PutRolePermissionsBoundary" if boundary else "DeleteRolePermissionsBoundary"
            work.call("iam", verb, RoleName=role, PermissionsBoundary=boundary)
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("iam", "UntagRole", RoleName=role, TagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("iam", "TagRole", RoleName=role, Tags=listed(work.tags))
        return self._made(work.call("iam", "GetRole", RoleName=role)["Role"])

    def delete(self, work: Work) -> None:
        """Delete it with the policies that the template gave it; others make it fail, as on AWS."""
        role = work.physical_id
        attached = work.call("iam", "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]
        for arn in {policy["PolicyArn"] for policy in attached} & set(work.get("ManagedPolicyArns") or ()):
            work.call("iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn)
        inline = work.call("iam", "ListRolePolicies", RoleName=role)["PolicyNames"]
        for name in {policy["PolicyName"] for policy in work.get("Policies") or ()} & set(inline):
            work.call("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
        work.call("iam", "DeleteRole", RoleName=role)


def _holders(of: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, kind in _HOLDERS:
        yield from ((kind, name) for name in of.get(key) or ())


class Policy(Handler):
    """AWS::IAM::Policy: one inline policy on roles, users and groups."""

    type_name = "AWS::IAM::Policy"
    accepts = properties("Groups PolicyDocument PolicyName Roles Users")

    def create(self, work: Work) -> Made:
        """Put the policy on its holders."""
        name = work.generated_name(64)
        work.begun(name)
        self._put(work)
        return Made(name, {"Id": name})

    def _put(self, work: Work) -> None:
        text = as_text(work.get("PolicyDocument"))
        for kind, holder in _holders(work.properties):
            named = {f"{kind}Name": holder, "PolicyName": work.get("PolicyName")}
            work.call("iam", f"Put{kind}Policy", **named, PolicyDocument=text)

    def _remove(self, work: Work, of: dict[str, Any], keep: set[tuple[str, str]]) -> None:
        for kind, holder in set(_holders(of)) - keep:
            try:
                named = {f"{kind}Name": holder, "PolicyName": of["PolicyName"]}
                work.call("iam", f"Delete{kind}Policy", **named)
            except work.clients.get(work.stack.caller, "iam").exceptions.NoSuchEntityException:
                continue

    def update(self, work: Work) -> Made:
        """Put the policy anew, and take it from those that no longer hold it."""
        self._put(work)
        keep = set() if work.changed("PolicyName") else set(_holders(work.properties))
        self._remove(work, work.old, keep)
        return Made(work.physical_id, {"Id": work.physical_id})

    def delete(self, work: Work) -> None:
        """Take it from its holders."""
        self._remove(work, work.properties, set())


class ManagedPolicy(Handler):
    """AWS::IAM::ManagedPolicy; its `Ref` is the ARN."""

    type_name = "AWS::IAM::ManagedPolicy"
    accepts = properties("Description Groups ManagedPolicyName Path PolicyDocument Roles Users")

    def create(self, work: Work) -> Made:
        """Make a policy and attach it."""
        found = work.call(
            "iam",
            "CreatePolicy",
            PolicyName=work.get("ManagedPolicyName") or work.generated_name(128),
            PolicyDocument=as_text(work.get("PolicyDocument")),
            **work.pick("Description", "Path"),
        )["Policy"]
        work.begun(found["Arn"])
        self._attach(work, found["Arn"])
        return self._made(found)

    def _made(self, found: dict[str, Any]) -> Made:
        arn = found["Arn"]
        return Made(
            arn,
            {"PolicyArn": arn, "PolicyId": found["PolicyId"], "DefaultVersionId": found["DefaultVersionId"]},
        )

    def _attach(self, work: Work, arn: str) -> None:
        old, new = set(_holders(work.old)), set(_holders(work.properties))
        for kind, holder in sorted(old - new):
            work.call("iam", f"Detach{kind}Policy", PolicyArn=arn, **{f"{kind}Name": holder})
        for kind, holder in sorted(new - old):
            work.call("iam", f"Attach{kind}Policy", PolicyArn=arn, **{f"{kind}Name": holder})

    def update(self, work: Work) -> Made:
        """Make a new default version; IAM keeps five, so the oldest goes."""
        arn = work.physical_id
        if work.changed("PolicyDocument"):
            versions = work.call("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]
            spare = sorted(
                (v["VersionId"] for v in versions if not v["IsDefaultVersion"]), key=lambda v: int(v[1:])
            )
            if len(versions) >= 5:
                work.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=spare[0])
            text = as_text(work.get("PolicyDocument"))
            work.call("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        self._attach(work, arn)
        return self._made(work.call("iam", "GetPolicy", PolicyArn=arn)["Policy"])

    def delete(self, work: Work) -> None:
        """Detach and delete it with all its versions."""
        arn = work.physical_id
        for kind, holder in _holders(work.properties):
            work.call("iam", f"Detach{kind}Policy", PolicyArn=arn, **{f"{kind}Name": holder})
        for version in work.call("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                work.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
        work.call("iam", "DeletePolicy", PolicyArn=arn)


class InstanceProfile(Handler):
    """AWS::IAM::InstanceProfile."""

    type_name = "AWS::IAM::InstanceProfile"
    accepts = properties("InstanceProfileName Path Roles")

    def create(self, work: Work) -> Made:
        """Make a profile with its role."""
        name = work.get("InstanceProfileName") or work.generated_name(128)
        found = work.call("iam", "CreateInstanceProfile", InstanceProfileName=name, **work.pick("Path"))
        work.begun(name)
        self._roles(work, name)
        return Made(name, {"Arn": found["InstanceProfile"]["Arn"]})

    def _roles(self, work: Work, name: str) -> None:
        old, new = work.old.get("Roles") or [], work.get("Roles") or []
        for role in [role for role in old if role not in new]:
            work.call("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=role)
        for role in [role for role in new if role not in old]:
            work.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)

    def update(self, work: Work) -> Made:
        """Change the role."""
        self._roles(work, work.physical_id)
        found = work.call("iam", "GetInstanceProfile", InstanceProfileName=work.physical_id)
        return Made(work.physical_id, {"Arn": found["InstanceProfile"]["Arn"]})

    def delete(self, work: Work) -> None:
        """Take the role out, and delete it."""
        found = work.call("iam", "GetInstanceProfile", InstanceProfileName=work.physical_id)[
            "InstanceProfile"
        ]
        for role in found["Roles"]:
            work.call(
                "iam",
                "RemoveRoleFromInstanceProfile",
                InstanceProfileName=work.physical_id,
                RoleName=role["RoleName"],
            )
        work.call("iam", "DeleteInstanceProfile", InstanceProfileName=work.physical_id)
