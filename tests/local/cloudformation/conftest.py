"""A moto server with the engine in front, on a free port, in a thread of this process."""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from ds_ec2_local.cloudformation import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_WAIT_S = 30


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from moto.core.types import Base64EncodedString
    from moto.ec2.responses import instances
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    parse = instances.parse_user_data

    def parse_user_data(value: object) -> object:
        # moto takes the bytes of ModifyInstanceAttribute, decoded already, for base64.
        return Base64EncodedString.from_raw_bytes(value) if isinstance(value, bytes) else parse(value)

    instances.parse_user_data = parse_user_data

    class Quiet(MotoRequestHandler):  # type: ignore[misc] # moto has no types
        def log(self, *_: object) -> None:
            """Say nothing: a line a request is too much."""

    moto = DomainDispatcherApplication(create_backend_app)
    later: list[Any] = []

    def application(environ: Any, start: Any) -> Any:
        return later[0](environ, start)

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    later.append(install(moto, url))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def client(endpoint: str) -> Callable[[str], Any]:
    made: dict[str, Any] = {}

    def get(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(  # type: ignore[call-overload] # the name is only known here
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(s3={"addressing_style": "path"}),
            )
        return made[service]

    return get


class Stacks:
    """What tests do with stacks, in one line each."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.api = client("cloudformation")
        self.client = client
        self.made: list[str] = []

    def name(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def create(self, template: str | None, *, name: str | None = None, wait: bool = True, **more: Any) -> str:
        name = name or self.name()
        parameters = given(more.pop("parameters", {}))
        body = {"TemplateBody": template} if template else {}
        self.made.append(
            self.api.create_stack(StackName=name, Parameters=parameters, **body, **more)["StackId"]
        )
        if wait:
            self.settled(name)
        return name

    def update(self, name: str, template: str | None = None, **more: Any) -> str:
        parameters = given(more.pop("parameters", {}))
        body = {"TemplateBody": template} if template else {"UsePreviousTemplate": True}
        self.api.update_stack(StackName=name, Parameters=parameters, **body, **more)
        return self.settled(name)

    def delete(self, name: str, **more: Any) -> str:
        stack_id = self.describe(name)["StackId"]
        self.api.delete_stack(StackName=name, **more)
        return self.settled(stack_id)

    def settled(self, name: str) -> str:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while (status := self.status(name)).endswith("_IN_PROGRESS"):
            assert time.monotonic() < deadline, f"{name} stays {status}: {self.reasons(name)}"
            time.sleep(0.03)
        return status

    def describe(self, name: str) -> Any:
        return self.api.describe_stacks(StackName=name)["Stacks"][0]

    def status(self, name: str) -> str:
        return str(self.describe(name)["StackStatus"])

    def outputs(self, name: str) -> dict[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self.describe(name).get("Outputs", [])}

    def events(self, name: str) -> list[Any]:
        pages = self.api.get_paginator("describe_stack_events").paginate(StackName=name)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def story(self, name: str, logical_id: str) -> list[str]:
        return [e["ResourceStatus"] for e in self.events(name) if e["LogicalResourceId"] == logical_id]

    def reasons(self, name: str) -> str:
        return "\n".join(
            f"{e['LogicalResourceId']} {e['ResourceStatus']}: {e.get('ResourceStatusReason', '')}"
            for e in self.events(name)
        )

    def physical(self, name: str, logical_id: str) -> str:
        found = self.api.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def given(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": value}
        for key, value in parameters.items()
    ]


@pytest.fixture
def stacks(client: Callable[[str], Any]) -> Iterator[Stacks]:
    made = Stacks(client)
    yield made
    for stack_id in reversed(made.made):
        status = made.status(stack_id)
        if not status.startswith("DELETE_COMPLETE"):
            made.api.update_termination_protection(StackName=stack_id, EnableTerminationProtection=False)
            made.api.delete_stack(StackName=stack_id)
            made.settled(stack_id)
