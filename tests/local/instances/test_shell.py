"""Shells, connections and SSH through the guest socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ds_ec2_local.instances import guest_client
from ds_ec2_local.instances.guest_client import DialRefusedError, GuestShell, ShellRefusedError

if TYPE_CHECKING:
    from tests.local.instances.conftest import World

SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture(scope="module")
def instance(world: World) -> str:
    return world.launch("true")


@pytest.fixture
def socket_path(world: World, instance: str) -> Path:
    return world.sandboxes.guest_socket(instance)


async def read_until(shell: GuestShell, text: bytes) -> bytes:
    """Return the terminal's output up to a text, read within ten seconds."""
    seen = b""
    async with asyncio.timeout(10):
        while text not in seen:
            seen += (await shell.read())[1]
    return seen


async def read_all(shell: GuestShell) -> tuple[bytes, int]:
    """Return the output and the exit status."""
    seen = b""
    async with asyncio.timeout(20):
        while True:
            kind, payload = await shell.read()
            if kind == guest_client.EXIT:
                await shell.close()
                return seen, int(payload)
            seen += payload


def test_a_login_shell_with_a_size_that_changes(socket_path: Path) -> None:
    async def scenario() -> tuple[bytes, bytes, int]:
        shell = await guest_client.open_shell(socket_path, size=(100, 30))
        await shell.write(b"stty size; shopt login_shell; pwd; echo 'first'-done\n")
        first = await read_until(shell, b"first-done")
        await shell.resize(77, 22)
        await shell.write(b"stty size; exit 9\n")
        rest, status = await read_all(shell)
        return first, rest, status

    first, rest, status = asyncio.run(scenario())
    assert b"30 100" in first
    assert b"/home/ssm-user" in first
    assert b"22 77" in rest
    assert status == 9


def test_the_shell_is_ssm_users(several_users: World, instance: str) -> None:
    async def scenario() -> tuple[bytes, int]:
        shell = await guest_client.open_shell(several_users.sandboxes.guest_socket(instance), "id -un; tty")
        return await read_all(shell)

    output, status = asyncio.run(scenario())
    assert output.split() == [b"ssm-user", b"/dev/pts/0"]
    assert status == 0


def test_interrupt_and_end_of_input_on_a_terminal(socket_path: Path) -> None:
    async def scenario() -> int:
        # A loop: the interrupt may come before the first sleep has begun.
        command = "trap 'echo caught; exec cat' INT; echo up; while :; do sleep 0.1; done"
        shell = await guest_client.open_shell(socket_path, command)
        await read_until(shell, b"up")
        await shell.write(b"\x03")
        await read_until(shell, b"caught")
        await shell.end_input()
        return (await read_all(shell))[1]

    assert asyncio.run(scenario()) == 0


def test_without_a_terminal_errors_come_apart(world: World, instance: str) -> None:
    assert world.run(instance, "echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")


def test_a_signal_is_told_as_shells_tell_it(world: World, instance: str) -> None:
    assert world.run(instance, "kill -KILL $$")[0] == 137


def test_input_ends(socket_path: Path) -> None:
    async def scenario() -> tuple[bytes, int]:
        shell = await guest_client.open_shell(socket_path, "wc -c", user="root", terminal=False)
        for _ in range(40):
            await shell.write(b"x" * 50_000)
        await shell.end_input()
        return await read_all(shell)

    assert asyncio.run(scenario()) == (b"2000000\n", 0)


def test_a_slow_reader_loses_nothing(socket_path: Path) -> None:
    async def scenario() -> int:
        shell = await guest_client.open_shell(
            socket_path, "head -c 5000000 /dev/zero", user="root", terminal=False
        )
        await asyncio.sleep(1)
        return len((await read_all(shell))[0])

    assert asyncio.run(scenario()) == 5_000_000


def test_a_background_process_does_not_hold_the_shell(world: World, instance: str) -> None:
    assert world.run(instance, "sleep 300 & echo started") == (0, "started\n", "")


