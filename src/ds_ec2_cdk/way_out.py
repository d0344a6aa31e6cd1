"""The way out: a NAT instance that runs while machines do, and the function that sees to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from ds_ec2.model.names import TAG_PART, TAG_SPENT
from ds_ec2_cdk.account_function import SWEEP, AccountFunction
from ds_ec2_cdk.disks import metadata_options, root_disk
from ds_ec2_cdk.embed import follower_code
from ds_ec2_cdk.tags import tags

if TYPE_CHECKING:
    from constructs import Construct

_ROOT_DEVICE: Final = "/dev/xvda"
"""Of Amazon Linux 2023. Source: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html"""

# nftables is not on the image. 512 MiB are little for dnf: swap. The unit brings the rules back at each boot.
_USER_DATA: Final = """\
#!/bin/sh
if ! command -v nft; then
  command -v dnf || exit 1
  dd if=/dev/zero of=/swap bs=1M count=512 && chmod 600 /swap && mkswap /swap && swapon /swap
  for try in 1 2 3 4 5 6 7 8 9 10; do dnf install -y nftables && break; sleep 10; done
fi
cat >/etc/ds-ec2-nat.nft <<'END'
table ip ds_ec2 {
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr ${VpcCidr} ip daddr != ${VpcCidr} masquerade
  }
}
END
cat >/etc/systemd/system/ds-ec2-nat.service <<'END'
[Unit]
Description=Forward the machines' traffic
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0
ExecStart=/usr/sbin/nft -f /etc/ds-ec2-nat.nft
[Install]
WantedBy=multi-user.target
END
systemctl enable --now ds-ec2-nat
"""


class WayOut:
    """A NAT instance in a public subnet, with the function that starts and stops it with the machines.

    Args:
        scope: Where the resources go.
        vpc: The VPC.
        vpc_cidr: Its address range: who may use the way out.
        subnet: A subnet with a route to an internet gateway.
        image: Amazon Linux 2023.
        instance_type: Of the image's architecture.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        vpc: ec2.CfnVPC,
        vpc_cidr: str,
        subnet: ec2.CfnSubnet,
        image: str,
        instance_type: str,
    ) -> None:
        self._scope = scope
        group = self._group(vpc, vpc_cidr)
        self.instance = ec2.CfnInstance(
            self._scope,
            "WayOutInstance",
            image_id=image,
            instance_type=instance_type,
            # A router forwards what is not addressed to it (control EC2.180 does not fit here).
            source_dest_check=False,
            network_interfaces=[
                ec2.CfnInstance.NetworkInterfaceProperty(
                    device_index="0",
                    subnet_id=subnet.ref,
                    group_set=[group.attr_group_id],
                    # An address of the pool, released at each stop: an Elastic IP would bill while it sleeps.
                    associate_public_ip_address=True,
                    delete_on_termination=True,
                )
            ],
            block_device_mappings=[root_disk(_ROOT_DEVICE)],
            metadata_options=metadata_options(),
            user_data=cdk.Fn.base64(cdk.Fn.sub(_USER_DATA, {"VpcCidr": vpc_cidr})),
            propagate_tags_to_volume_on_creation=True,
            tags=tags("ds-ec2 way out", "network"),
        )
        follower = self._function(vpc)
        follower.rule(
            "MachineChanged",
            event_pattern={
                "source": ["aws.ec2"],
                "detail-type": ["EC2 Instance State-change Notification"],
                # A run bills until `stopping`; `stopped` brings the way out back that a machine waits for.
                "detail": {"state": ["pending", "running", "stopping", "stopped"]},
            },
        )
        self.sweep = follower.rule("Sweep", schedule_expression=SWEEP)

    def _group(self, vpc: ec2.CfnVPC, vpc_cidr: str) -> ec2.CfnSecurityGroup:
        return ec2.CfnSecurityGroup(
            self._scope,
            "WayOutGroup",
            group_description="ds-ec2 way out: from the VPC alone",
            vpc_id=vpc.ref,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="-1", cidr_ip=vpc_cidr, description="The VPC's machines"
                )
            ],
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="-1", cidr_ip="0.0.0.0/0", description="Where the machines go"
                )
            ],
        )

    def _function(self, vpc: ec2.CfnVPC) -> AccountFunction:
        here = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}"
        group = vpc.attr_default_security_group
        statements: list[dict[str, Any]] = [
            # EC2's Describe calls know no resources.
            {
                "Effect": "Allow",
                "Action": ["ec2:DescribeInstances", "ec2:DescribeSecurityGroups"],
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Action": ["ec2:StartInstances", "ec2:StopInstances"],
                "Resource": cdk.Fn.sub(f"{here}:instance/${{Id}}", {"Id": self.instance.ref}),
            },
            {
                "Effect": "Allow",
                "Action": ["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
                "Resource": cdk.Fn.sub(f"{here}:security-group/${{Id}}", {"Id": group}),
            },
            {
                "Effect": "Allow",
                "Action": "ec2:CreateTags",
                "Resource": cdk.Fn.sub(f"{here}:instance/*"),
                "Condition": {
                    "StringEquals": {f"aws:ResourceTag/{TAG_PART}": ["machine", "all-in-one", "network"]},
                    "ForAllValues:StringEquals": {"aws:TagKeys": [TAG_SPENT]},
                },
            },
        ]
        return AccountFunction(
            self._scope,
            "Follower",
            "Starts and stops the way out with the machines, keeps account of runs",
            code=follower_code(),
            statements=statements,
            variables={"VPC": vpc.ref, "WAY_OUT": self.instance.ref, "DEFAULT_GROUP": group},
        )
