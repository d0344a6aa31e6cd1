"""Lambda functions with inline code, and who may invoke them."""

from __future__ import annotations

import io
import zipfile
from typing import Any, Final

from ds_ec2_local.cloudformation.errors import ResourceFailure
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties

_LARGEST_INLINE: Final = 4_194_304
"""Bytes of `ZipFile`. Source: AWS::Lambda::Function Code."""
_SAME: Final = (
    "Architectures", "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "Handler",
    "KmsKeyArn",
    "Layers", "LoggingConfig", "MemorySize", "Role", "Runtime", "Timeout", "TracingConfig", "VpcConfig",
)  # fmt: skip
_NOT_TO_CHANGE: Final = frozenset({"Architectures"})
"""What UpdateFunctionConfiguration does not take: it comes with the code."""


def zipped(text: str, runtime: str) -> bytes:
    """Return an archive with inline code in the file that its runtime looks for, always the same."""
    name = "index.js" if runtime.startswith("nodejs") else "index.py"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


class Function(Handler):
    """AWS::Lambda::Function."""

    type_name = "AWS::Lambda::Function"
    accepts = frozenset(_SAME) | properties("Code FunctionName PackageType ReservedConcurrentExecutions")

    def create(self, work: Work) -> Made:
        """Make a function and wait until it is active."""
        name = work.get("FunctionName") or work.generated_name(64)
        work.call(
            "lambda",
            "CreateFunction",
            FunctionName=name,
            Code=self._code(work),
            PackageType=work.get("PackageType"),
            **work.pick(*_SAME),
            Tags=work.tags or None,
        )
        work.begun(name)
        work.until(lambda: self._settled(work, name), f"function {name} is not active")
        self._reserve(work, name)
        return self._made(work, name)

    def _code(self, work: Work) -> dict[str, Any]:
        code = dict(work.get("Code") or {})
        if "ZipFile" not in code:
            return code
        if len(str(code["ZipFile"]).encode()) > _LARGEST_INLINE:
            raise ResourceFailure(f"ZipFile is longer than {_LARGEST_INLINE} bytes")
        return {"ZipFile": zipped(str(code["ZipFile"]), str(work.get("Runtime", "")))}

    def _configuration(self, work: Work, name: str) -> dict[str, Any]:
        found: dict[str, Any] = work.call("lambda", "GetFunction", FunctionName=name)["Configuration"]
        return found

    def _settled(self, work: Work, name: str) -> bool:
        found = self._configuration(work, name)
        if found.get("State") == "Failed":
            raise ResourceFailure(f"Function {name} failed: {found.get('StateReason', '')}")
        return found.get("State", "Active") == "Active" and found.get("LastUpdateStatus") != "InProgress"

    def _reserve(self, work: Work, name: str) -> None:
        if work.changed("ReservedConcurrentExecutions"):
            count = work.get("ReservedConcurrentExecutions")
            verb = "DeleteFunctionConcurrency" if count is None else "PutFunctionConcurrency"
            work.call("lambda", verb, FunctionName=name, ReservedConcurrentExecutions=count)

    def _made(self, work: Work, name: str) -> Made:
        return Made(name, {"Arn": self._configuration(work, name)["FunctionArn"]})

    def update(self, work: Work) -> Made:
        """Change code, configuration and tags."""
        name = work.physical_id
        if work.changed("Code", "Runtime", "Architectures"):
            code = self._code(work) | work.pick("Architectures")
            work.call("lambda", "UpdateFunctionCode", FunctionName=name, **code)
            work.until(lambda: self._settled(work, name), f"function {name} is not active")
        configuration = [key for key in _SAME if key not in _NOT_TO_CHANGE]
        if work.changed(*configuration):
            work.call("lambda", "UpdateFunctionConfiguration", FunctionName=name, **work.pick(*configuration))
            work.until(lambda: self._settled(work, name), f"function {name} is not active")
        self._reserve(work, name)
        made = self._made(work, name)
        arn = made.attributes["Arn"]
        if gone := sorted(work.old_tags.keys() - work.tags.keys()):
            work.call("lambda", "UntagResource", Resource=arn, TagKeys=gone)
        if work.tags and work.tags != work.old_tags:
            work.call("lambda", "TagResource", Resource=arn, Tags=work.tags)
        return made

    def delete(self, work: Work) -> None:
        """Delete it."""
        work.call("lambda", "DeleteFunction", FunctionName=work.physical_id)


class Permission(Handler):
    """AWS::Lambda::Permission."""

    type_name = "AWS::Lambda::Permission"
    accepts = properties(
        "Action EventSourceToken FunctionName FunctionUrlAuthType Principal PrincipalOrgID"
        " SourceAccount SourceArn"
    )

    def create(self, work: Work) -> Made:
        """Allow a principal to invoke a function."""
        name = work.generated_name(100)
        work.call("lambda", "AddPermission", StatementId=name, **work.properties)
        return Made(name, {"Id": name})

    def delete(self, work: Work) -> None:
        """Take it back."""
        function = work.get("FunctionName")
        work.call("lambda", "RemovePermission", FunctionName=function, StatementId=work.physical_id)