def test_hanging_up_ends_the_shell(world: World, instance: str, socket_path: Path) -> None:
    async def scenario() -> None:
        shell = await guest_client.open_shell(socket_path, "echo up; sleep 4321")
        await read_until(shell, b"up")
        await shell.close()

    asyncio.run(scenario())
    world.wait_until(lambda: world.run(instance, "pgrep -f '[s]leep 4321'")[0] == 1)


def test_an_unknown_account_is_refused(socket_path: Path) -> None:
    async def scenario() -> None:
        await guest_client.open_shell(socket_path, user="nobody-at-all")

    with pytest.raises(ShellRefusedError, match="nobody-at-all"):
        asyncio.run(scenario())


def test_a_connection_from_inside(world: World, instance: str, socket_path: Path) -> None:
    async def scenario() -> bytes:
        reader, writer = await guest_client.open_dial(socket_path, "localhost", 9100)
        writer.write(b"GET /proc/version HTTP/1.0\r\n\r\n")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    world.output(instance, "python3 -m http.server 9100 --directory / >/dev/null 2>&1 &")
    connected = "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 9100))\""
    world.wait_until(lambda: world.run(instance, connected)[0] == 0)
    assert b" 200 " in asyncio.run(scenario())


def test_a_closed_port_is_refused(socket_path: Path) -> None:
    with pytest.raises(DialRefusedError, match="refused"):
        asyncio.run(guest_client.open_dial(socket_path, "127.0.0.1", 9))


def test_a_stopped_instance_is_refused(world: World) -> None:
    identity = world.launch("true")
    world.sandboxes.stop(identity)
    with pytest.raises(DialRefusedError, match="does not answer"):
        asyncio.run(guest_client.open_dial(world.sandboxes.guest_socket(identity), "127.0.0.1", 22))


def test_the_socket_is_the_owners_alone(socket_path: Path) -> None:
    assert socket_path.stat().st_mode & 0o777 == 0o600


PROXY = """
import asyncio, sys, threading
sys.path.insert(0, {source!r})
from pathlib import Path
from ds_ec2_local.instances.guest_client import open_dial

async def main():
    reader, writer = await open_dial(Path({socket!r}), "127.0.0.1", 22)
    loop = asyncio.get_running_loop()
    def feed():
        while data := sys.stdin.buffer.raw.read(65536):
            loop.call_soon_threadsafe(writer.write, data)
    threading.Thread(target=feed, daemon=True).start()
    while data := await reader.read(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

asyncio.run(main())
"""


def test_ssh_with_a_key_and_not_with_another(several_users: World, tmp_path: Path) -> None:
    identity = several_users.launch("true")
    if "sshd: not started" in several_users.console(identity):
        pytest.skip("this host has no sshd")
    for name in ("good", "bad"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    key = (tmp_path / "good.pub").read_text().strip()
    install = f"umask 077; mkdir -p ~/.ssh; echo '{key}' > ~/.ssh/authorized_keys"
    several_users.output(identity, install, user="ec2-user")
    proxy = tmp_path / "proxy.py"
    path = str(several_users.sandboxes.guest_socket(identity))
    proxy.write_text(textwrap.dedent(PROXY).format(source=str(SOURCE), socket=path))

    def ssh(key: str, command: str) -> subprocess.CompletedProcess[str]:
        options = [
            f"ProxyCommand={sys.executable} {proxy}",
            f"UserKnownHostsFile={tmp_path / 'known'}",
            "StrictHostKeyChecking=accept-new",
            "IdentitiesOnly=yes",
            "BatchMode=yes",
        ]
        words = [word for option in options for word in ("-o", option)]
        words = ["ssh", "-F", "none", *words, "-i", str(tmp_path / key), f"ec2-user@{identity}", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)

    good = ssh("good", "id -un; hostname; exit 4")
    assert good.stdout.split()[0] == "ec2-user", good.stderr
    assert good.returncode == 4
    bad = ssh("bad", "true")
    assert bad.returncode == 255
    assert "Permission denied" in bad.stderr
