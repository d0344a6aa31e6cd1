"""`machine.pyz boot|control|idle|apply|supervise NAME`."""

from __future__ import annotations

import sys

from ds_ec2_machine import apply, boot, control, idle, supervisor
from ds_ec2_machine.platform import Platform


def main() -> None:
    """Run one verb."""
    verbs = {"boot": boot.main, "control": control.main, "idle": idle.main, "apply": apply.main}
    match = sys.argv[1:]
    if len(match) == 1 and match[0] in verbs:
        verbs[match[0]](Platform())
    elif len(match) == 2 and match[0] == "supervise":
        supervisor.supervise(Platform(), match[1])
    else:
        sys.exit(__doc__ or "unknown verb")


if __name__ == "__main__":
    main()
