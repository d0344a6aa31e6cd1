"""`python -m ds_ec2_local`: serve, status, logs, stop, image."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from ds_ec2_local.instances.errors import SandboxError
from ds_ec2_local.state import StateInUseError, read_endpoint

_BOOT_IMAGE: Final = "DS_EC2_LOCAL_BOOT_IMAGE"
_STOP_S: Final = 30.0
"""How long `stop` waits."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "serve":
        return _serve(options)
    if options.command == "image":
        return _image(options)
    endpoint = read_endpoint(options.state)
    if endpoint is None:
        print(f"no server runs on {options.state}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    if options.command == "stop":
        return _stop(options.state, int(endpoint["pid"]))
    path = {"status": "/_local/status", "logs": "/_local/log"}[options.command]
    try:
        text = _get(endpoint["endpoint_url"] + path)
    except OSError as error:
        print(f"the server of {options.state} does not answer: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    print(json.dumps(json.loads(text), indent=1) if options.command == "status" else text, end="")  # noqa: T201 - as above
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ds_ec2_local", description="An AWS on this computer.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("serve", "answer AWS's calls until SIGTERM"),
        ("status", "show the server, its principals and instances"),
        ("logs", "show all requests so far"),
        ("stop", "end the server and all its instances"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--state", type=Path, required=True, help="the server's directory")
        if name == "serve":
            command.add_argument("--port", type=int, default=0, help="0: any free one")
            command.add_argument(
                "--clock-scale", type=float, default=1.0, help="seconds of schedules that pass in one second"
            )
            command.add_argument(
                "--records-only", action="store_true", help="instances are records: nothing runs in them"
            )
            command.add_argument(
                "--boot-image",
                type=Path,
                default=os.environ.get(_BOOT_IMAGE) or None,
                help=f"instances boot a copy of this root file system (needs root); also ${_BOOT_IMAGE}",
            )
    image = commands.add_parser("image", help="make a root file system from Debian's packages")
    image.add_argument("--release", default="bookworm", help="Debian's name of it")
    image.add_argument("--user", default="ec2-user", help="the account that cloud-init makes")
    return parser


def _serve(options: argparse.Namespace) -> int:
    from ds_ec2_local.server import Options, serve

    try:
        serve(
            Options(
                options.state, options.port, options.clock_scale, options.records_only, options.boot_image
            )
        )
    except (StateInUseError, SandboxError, OSError) as error:
        print(str(error), file=sys.stderr)  # noqa: T201 - a command line
        return 1
    return 0


def _image(options: argparse.Namespace) -> int:
    from ds_ec2_local.instances.booted.image import Recipe, make

    try:
        print(make(Recipe(options.release, options.user)))  # noqa: T201 - a command line
    except (SandboxError, OSError) as error:
        print(str(error), file=sys.stderr)  # noqa: T201 - a command line
        return 1
    return 0


def _stop(state: Path, pid: int) -> int:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        print(f"the server of {state} is gone already", file=sys.stderr)  # noqa: T201 - a command line
        return 0
    deadline = time.monotonic() + _STOP_S
    while read_endpoint(state) is not None:
        if time.monotonic() > deadline:
            print(f"process {pid} still runs", file=sys.stderr)  # noqa: T201 - as above
            return 1
        time.sleep(0.05)
    return 0


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback address
        text: Any = answer.read()
    return str(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
