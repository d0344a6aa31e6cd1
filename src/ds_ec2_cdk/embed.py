"""What the templates carry: the machine's code and loader, and the account's function."""

from __future__ import annotations

import ast
import base64
import lzma
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from ds_ec2.model.names import SSM_ROOT, MachineParameter, code_parameter
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
_NOT_THERE: Final = ("from __future__ ", "from typing ", "from ds_ec2_account.")
"""Imports that only annotations need, or that stand in front."""


def user_data() -> str:
    """Return the machine's user data, for `Fn::Sub` with `Ready`, the wait condition's handle.

    They never change with what a machine is to have. The loader is packed: it is most of their 16 KB.
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


@dataclass(frozen=True, slots=True)
class Code:
    """The machine's code, packed. Every value may be a token.

    Args:
        sha256: Hex, of the zip application.
        parts: Base64 of xz, cut into values of SSM parameters.
    """

    sha256: str
    parts: tuple[str, ...]


@cache
def code() -> Code:
    """Return the code of this checkout."""
    sha256, parts = pack.code()
    return Code(sha256, tuple(parts))


def code_values() -> dict[str, str]:
    """Return the code as the shipped machine template takes it: names of its parameters to their values."""
    known = code()
    return {MachineParameter.CODE_SHA256: known.sha256} | {
        code_parameter(index): part for index, part in enumerate(known.parts)
    }


def code_manifest(parts: int) -> str:
    """Return the value of the SSM parameter `code`, for `Fn::Sub` with `Sha256`."""
    return pack.manifest(STACK_PATH, parts, "${Sha256}")


def follower_code() -> str:
    """Return the function that starts and stops the way out, and keeps account of runs, as `_inline`."""
    return _inline("ledger.py", "way_out.py")


def caretaker_code() -> str:
    """Return the function that stops machines which nothing watches, as `_inline`."""
    return _inline("caretaker.py")


def orphans_code() -> str:
    """Return the function that ends what outlived its stack, as `_inline`."""
    return _inline("orphans.py")


def _inline(*names: str) -> str:
    """Return a function of the account as it stands in a template: no comments, no annotations, narrow.

    Args:
        names: Its files. One may import those before it, which stand in front of it here.

    Raises:
        ValueError: It is too long to stand in a template.
    """
    lines: list[str] = []
    for name in names:
        source = pack.bare(files("ds_ec2_account").joinpath(name).read_text(encoding="utf-8"))
        for line in _without_annotations(source).splitlines():
            if line and not line.startswith(_NOT_THERE) and not ("import " in line and line in lines):
                lines.append(" " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip())
    text = "\n".join(lines) + "\n"
    if len(text) > INLINE_LIMIT:
        raise ValueError(f"{names[-1]} has {len(text)} characters, inline code at most {INLINE_LIMIT}")
    return text


def _without_annotations(source: str) -> str:
    """Return ASCII source, formatted as ours, without annotations of arguments, results and variables."""
    spans: list[tuple[int, int | None, int | None]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as kind):
                spans.append((node.lineno, node.col_offset + len(name), kind.end_col_offset))
            case ast.AnnAssign(target=target, annotation=kind):
                spans.append((node.lineno, target.end_col_offset, kind.end_col_offset))
            case ast.FunctionDef(returns=ast.expr() as kind):
                spans.append((kind.lineno, kind.col_offset - len(" -> "), kind.end_col_offset))
    lines = source.splitlines()
    for row, begin, end in sorted(spans, key=lambda span: span[1] or 0, reverse=True):
        lines[row - 1] = lines[row - 1][:begin] + lines[row - 1][end:]
    return "\n".join(lines)
