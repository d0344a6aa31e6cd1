"""The guest of an instance without an instance: `tunnel_guest.py SOCKET`. Shells run as the present user."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from typing import TYPE_CHECKING, Any

from ds_ec2_local.instances.guest.processes import Processes
from ds_ec2_local.instances.guest.serve import GuestServer

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter


class OneUserGuest(GuestServer):
    """There is no ssm-user where no image was made."""

    async def _shell(self, request: dict[str, Any], reader: StreamReader, writer: StreamWriter) -> None:
        await super()._shell(request | {"user": pwd.getpwuid(os.getuid()).pw_name}, reader, writer)


async def main(path: str) -> None:
    processes = Processes(dict(os.environ) | {"PS1": "ready> "}, contained=False)
    processes.watch()
    guest = OneUserGuest(processes, "127.0.0.1")
    server = await asyncio.start_unix_server(guest.answer, path)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
