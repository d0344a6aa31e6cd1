"""What commands cost that a person runs often."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent


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


def costs(environment: dict[str, str]) -> list[Cost]:
    """Return the costs, the interpreter's own start first; the embedded AWS runs already."""
    ours = [str(BIN / "ds-ec2")]
    found = [
        cost("python -c pass", [sys.executable, "-c", "pass"], environment, 15),
        cost("ds-ec2 --help", [*ours, "--help"], environment, 15),
    ]
    aws = BIN.parent / "awscli" / "bin" / "aws"
    if aws.exists():
        found.append(cost("aws --version", [str(aws), "--version"], environment, 5))
    found.append(cost("ds-ec2 ls", [*ours, "--local", "ls"], environment, 5))
    found.append(cost("ds-ec2 up --dry-run", [*ours, "--local", "up", "other", "--dry-run"], environment, 5))
    return found


def modules(environment: dict[str, str]) -> int:
    """Return how many modules `--help` loads."""
    code = "import sys\nfrom ds_ec2.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(len(sys.modules), file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return int(run.stderr)
