"""A machine: role, settings, instance, attached data, and the word that it can be reached."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from ds_ec2.model.names import (
    ON_ITS_WAY,
    SSM_CODE,
    SSM_PACKAGES,
    SSM_SETTINGS,
    SSM_STATUS,
    TAG_MAX_MINUTES,
    ssm_path,
)
from ds_ec2_cdk import embed
from ds_ec2_cdk.account_function import assumed_by
from ds_ec2_cdk.disks import metadata_options, root_disk
from ds_ec2_cdk.launch import LaunchProps, launch_template
from ds_ec2_cdk.tags import tags

DATA_DEVICE: Final = "/dev/sdf"
"""The first name that is recommended for data volumes.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
"""
READY_TIMEOUT_S: Final = 900
_STACK: Final = "${AWS::StackName}"
_PARAMETER_ARN: Final = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


@dataclass(frozen=True, slots=True)
class MachineProps:
    """What a machine is made of. Every value may be a token.

    Args:
        name: The machine's name.
        owner: Its owner's short name.
        instance_type: As EC2 spells it.
        image: An AMI id that never changes by itself: another one replaces the machine.
        root_device: Device name of the image's root volume.
        root_gib: Size of the root volume.
        subnet: A private subnet with a way out.
        security_group: A group without inbound rules.
        data_volume: A volume in the subnet's zone.
        bucket: The transit bucket.
        packages: Text of requirements.txt, at most 4,096 bytes, `#` for none.
        python: Python version of the environment.
        docker: `yes` has Docker installed.
        idle_minutes: Stop after so many idle minutes; `0` for never.
        idle_thresholds: What is busy, as `cpu=0.2,gpu=10`; empty for the usual.
        max_minutes: Stop so many minutes after each start; `0` for never.
        part: Which stack it belongs to.
        launch: How the instance is had; None for on demand, without a choice.
        code: What runs on it: literal values, unless the stack takes them as parameters.
    """

    name: str
    owner: str
    instance_type: str
    image: str
    root_device: str
    root_gib: float
    subnet: str
    security_group: str
    data_volume: str
    bucket: str
    packages: str
    python: str = "3.12"
    docker: str = "no"
    idle_minutes: str = "60"
    idle_thresholds: str = ""
    max_minutes: str = "0"
    part: str = "machine"
    launch: LaunchProps | None = None
    code: embed.Code = field(default_factory=embed.code)


class Machine(Construct):
    """A private machine with JupyterLab, reached through Session Manager. At most one in a stack.

    The stack is complete when the machine can be reached; packages come after that, so that one which fails
    is no reason to roll back. What may change (packages, settings, code) travels in SSM parameters and never
    in user data, so that no such change replaces or restarts the machine.
    """

    def __init__(self, scope: Construct, construct_id: str, props: MachineProps) -> None:
        super().__init__(scope, construct_id)
        self.props = props
        parameters = self._parameters()
        self.status_parameter = parameters[SSM_STATUS].ref
        self.role = self._role()
        self.instance = self._instance()
        # The first thing the machine does is to read them.
        for one in parameters.values():
            self.instance.add_resource_dependency(one)
        self._wait()

    def _parameters(self) -> dict[str, ssm.CfnParameter]:
        props = self.props
        settings = {
            "name": props.name,
            "owner": props.owner,
            "python": props.python,
            "docker": props.docker,
            "idle_minutes": props.idle_minutes,
            "idle": props.idle_thresholds,
            "data_volume_id": props.data_volume,
            "bucket": props.bucket,
        }
        text = json.dumps({key: f"${{{key}}}" for key in settings})
        code = props.code
        values = {
            SSM_SETTINGS: cdk.Fn.sub(text, settings),
            SSM_PACKAGES: props.packages,
            SSM_STATUS: "{}",
            SSM_CODE: cdk.Fn.sub(embed.code_manifest(len(code.parts)), {"Sha256": code.sha256}),
            **{f"{SSM_CODE}/{index}": part for index, part in enumerate(code.parts)},
        }
        return {
            leaf: ssm.CfnParameter(
                self,
                "".join(word.capitalize() for word in leaf.split("/")) + "Parameter",
                type="String",
                name=cdk.Fn.sub(ssm_path(_STACK, leaf)),
                value=value,
            )
            for leaf, value in values.items()
        }

    def _role(self) -> iam.CfnRole:
        own = cdk.Fn.sub(f"{_PARAMETER_ARN}{ssm_path(_STACK, '*')}")
        public = cdk.Fn.sub("arn:${AWS::Partition}:ssm:${AWS::Region}:*:parameter/aws/service/*")
        status = cdk.Fn.sub(f"{_PARAMETER_ARN}{ssm_path(_STACK, SSM_STATUS)}")
        bucket = {"Bucket": self.props.bucket}
        statements = [
            {"Sid": "TellStatus", "Effect": "Allow", "Action": "ssm:PutParameter", "Resource": status},
            {
                # AmazonSSMManagedInstanceCore lets a machine read every parameter of the account.
                "Sid": "ReadOwnParameters",
                "Effect": "Deny",
                "Action": [
                    "ssm:GetParameter",
                    "ssm:GetParameters",
                    "ssm:GetParametersByPath",
                    "ssm:GetParameterHistory",
                ],
                "NotResource": [own, public],
            },
            {
                "Sid": "ListOwnFiles",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": cdk.Fn.sub("arn:${AWS::Partition}:s3:::${Bucket}", bucket),
                "Condition": {
                    "StringLike": {
                        "s3:prefix": [cdk.Fn.sub(f"{_STACK}/*"), cdk.Fn.sub(f"{ON_ITS_WAY}/{_STACK}/*")]
                    }
                },
            },
            {
                "Sid": "MoveOwnFiles",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": [
                    cdk.Fn.sub(f"arn:${{AWS::Partition}}:s3:::${{Bucket}}/{folder}/*", bucket)
                    for folder in (_STACK, f"{ON_ITS_WAY}/{_STACK}")
                ],
            },
        ]
        return iam.CfnRole(
            self,
            "Role",
            assume_role_policy_document=assumed_by("ec2.amazonaws.com"),
            managed_policy_arns=[
                cdk.Fn.sub("arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore")
            ],
            policies=[
                iam.CfnRole.PolicyProperty(
                    policy_name="machine",
                    policy_document={"Version": "2012-10-17", "Statement": statements},
                )
            ],
        )

    def _instance(self) -> ec2.CfnInstance:
        props = self.props
        self._handle = cdk.CfnWaitConditionHandle(self, "ReadyHandle")
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.ref])
        every = tags(props.name, props.part, props.owner, props.name)
        return ec2.CfnInstance(
            self,
            "Instance",
            image_id=props.image,
            instance_type=props.instance_type,
            subnet_id=props.subnet,
            security_group_ids=[props.security_group],
            iam_instance_profile=profile.ref,
            block_device_mappings=[root_disk(props.root_device, props.root_gib)],
            metadata_options=metadata_options(),
            # `shutdown` on the machine stops it, without any right in IAM.
            instance_initiated_shutdown_behavior="stop",
            user_data=cdk.Fn.base64(cdk.Fn.sub(embed.user_data(), {"Ready": self._handle.ref})),
            propagate_tags_to_volume_on_creation=True,
            launch_template=launch_template(self, props.launch, every) if props.launch else None,
            tags=[
                *every,
                # Read by the machine and by the account's function; a tag changes and the machine runs on.
                cdk.CfnTag(key=TAG_MAX_MINUTES, value=props.max_minutes),
            ],
        )

    def _wait(self) -> None:
        attached = ec2.CfnVolumeAttachment(
            self,
            "DataAttachment",
            device=DATA_DEVICE,
            instance_id=self.instance.ref,
            volume_id=self.props.data_volume,
        )
        # A creation policy on the instance would wait for a machine that waits for its volume.
        ready = cdk.CfnWaitCondition(
            self, "Ready", handle=self._handle.ref, count=1, timeout=str(READY_TIMEOUT_S)
        )
        ready.add_resource_dependency(attached)
