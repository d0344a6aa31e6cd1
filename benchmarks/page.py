"""The figures as a page of the docs."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.boot import Way
    from benchmarks.start_up import Cost
    from benchmarks.tunnel import Latency, Rate

QUIET = 0.5
"""A load average above it, before anything was measured, is somebody else's."""
GATEWAYS = {"none": "without a pause", "agent": "with the agent's pause of 1 ms"}


@dataclass(frozen=True)
class Figures:
    """Everything that was measured in one run."""

    costs: list[Cost]
    modules: int
    up_s: float
    rates: list[Rate]
    paced: Rate
    latency: Latency
    ways: list[Way]


def text(figures: Figures, load: float) -> str:
    """Return the page; `load` is the load average before the run."""
    return "\n".join(
        [
            *("# Benchmarks", "", *conditions(load), ""),
            *(*_commands(figures), "", *boot_section(figures.ways), *_tunnel(figures), ""),
        ]
    )


def conditions(load: float) -> list[str]:
    """Return the lines about the computer; `load` is as for `text`."""
    when, python = f"{datetime.now(UTC):%Y-%m-%d}", platform.python_version()
    shared = (
        f" The computer was shared: its load average was {load:.1f}\nbefore the run, so that times are"
        " longer, and rates lower, than on a quiet one."
        if load > QUIET
        else ""
    )
    return [
        f"Written by `make bench` on {when}: Python {python}, {os.cpu_count()} cores.{shared}",
        "",
        "AWS is the embedded AWS, on the same computer. Nothing of this has run against AWS.",
    ]


def _commands(figures: Figures) -> list[str]:
    floor = figures.costs[0]
    aws = next((line for line in figures.costs if line.name == "aws --version"), None)
    rows = [
        f"| `{line.name}` | {line.cpu_ms:.0f} | {line.wall_ms:.0f} | {line.cpu_ms / floor.cpu_ms:.1f} |"
        + (f" {line.cpu_ms / aws.cpu_ms:.2f} |" if aws else " |")
        for line in figures.costs
    ]
    return [
        "## Commands",
        "",
        "Least of several runs; ratios of CPU time.",
        "",
        "| command | CPU ms | wall ms | x `python -c pass` | x `aws --version` |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Modules loaded by `--help`: {figures.modules}.",
        "",
        f"From `up` to JupyterLab answering, network included, no packages: {figures.up_s:.1f} s.",
    ]


def boot_section(ways: list[Way]) -> list[str]:
    """Return the lines about boots, none where nothing booted."""
    if not ways:
        return []
    first = ways[0]
    rows = [
        f"| {way.name} | {way.jupyter_s:.1f} | {first.jupyter_s / way.jupyter_s:.1f} |"
        f" {way.list_s:.1f} | {first.list_s / way.list_s:.1f} |"
        for way in ways
    ]
    return [
        "## From boot to work",
        "",
        "Seconds from cloud-init's first line, on real boots of one image (Debian 12, systemd-nspawn), one",
        "after another. The list is the article's without torch. pip compiles what it installs; ds-ec2 does",
        "so when the machine is ready, at idle priority. The article starts JupyterLab after all packages.",
        "The list is importable when it is installed and the machine has the command `python` for it.",
        "",
        "| way | JupyterLab answers | times sooner | whole list importable | times sooner |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _tunnel(figures: Figures) -> list[str]:
    rows = [
        f"| {GATEWAYS[one.pace]} | {one.sessions} | {one.down:.2f} | {one.up:.1f} | {one.cpu_s_per_mb:.3f} |"
        for one in figures.rates
    ]
    latency, paced = figures.latency, figures.paced
    lab = f"{paced.up:.2f} MB/s up, at {paced.cpu_s_per_mb:.3f} CPU s per MB"
    return [
        "## Tunnel",
        "",
        "Over loopback: client, gateway, guest and programs are processes on one computer. MB are 1,000,000",
        "bytes, of all sessions together; the client does not pace itself. CPU is the client's.",
        "",
        "| gateway | sessions | MB/s down | MB/s up | CPU s per MB up |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"As `ds-ec2 lab` paces itself (1,000 messages a second): {lab}.",
        "",
        "| a small request on a connection that stays, median | ms | x direct |",
        "|---|---|---|",
        f"| direct | {latency.direct_ms:.2f} | 1.0 |",
        *(
            f"| through a gateway {words} | {value:.2f} | {value / latency.direct_ms:.1f} |"
            for words, value in (
                (GATEWAYS["none"], latency.unpaced_ms),
                (GATEWAYS["agent"], latency.agent_ms),
            )
        ),
    ]
