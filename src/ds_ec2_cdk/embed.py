"""What the templates carry: the machine's code and loader, and the account's function."""

from __future__ import annotations

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

    It never changes with what a machine is to have.

    Raises:
        ValueError: The loader cannot be embedded.
    """
    loader = pack.loader_text()
    if "${" in loader or _END in loader:
        raise ValueError("loader.py holds a dollar-brace or the end mark: it cannot stand in Fn::Sub")
    boot = (
        '{"region": "${AWS::Region}", "stack": "${AWS::StackName}", "url_suffix": "${AWS::URLSuffix}",'
        ' "signal_url": "${Ready}"}'
    )
    return (
        "#!/bin/sh\n"
        "set -eu\n"
        "mkdir -p /etc/ds-ec2 /opt/ds-ec2\n"
        # The URL lets whoever has it answer for this machine.
        f"(umask 077; cat >/etc/ds-ec2/boot.json) <<'{_END}'\n{boot}\n{_END}\n"
        f"cat >/opt/ds-ec2/loader.py <<'{_END}'\n{loader}{_END}\n"
        "exec python3 /opt/ds-ec2/loader.py\n"
    )


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
