"""The embedded AWS as a process: what is left of a dead one, and what cannot be."""

import json
import os
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ds_ec2.errors import DsEc2Error
from ds_ec2.model.steps import StepState
from ds_ec2.operations.local import local_logs, local_start, local_status, local_stop


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DS_EC2_STATE", str(tmp_path))
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


def endpoint(state: Path, url: str, pid: int = 1) -> None:
    document = {
        "endpoint_url": url,
        "pid": pid,
        "isolation": "directory",
        "started_at": "2026-11-24T00:00:00Z",
    }
    (state / "endpoint.json").write_text(json.dumps(document))


@pytest.fixture
def answering() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/_local/status" else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_was_ever_started(state: Path) -> None:
    status = local_status()
    assert (status.running, status.endpoint_url, status.pid) == (False, "", 0)
    assert status.state_dir == str(state)


@pytest.mark.parametrize("text", ["{", "[]", "null", "{}", '{"endpoint_url": "http://127.0.0.1:1"}'])
def test_leftovers_of_a_killed_one_do_not_count_as_running(state: Path, text: str) -> None:
    (state / "endpoint.json").write_text(text)
    assert not local_status().running


def test_one_that_answers_runs(state: Path, answering: str) -> None:
    endpoint(state, answering, pid=os.getpid())
    status = local_status()
    assert (status.running, status.endpoint_url, status.pid) == (True, answering, os.getpid())
    assert [step.state for step in local_start()] == [StepState.DONE]


def test_an_endpoint_elsewhere_is_not_believed(state: Path) -> None:
    endpoint(state, "http://169.254.169.254")
    assert not local_status().running


def test_stopping_what_does_not_run_is_no_error() -> None:
    (step,) = local_stop()
    assert (step.state, step.detail) == (StepState.DONE, "it does not run")


def test_its_log_is_read(state: Path) -> None:
    (state / "requests.jsonl").write_text("one\ntwo\n")
    assert list(local_logs()) == ["one", "two"]


def test_a_log_that_is_not_there_is_told() -> None:
    with pytest.raises(DsEc2Error, match="no log yet"):
        list(local_logs())


def test_the_log_is_followed(state: Path) -> None:
    (state / "requests.jsonl").write_text("one\n")
    lines = local_logs(follow=True)
    assert isinstance(lines, Generator)
    assert next(lines) == "one"
    with (state / "requests.jsonl").open("a") as log:
        log.write("two\n")
    assert next(lines) == "two"
    lines.close()


def test_a_folder_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DS_EC2_STATE", str(tmp_path / "file"))
    with pytest.raises(DsEc2Error, match="no place for its state") as caught:
        list(local_start())
    assert "DS_EC2_STATE" in caught.value.hint
