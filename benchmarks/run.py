"""Measure start-up, the tunnel and `up` in one run, and write docs/reference/benchmarks.md.

Ratios are to `python -c pass` and `aws --version` of the same run on the same machine. AWS is always
the embedded AWS: nothing here was measured on a real account.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"


@dataclass(frozen=True)
class Cost:
    """What one command took: the least of several runs, in milliseconds."""

    name: str
    cpu_ms: float
    wall_ms: float


def cost(name: str, arguments: list[str], environment: dict[str, str], runs: int) -> Cost:
    """Run a command several times and keep the least of each figure."""
    cpu, wall = [], []
    for _ in range(runs):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(arguments, env=environment, check=True, capture_output=True)
        after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        wall.append(ended - began)
    return Cost(name, min(cpu) * 1000, min(wall) * 1000)


def start_up(environment: dict[str, str]) -> list[Cost]:
    """Commands that a person runs often, the interpreter's own start first."""
    ours = [str(BIN / "ds-ec2")]
    costs = [
        cost("python -c pass", [sys.executable, "-c", "pass"], environment, 15),
        cost("ds-ec2 --help", [*ours, "--help"], environment, 15),
    ]
    aws = BIN.parent / "awscli" / "bin" / "aws"
    if aws.exists():
        costs.append(cost("aws --version", [str(aws), "--version"], environment, 5))
    costs.append(cost("ds-ec2 ls", [*ours, "--local", "ls"], environment, 5))
    costs.append(cost("ds-ec2 up --dry-run", [*ours, "--local", "up", "other", "--dry-run"], environment, 5))
    return costs


def modules(environment: dict[str, str]) -> int:
    """How many modules `--help` loads."""
    code = "import sys\nfrom ds_ec2.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(len(sys.modules), file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return int(run.stderr)


def up(environment: dict[str, str], packages: Path) -> float:
    """Seconds from `up` to JupyterLab answering, the network included."""
    began = time.monotonic()
    command = [str(BIN / "ds-ec2"), "--local", "up", "bench", "--packages", str(packages), "--yes"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.monotonic() - began


def page(costs: list[Cost], loaded: int, seconds: float) -> str:
    """The figures as a page."""
    floor = costs[0]
    aws = next((line for line in costs if line.name == "aws --version"), None)
    rows = [
        f"| `{line.name}` | {line.cpu_ms:.0f} | {line.wall_ms:.0f} | {line.cpu_ms / floor.cpu_ms:.1f} |"
        + (f" {line.cpu_ms / aws.cpu_ms:.2f} |" if aws else " |")
        for line in costs
    ]
    when, python = f"{datetime.now(UTC):%Y-%m-%d}", platform.python_version()
    how = (
        f"Written by `make bench` on {when}: Python {python}, {os.cpu_count()} cores. Least of several runs."
    )
    return "\n".join(
        [
            "# Benchmarks",
            "",
            how,
            "",
            "AWS is the embedded AWS.",
            "",
            "| command | CPU ms | wall ms | x `python -c pass` | x `aws --version` |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Modules loaded by `--help`: {loaded}.",
            "",
            f"From `up` to JupyterLab answering, network included: {seconds:.1f} s.",
            "",
        ]
    )


def main() -> None:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        packages = Path(home) / "requirements.txt"
        packages.write_text("# none\n")
        try:
            seconds = up(environment, packages)
            text = page(start_up(environment), modules(environment), seconds)
        finally:
            subprocess.run([str(BIN / "ds-ec2"), "local", "stop"], env=environment, check=False)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
