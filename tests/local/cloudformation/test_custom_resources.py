"""Custom resources, answered by a provider behind an SNS topic."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests.local.cloudformation.builders import put, template

if TYPE_CHECKING:
    from tests.local.cloudformation.conftest import Stacks


class Provider(BaseHTTPRequestHandler):
    asked: list[dict[str, Any]] = []  # noqa: RUF012 - one server a test

    def do_POST(self) -> None:
        message = json.loads(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Message"])
        self.send_response(200)
        self.end_headers()
        self.asked.append(message)
        colour = message["ResourceProperties"].get("Colour")
        answer = {
            "Status": "FAILED" if colour == "none" else "SUCCESS",
            "Reason": "no such colour",
            "PhysicalResourceId": f"paint-{colour}",
            "RequestId": message["RequestId"],
            "StackId": message["StackId"],
            "LogicalResourceId": message["LogicalResourceId"],
            "Data": {"Shade": f"dark {colour}"},
        }
        put(message["ResponseURL"], json.dumps(answer))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def topic(stacks: Stacks) -> Any:
    Provider.asked = []
    server = HTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    sns = stacks.client("sns")
    arn = sns.create_topic(Name=stacks.name())["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
    yield arn
    server.shutdown()
    thread.join()
    server.server_close()


def paint(topic: Any, colour: Any) -> Any:
    return template(
        {"Paint": {"Type": "Custom::Paint", "Properties": {"ServiceToken": topic, "Colour": colour}}},
        Outputs={"Shade": {"Value": {"Fn::GetAtt": ["Paint", "Shade"]}}, "Id": {"Value": {"Ref": "Paint"}}},
    )


def test_made_changed_and_deleted(stacks: Stacks, topic: Any) -> None:
    name = stacks.create(paint(topic, "red"))
    assert stacks.outputs(name) == {"Shade": "dark red", "Id": "paint-red"}
    assert stacks.update(name, paint(topic, "blue")) == "UPDATE_COMPLETE"
    assert stacks.outputs(name) == {"Shade": "dark blue", "Id": "paint-blue"}
    assert stacks.delete(name) == "DELETE_COMPLETE"
    told = [(m["RequestType"], m.get("PhysicalResourceId")) for m in Provider.asked]
    assert told == [
        ("Create", None), ("Update", "paint-red"), ("Delete", "paint-red"), ("Delete", "paint-blue"),
    ]  # fmt: skip
    assert Provider.asked[1]["OldResourceProperties"]["Colour"] == "red"


def test_a_failure_is_the_reason(stacks: Stacks, topic: Any) -> None:
    name = stacks.create(paint(topic, "none"))
    assert stacks.status(name) == "ROLLBACK_COMPLETE"
    assert "Received response status [FAILED] from custom resource. Message returned: no such colour" in (
        stacks.reasons(name)
    )
