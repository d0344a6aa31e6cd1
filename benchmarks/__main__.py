"""Measure start-up, the tunnel and `up` in one run, and write docs/reference/benchmarks.md.

With the word `boot` only what is said of boots is measured, and printed.

AWS is always the embedded AWS: nothing here was measured on a real account.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import boot, page, start_up, tunnel, up

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks.md"


def main() -> None:
    """Measure and write."""
    busy = os.getloadavg()[0]
    if sys.argv[1:] == ["boot"]:
        lines = [*page.conditions(busy), "", *page.boot_section(_ways())]
        sys.stdout.write("\n".join(lines))
        return
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            seconds = up.seconds(environment, Path(home))
            costs, modules = start_up.costs(environment), start_up.modules(environment)
        finally:
            subprocess.run([str(start_up.BIN / "ds-ec2"), "local", "stop"], env=environment, check=False)
    ways = _ways()
    rates = [tunnel.rate(pace, sessions) for pace in ("none", "agent") for sessions in (1, 4)]
    paced, latency = tunnel.upload_at_default_pace(), tunnel.latency()
    figures = page.Figures(costs, modules, seconds, rates, paced, latency, ways)
    text = page.text(figures, busy)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _ways() -> list[boot.Way]:
    with tempfile.TemporaryDirectory() as home:
        own = {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
        return boot.ways(os.environ | own)


if __name__ == "__main__":
    main()
