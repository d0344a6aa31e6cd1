"""Stands in for machines that are records: signals that they are reachable, and that JupyterLab answers."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from botocore.exceptions import ClientError
from tests.local.conftest import BEN

if TYPE_CHECKING:
    from tests.local.conftest import LocalAws

STAGES = ("booted", "disks", "network", "jupyter")


class StandIn:
    """A thread that does for every machine stack what its machine would do; a context manager.

    It calls as `ben`, so that the calls of `ana`'s commands can be counted.
    """

    def __init__(self, aws: LocalAws) -> None:
        self._stacks: Any = aws.client("cloudformation", BEN)
        self._parameters: Any = aws.client("ssm", BEN)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        done: set[str] = set()
        while not self._ended.wait(0.1):
            for stack in self._stacks.describe_stacks()["Stacks"]:
                tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
                if tags.get("ds-ec2:part") != "machine" or stack["StackId"] in done:
                    continue
                if stack["StackStatus"] == "CREATE_IN_PROGRESS" and (url := self._handle(stack["StackId"])):
                    self._signal(url)
                    self._report(stack["StackName"])
                    done.add(stack["StackId"])

    def _handle(self, stack_id: str) -> str:
        """Return the address to signal to, once the stack waits for the machine; empty before."""
        try:
            resources = self._stacks.describe_stack_resources(StackName=stack_id)["StackResources"]
        except ClientError:
            return ""  # it went meanwhile
        found = {one["LogicalResourceId"]: one for one in resources}
        waits = "Ready" in found
        return str(found["ReadyHandle"].get("PhysicalResourceId", "")) if waits else ""

    @staticmethod
    def _signal(url: str) -> None:
        signal = {"Status": "SUCCESS", "UniqueId": "i-1", "Data": "reachable", "Reason": ""}
        with urlopen(Request(url, json.dumps(signal).encode(), method="PUT"), timeout=10) as answer:  # noqa: S310 - our own loopback address
            answer.read()

    def _report(self, stack: str) -> None:
        stages = [
            {"name": name, "state": "done", "started_at": time.time(), "seconds": 0.1, "error": ""}
            for name in STAGES
        ]
        try:
            self._parameters.put_parameter(
                Name=f"/ds-ec2/{stack}/status",
                Value=json.dumps({"boot": "1", "stages": stages}),
                Type="String",
                Overwrite=True,
            )
        except ClientError:
            return
