"""What the templates carry: the machine's code and loader, and the account's function."""

from __future__ import annotations

import base64
import lzma
from importlib.resources import files
from typing import Final

from ds_ec2.model.names import SSM_CODE, SSM_ROOT
from ds_ec2_machine import pack

INLINE_LIMIT: Final = 4096
"""Characters of a function's code in a template.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-lambda-function-code.html
"""
USER_DATA_LIMIT: Final = 16_384
"""Bytes before base64.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
"""
STACK_PATH: Final = f"{SSM_ROOT}/${{AWS::StackName}}"
"""For `Fn::Sub`."""
_END: Final = "DS_EC2_END"


def user_data() -> str:
    """Return the machine's user data, for `Fn::Sub` with `Ready`, the wait condition's handle.

    They never change with what a machine is to have. The loader is packed: the CDK command line sends text as
    indented YAML, and the all-in-one stack would be too large for CloudFormation.
    """
    boot = (
        '{"region": "${AWS::Region}", "stack": "${AWS::StackName}", "url_suffix": "${AWS::URLSuffix}",'
        ' "signal_url": "${Ready}"}'
    )
    return (
        "#!/bin/sh\n"
        "set -eu\n"
        "mkdir -p /etc/ds-ec2 /opt/ds-ec2\n"
        # Whoever has the URL can answer for this machine.
        f"(umask 077; cat >/etc/ds-ec2/boot.json) <<'{_END}'\n{boot}\n{_END}\n"
        f"python3 - <<'{_END}'\n"
        "import base64, lzma\n"
        f'text = lzma.decompress(base64.b64decode("{_packed(pack.loader_text())}"))\n'
        'open("/opt/ds-ec2/loader.py", "wb").write(text)\n'
        f"{_END}\n"
        "exec python3 /opt/ds-ec2/loader.py\n"
    )


def _packed(text: str) -> str:
    """Return a text as base64 of xz."""
    return base64.b64encode(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)).decode()


def code_parameters() -> dict[str, str]:
    """Return the SSM parameters of the machine's code, leaf to value; `code` is for `Fn::Sub`."""
    manifest, parts = pack.code_parameters(STACK_PATH)
    return {SSM_CODE: manifest} | {f"{SSM_CODE}/{index}": part for index, part in enumerate(parts)}


def follower_code() -> str:
    """Return the function that starts and stops the way out, without comments and blank lines.

    Raises:
        ValueError: It is too long to stand in a template.
    """
    source = files("ds_ec2_account").joinpath("way_out.py").read_text(encoding="utf-8")
    text = "\n".join(filter(None, pack.bare(source).splitlines())) + "\n"
    if len(text) > INLINE_LIMIT:
        raise ValueError(f"way_out.py has {len(text)} characters, inline code at most {INLINE_LIMIT}")
    return text
