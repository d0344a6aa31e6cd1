"""The codec against the vectors that the embedded AWS passes too, and against itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_ec2.tunnel import documents, smux
from ds_ec2.tunnel.codec import CHANNEL_CLOSED, Message, WireError, decode, encode
from ds_ec2.tunnel.delivery import RoundTrip

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


MESSAGES = {row["name"]: row for row in load("messages.json")}
UNUSUAL = load("unusual_messages.json")
DOCUMENTS = load("documents.json")
SMUX = load("smux.json")
RETRANSMISSION = load("retransmission.json")


def by_name(rows: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


def message(row: dict[str, Any]) -> Message:
    return Message(
        row["message_type"],
        row["sequence"],
        row["payload_type"],
        bytes.fromhex(row["payload"]),
        row["flags"],
        UUID(row["message_id"]),
        row["created_ms"],
        row["schema_version"],
    )


def carrying(document: Any) -> Message:
    return Message("output_stream_data", 0, 1, json.dumps(document).encode())


@by_name(list(MESSAGES.values()))
def test_messages(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["bytes"])
    assert decode(data) == message(row)
    assert encode(message(row)) == data


@by_name(UNUSUAL["tolerated"])
def test_unusual_messages_are_read(row: dict[str, Any]) -> None:
    assert decode(bytes.fromhex(row["bytes"])) == message(MESSAGES[row["same_as"]])


@by_name(UNUSUAL["rejected"])
def test_broken_messages_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        decode(bytes.fromhex(row["bytes"]))


def test_the_service_sends_publication_messages_without_a_date() -> None:
    data = encode(Message("pause_publication", 0, 0, b"", created_ms=0))
    assert decode(data).message_type == "pause_publication"


def test_documents_that_are_written() -> None:
    opening = json.loads(documents.open_data_channel("token"))
    fixed = {"MessageSchemaVersion", "TokenValue", "ClientVersion"}
    assert opening.keys() == DOCUMENTS["open_data_channel"].keys()
    assert {key: opening[key] for key in fixed} == {key: DOCUMENTS["open_data_channel"][key] for key in fixed}
    row = DOCUMENTS["acknowledge"]
    original = Message(
        row["acknowledged_type"],
        row["acknowledged_sequence"],
        1,
        b"",
        message_id=UUID(row["acknowledged_id"]),
    )
    answer = documents.acknowledgement(original)
    assert json.loads(answer.payload) == row["document"]
    assert (answer.flags, answer.sequence, answer.payload_type) == (3, 0, 0)
    assert documents.acknowledged(answer) == row["acknowledged_sequence"]
    size = DOCUMENTS["size"]
    assert json.loads(documents.terminal_size(size["columns"], size["rows"])) == size["document"]


def test_handshake_documents() -> None:
    request = documents.handshake_request(carrying(DOCUMENTS["handshake_request"]))
    assert request.session_type == "Port"
    assert request.multiplexed
    assert json.loads(documents.handshake_response(request)) == DOCUMENTS["handshake_response"]
    assert documents.customer_message(carrying(DOCUMENTS["handshake_complete"])) == ""


@pytest.mark.parametrize("kind", ["ssh", "port", "port_remote_host"])
def test_properties_tell_raw_bytes_from_smux(kind: str) -> None:
    action = {
        "ActionType": "SessionType",
        "ActionParameters": {"SessionType": "Port", "Properties": DOCUMENTS["properties"][kind]},
    }
    request = documents.handshake_request(carrying({"AgentVersion": "3", "RequestedClientActions": [action]}))
    assert request.multiplexed is (kind != "ssh")


def test_an_action_that_is_not_known_is_answered_as_unsupported() -> None:
    actions = [{"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "k"}}]
    request = documents.handshake_request(carrying({"AgentVersion": "3", "RequestedClientActions": actions}))
    answer = json.loads(documents.handshake_response(request))
    assert [(a["ActionType"], a["ActionStatus"]) for a in answer["ProcessedClientActions"]] == [
        ("KMSEncryption", 3)
    ]


def test_closing_words() -> None:
    payload = json.dumps(DOCUMENTS["channel_closed"]).encode()
    assert documents.closing_words(Message(CHANNEL_CLOSED, 0, 0, payload)) == "Session terminated."
    assert documents.closing_words(Message(CHANNEL_CLOSED, 0, 0, b"")) == ""


@by_name(SMUX["frames"])
def test_smux_frames(row: dict[str, Any]) -> None:
    frame = smux.Frame(row["command"], row["stream"], bytes.fromhex(row["payload"]))
    assert smux.encode_frame(frame) == bytes.fromhex(row["bytes"])
    assert smux.FrameParser().feed(bytes.fromhex(row["bytes"])) == [frame]


@by_name(SMUX["sequences"])
def test_smux_sequences(row: dict[str, Any]) -> None:
    parser = smux.FrameParser()
    frames = [frame for chunk in row["chunks"] for frame in parser.feed(bytes.fromhex(chunk))]
    assert [[f.command, f.stream, f.data.hex()] for f in frames] == row["frames"]


@by_name(SMUX["rejected"])
def test_what_is_no_smux_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(smux.SmuxError):
        smux.FrameParser().feed(bytes.fromhex(row["bytes"]))


@by_name(RETRANSMISSION["cases"])
def test_round_trips(row: dict[str, Any]) -> None:
    estimate = RoundTrip()
    assert estimate.smoothed_s * 1000 == pytest.approx(RETRANSMISSION["first_round_trip_ms"])
    assert estimate.timeout_s * 1000 == pytest.approx(RETRANSMISSION["first_timeout_ms"])
    for step in row["steps"]:
        estimate.sample(step["sample_ms"] / 1000)
        found = (estimate.smoothed_s, estimate.variation_s, estimate.timeout_s)
        wanted = (step["srtt_ms"], step["variation_ms"], step["timeout_ms"])
        assert [1000 * value for value in found] == pytest.approx(wanted, abs=0.001)


messages = st.builds(
    Message,
    message_type=st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=32),
    sequence=st.integers(-(2**63), 2**63 - 1),
    payload_type=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=1024),
    flags=st.integers(0, 2**64 - 1),
    message_id=st.uuids(),
    created_ms=st.integers(1, 2**63 - 1),
)


@given(messages)
def test_every_message_comes_back(original: Message) -> None:
    assert decode(encode(original)) == original


@given(messages, st.data())
def test_a_damaged_payload_is_noticed(original: Message, data: st.DataObject) -> None:
    frame = bytearray(encode(original))
    position = data.draw(st.integers(116, len(frame) - 1))
    frame[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        decode(bytes(frame))


@given(
    st.lists(
        st.builds(
            smux.Frame,
            st.sampled_from([smux.OPEN, smux.FINISH, smux.DATA, smux.KEEP_ALIVE]),
            st.integers(0, 2**32 - 1),
            st.binary(max_size=2000),
        )
    ),
    st.lists(st.integers(1, 700)),
)
def test_frames_survive_any_cut(frames: list[smux.Frame], cuts: list[int]) -> None:
    data = b"".join(smux.encode_frame(frame) for frame in frames)
    parser = smux.FrameParser()
    found = []
    for cut in cuts:
        found += parser.feed(data[:cut])
        data = data[cut:]
    assert found + parser.feed(data) == frames
