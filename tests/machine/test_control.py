from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ds_ec2_machine import peers

if TYPE_CHECKING:
    from tests.machine.conftest import Machine

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEexampleEXAMPLEexampleEXAMPLEexample0 ana@laptop"
STRANGER = 61999
"""A uid of nobody here."""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another account")


def test_the_token_is_jupyterlabs(booted: Machine) -> None:
    token = booted.file("/var/lib/ds-ec2/jupyter-token").read_text()
    assert booted.result("token") == {"token": token, "port": 8888, "root": "/"}
    assert len(token) >= 40


def test_a_stages_log_is_streamed_line_by_line(booted: Machine) -> None:
    *lines, last = booted.ask("logs", stage="jupyter")
    assert last == {"ok": True, "result": {}}
    assert [set(line) for line in lines] == [{"line"}] * len(lines)
    assert any("jupyterlab==" in line["line"] for line in lines)


@pytest.mark.parametrize("stage", ["nonsense", "../../lib/ds-ec2/jupyter-token", "", "../../../etc/passwd"])
def test_no_other_file_is_streamed(booted: Machine, stage: str) -> None:
    [answer] = booted.ask("logs", stage=stage)
    assert answer["ok"] is False
    assert "jupyter" in answer["hint"]


def test_a_key_is_authorized_once(booted: Machine) -> None:
    first = booted.result("authorize", public_key=KEY)
    again = booted.result("authorize", public_key=KEY + " with another comment")
    home = Path.home()
    file = Path(f"{booted.root}{home}/.ssh/authorized_keys")
    assert first == again
    assert first["user"] == home.owner()
    assert file.read_text() == KEY + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("key", ["", "hello", f"{KEY}\ncommand=evil {KEY}", f'command="sh" {KEY}'])
def test_what_is_no_key_is_refused(booted: Machine, key: str) -> None:
    [answer] = booted.ask("authorize", public_key=key)
    assert answer["ok"] is False


def test_the_machine_can_be_held_awake(booted: Machine) -> None:
    until = booted.result("keep", seconds=3600)["until"]
    assert until == pytest.approx(time.time() + 3600, abs=5)
    assert float(booted.file("/var/lib/ds-ec2/keep-awake").read_text()) == pytest.approx(until, abs=1)
    assert booted.result("keep", seconds=0)["until"] <= time.time()


@pytest.mark.parametrize("seconds", [-1, "600", True, None, 10**9])
def test_it_is_not_held_for_nonsense(booted: Machine, seconds: object) -> None:
    [answer] = booted.ask("keep", seconds=seconds)
    assert answer["ok"] is False


def test_thresholds_are_set_by_name_and_refused_in_words(booted: Machine) -> None:
    assert booted.result("thresholds", values={"cpu": 0.5})["thresholds"]["cpu"] == 0.5
    assert json.loads(booted.file("/etc/ds-ec2/idle.json").read_text()) == {"cpu": 0.5}
    assert booted.result("thresholds", values={"cpu": None})["thresholds"]["cpu"] == 0.1
    [answer] = booted.ask("thresholds", values={"gpu": 101})
    assert answer == {"ok": False, "error": "gpu is a number from 0 to 100 (percent)", "hint": ""}


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b'["status"]\n', b'{"verb": "reboot"}\n', b"{}\n"])
def test_nonsense_is_answered_and_the_next_is_heard(booted: Machine, line: bytes) -> None:
    [answer] = booted.send(line)
    assert answer["ok"] is False
    assert booted.result("status")["boot"]


@needs_root
def test_another_account_is_refused(booted: Machine) -> None:
    script = (
        f"import socket; s = socket.create_connection(({booted.address!r}, 8765), 10);"
        's.sendall(b\'{"verb": "token"}\\n\'); print(s.makefile().read())'
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script], user=STRANGER, capture_output=True, text=True, check=True
    )
    assert "not for you" in done.stdout
    assert booted.result("token")["token"] not in done.stdout


@needs_root
def test_another_account_does_not_pass_for_root_by_hanging_up(booted: Machine) -> None:
    keep = booted.file("/var/lib/ds-ec2/keep-awake")
    keep.write_text("0\n")
    script = (
        f"import socket\nfor n in range(50):\n s = socket.create_connection(({booted.address!r}, 8765), 10)\n"
        ' s.sendall(b\'{"verb": "keep", "seconds": 5000}\\n\'); s.close()'
    )
    subprocess.run(["/usr/bin/python3", "-c", script], user=STRANGER, check=True)
    assert booted.result("status")["boot"], "the road still answers"
    time.sleep(0.3)
    assert keep.read_text() == "0\n"


def test_a_peer_is_known_by_the_kernel_until_it_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        connection, peer = server.accept()
        with connection:
            assert peers.owner(peer, connection.getsockname()) == os.getuid()
            client.close()
            assert peers.owner(peer, connection.getsockname()) is None


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_peer_behind_a_mapped_address_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        connection, peer = server.accept()
        with connection:
            assert peers.owner(peer, connection.getsockname()) == os.getuid()


@pytest.mark.skipif(shutil.which("lsof") is None, reason="lsof is not installed")
def test_without_the_kernels_tables_lsof_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_TABLES", ("/nowhere/tcp",))
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        connection, peer = server.accept()
        with connection:
            assert peers.owner(peer, connection.getsockname()) == os.getuid()
            client.close()
            assert peers.owner(peer, connection.getsockname()) is None


def test_where_nothing_tells_nobody_is_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_TABLES", ("/nowhere/tcp",))
    monkeypatch.setenv("PATH", "/nowhere")
    assert peers.owner(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
