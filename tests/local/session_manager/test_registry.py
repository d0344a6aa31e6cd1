from __future__ import annotations

from pathlib import Path

import pytest
from tests.local.session_manager.conftest import FORWARDING, INSTANCE, Ana

from ds_ec2_local.session_manager import exceptions
from ds_ec2_local.session_manager.registry import TOKEN_LIFETIME_S, SessionRegistry


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> SessionRegistry:
    registry = SessionRegistry(lambda target: target == INSTANCE, lambda _: Path("/guest"), clock=clock)
    registry.stream_base = "ws://127.0.0.1:4578"
    return registry


def test_a_session_is_named_after_its_caller(registry: SessionRegistry) -> None:
    session = registry.open(INSTANCE, None, None, Ana())
    assert session["SessionId"].startswith("ana-")
    assert session["StreamUrl"] == (
        f"ws://127.0.0.1:4578/v1/data-channel/{session['SessionId']}?role=publish_subscribe"
    )
    assert 0 < len(session["TokenValue"]) <= 300


def test_a_target_without_agent_is_refused_in_ssms_words(registry: SessionRegistry) -> None:
    with pytest.raises(exceptions.TargetNotConnected, match=r"^i-1 is not connected\.$") as refused:
        registry.open("i-1", None, None, Ana())
    assert refused.value.code == "TargetNotConnected"


def test_defaults_of_the_documents_are_filled_in(registry: SessionRegistry) -> None:
    session = registry.open(INSTANCE, FORWARDING, {"portNumber": ["8888"]}, Ana())
    opened = registry.redeem(session["SessionId"], session["TokenValue"])
    assert opened is not None
    assert opened.plan.properties == {
        "portNumber": "8888",
        "localPortNumber": "0",
        "type": "LocalPortForwarding",
    }


@pytest.mark.parametrize(
    ("document", "parameters", "error"),
    [
        ("AWS-RunShellScript", {}, exceptions.InvalidDocument),
        (FORWARDING, {"portNumber": ["0"]}, exceptions.ValidationException),
        (FORWARDING, {"portNumber": ["65536"]}, exceptions.ValidationException),
        (FORWARDING, {"portNumber": []}, exceptions.ValidationException),
        (FORWARDING, {"portNumber": ["1", "2"]}, exceptions.ValidationException),
        (FORWARDING, {"port": ["1"]}, exceptions.ValidationException),
        (None, {"portNumber": ["1"]}, exceptions.ValidationException),
        ("AWS-StartPortForwardingSessionToRemoteHost", {}, exceptions.ValidationException),
        (
            "AWS-StartPortForwardingSessionToRemoteHost",
            {"host": ["a; rm"]},
            exceptions.ValidationException,
        ),
        ("AWS-StartInteractiveCommand", {}, exceptions.ValidationException),
    ],
)
def test_what_does_not_fit_is_refused(
    registry: SessionRegistry,
    document: str | None,
    parameters: dict[str, list[str]],
    error: type[exceptions.SessionApiError],
) -> None:
    with pytest.raises(error):
        registry.open(INSTANCE, document, parameters, Ana())
    assert registry.describe("Active")["Sessions"] == []


def test_a_token_opens_once(registry: SessionRegistry) -> None:
    session = registry.open(INSTANCE, None, None, Ana())
    other = registry.open(INSTANCE, None, None, Ana())
    assert registry.redeem(session["SessionId"], other["TokenValue"]) is None
    assert registry.redeem(session["SessionId"], session["TokenValue"]) is not None
    assert registry.redeem(session["SessionId"], session["TokenValue"]) is None


def test_a_token_dies_of_age(registry: SessionRegistry, clock: Clock) -> None:
    session = registry.open(INSTANCE, None, None, Ana())
    clock.now += TOKEN_LIFETIME_S
    assert registry.redeem(session["SessionId"], session["TokenValue"]) is None
    resumed = registry.resume(session["SessionId"])
    assert registry.redeem(session["SessionId"], resumed["TokenValue"]) is not None


def test_resuming_gives_a_new_token_and_the_same_url(registry: SessionRegistry) -> None:
    session = registry.open(INSTANCE, None, None, Ana())
    resumed = registry.resume(session["SessionId"])
    assert resumed["StreamUrl"] == session["StreamUrl"]
    assert resumed["TokenValue"] != session["TokenValue"]


def test_an_ended_session_resumes_with_an_empty_token(registry: SessionRegistry) -> None:
    session = registry.open(INSTANCE, None, None, Ana())
    assert registry.terminate(session["SessionId"]) == {"SessionId": session["SessionId"]}
    assert registry.resume(session["SessionId"])["TokenValue"] == ""
    assert registry.redeem(session["SessionId"], session["TokenValue"]) is None


def test_a_session_that_never_was_does_not_resume(registry: SessionRegistry) -> None:
    with pytest.raises(exceptions.DoesNotExistException):
        registry.resume("ana-0")
    assert registry.terminate("ana-0") == {"SessionId": "ana-0"}


def test_sessions_are_described_newest_first(registry: SessionRegistry, clock: Clock) -> None:
    first = registry.open(INSTANCE, None, None, Ana(), "to look")["SessionId"]
    second = registry.open(INSTANCE, FORWARDING, None, Ana())["SessionId"]
    clock.now += 60
    registry.terminate(first)
    active, history = registry.describe("Active")["Sessions"], registry.describe("History")["Sessions"]
    assert [row["SessionId"] for row in active] == [second]
    assert [row["SessionId"] for row in history] == [first]
    assert history[0]["Status"] == "Terminated"
    assert history[0]["Reason"] == "to look"
    assert (history[0]["EndDate"] - history[0]["StartDate"]).total_seconds() == 60
    assert active[0]["DocumentName"] == FORWARDING
    assert active[0]["Owner"] == Ana().arn


def test_descriptions_come_in_pages_and_filtered(registry: SessionRegistry) -> None:
    ids = [registry.open(INSTANCE, None, None, Ana())["SessionId"] for _ in range(5)]
    page = registry.describe("Active", max_results=3)
    rest = registry.describe("Active", max_results=3, next_token=page["NextToken"])
    assert [row["SessionId"] for row in page["Sessions"] + rest["Sessions"]] == ids[::-1]
    assert "NextToken" not in rest
    assert len(registry.describe("Active", [{"key": "SessionId", "value": ids[2]}])["Sessions"]) == 1
    assert registry.describe("Active", [{"key": "Target", "value": "i-1"}])["Sessions"] == []
    with pytest.raises(exceptions.InvalidFilterKey):
        registry.describe("Active", [{"key": "Colour", "value": "red"}])
    with pytest.raises(exceptions.InvalidNextToken):
        registry.describe("Active", next_token="-1")
    with pytest.raises(exceptions.ValidationException):
        registry.describe("Old")


def test_a_stopped_instance_ends_its_sessions(registry: SessionRegistry) -> None:
    ended: list[tuple[str, str]] = []
    registry.on_end = lambda session_id, output: ended.append((session_id, output))
    session = registry.open(INSTANCE, None, None, Ana())["SessionId"]
    registry.end_target("i-1")
    assert ended == []
    registry.end_target(INSTANCE, "stopped")
    assert ended == [(session, "stopped")]
    assert registry.describe("Active")["Sessions"] == []
