from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from ds_ec2_local.session_manager import smux, wire
from ds_ec2_local.session_manager.delivery import RoundTrip

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


MESSAGES = load("messages.json")
UNUSUAL = load("unusual_messages.json")
DOCUMENTS = load("documents.json")
SMUX = load("smux.json")


def name_of(row: dict[str, Any]) -> str:
    return str(row["name"])


def message_of(row: dict[str, Any]) -> wire.Message:
    return wire.Message(
        message_type=row["message_type"],
        sequence=row["sequence"],
        flags=row["flags"],
        message_id=uuid.UUID(row["message_id"]),
        payload_type=row["payload_type"],
        payload=bytes.fromhex(row["payload"]),
        created_ms=row["created_ms"],
        schema_version=row["schema_version"],
    )


@pytest.mark.parametrize("row", MESSAGES, ids=name_of)
def test_messages_are_laid_out_as_stated(row: dict[str, Any]) -> None:
    assert wire.encode(message_of(row)).hex() == row["bytes"]
    assert wire.decode(bytes.fromhex(row["bytes"])) == message_of(row)


@pytest.mark.parametrize("row", UNUSUAL["tolerated"], ids=name_of)
def test_unusual_messages_are_understood(row: dict[str, Any]) -> None:
    same = next(message for message in MESSAGES if message["name"] == row["same_as"])
    assert wire.decode(bytes.fromhex(row["bytes"])) == message_of(same)


@pytest.mark.parametrize("row", UNUSUAL["rejected"], ids=name_of)
def test_broken_messages_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(bytes.fromhex(row["bytes"]))


def test_an_acknowledgement_says_what_it_is_for() -> None:
    vector = DOCUMENTS["acknowledge"]
    acknowledged = wire.Message(
        message_type=vector["acknowledged_type"],
        sequence=vector["acknowledged_sequence"],
        flags=0,
        message_id=uuid.UUID(vector["acknowledged_id"]),
        payload_type=1,
        payload=b"",
        created_ms=1,
    )
    message = wire.acknowledge(acknowledged)
    assert wire.document_of(message) == vector["document"]
    assert (message.message_type, message.sequence, message.flags, message.payload_type) == (
        "acknowledge",
        0,
        3,
        0,
    )
    assert wire.acknowledged_sequence(message) == vector["acknowledged_sequence"]


def test_channel_closed_has_the_members_of_the_vector() -> None:
    vector = DOCUMENTS["channel_closed"]
    document = wire.document_of(
        wire.channel_closed(vector["SessionId"], vector["DestinationId"], vector["Output"])
    )
    varying = {"MessageId": "", "CreatedDate": ""}
    assert document | varying == vector | varying
    assert len(document["CreatedDate"]) == len(vector["CreatedDate"])


@pytest.mark.parametrize("row", SMUX["frames"], ids=name_of)
def test_frames_are_laid_out_as_stated(row: dict[str, Any]) -> None:
    frame = smux.Frame(smux.Command(row["command"]), row["stream"], bytes.fromhex(row["payload"]))
    assert smux.encode(frame).hex() == row["bytes"]
    assert smux.FrameParser().feed(bytes.fromhex(row["bytes"])) == [frame]


@pytest.mark.parametrize("row", SMUX["sequences"], ids=name_of)
def test_frames_are_found_however_the_bytes_arrive(row: dict[str, Any]) -> None:
    parser = smux.FrameParser()
    frames = [frame for chunk in row["chunks"] for frame in parser.feed(bytes.fromhex(chunk))]
    assert [[frame.command, frame.stream, frame.payload.hex()] for frame in frames] == row["frames"]


@pytest.mark.parametrize("row", SMUX["rejected"], ids=name_of)
def test_broken_frames_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(smux.SmuxError):
        smux.FrameParser().feed(bytes.fromhex(row["bytes"]))


@pytest.mark.parametrize("case", load("retransmission.json")["cases"], ids=name_of)
def test_the_resend_timeout_follows_the_round_trips(case: dict[str, Any]) -> None:
    round_trip = RoundTrip()
    assert round_trip.timeout == 0.2
    for step in case["steps"]:
        round_trip.sample(step["sample_ms"] / 1000)
        assert round_trip.smoothed * 1000 == pytest.approx(step["srtt_ms"], abs=0.001)
        assert round_trip.variation * 1000 == pytest.approx(step["variation_ms"], abs=0.001)
        assert round_trip.timeout * 1000 == pytest.approx(step["timeout_ms"], abs=0.001)
