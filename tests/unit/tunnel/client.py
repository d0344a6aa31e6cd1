"""A process with a terminal or pipes of its own: `client.py shell|command|proxy URL [ARGUMENT]`."""

from __future__ import annotations

import sys

from tests.unit.tunnel.fake_agent import FakeSource

from ds_ec2.errors import DsEc2Error
from ds_ec2.tunnel import run_proxy, run_shell


def main(verb: str, url: str, argument: str = "") -> int:
    source = FakeSource(url)
    try:
        if verb == "proxy":
            return run_proxy(source, "i-1", int(argument))
        return run_shell(source, "i-1", argument or None)
    except DsEc2Error as error:
        sys.stderr.write(f"{error.what}: {error.why}\n")
        return error.exit_code
    finally:
        sys.stderr.write(f"terminated {source.terminated}\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
