"""From the start of cloud-init to JupyterLab, and to the article's whole list: our way beside the article's.

All machines boot the same image, one after another, on the embedded AWS.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.start_up import BIN
from ds_ec2_local.instances.booted import image, machine

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = (
    *("matplotlib", "seaborn", "numpy", "datasets", "pandas", "scikit-learn"),
    *("boto3", "nltk", "transformers", "spacy", "jupyter", "jupyterlab"),
)
"""The article's list; its torch apart, which a build machine may not be able to fetch."""
IMPORTS = (
    "matplotlib, seaborn, numpy, datasets, pandas, sklearn, boto3, nltk, transformers, spacy, jupyterlab"
)
_KEYS = {"aws_access_key_id": "AKIALOCALANA00000000", "aws_secret_access_key": "any"}
_PATIENCE_S = 900.0
# The article's steps with a Python of today: current pip, all packages, then JupyterLab as the user.
_ARTICLE = """#!/bin/sh
set -e
mkdir -p /var/lib/bench
python3 -m venv /opt/bench
/opt/bench/bin/pip install --quiet --upgrade pip
/opt/bench/bin/pip --version >/var/lib/bench/pip
/opt/bench/bin/pip install --quiet {packages}
date +%s.%N >/var/lib/bench/list
cd /home/ec2-user
sudo -u ec2-user /opt/bench/bin/jupyter-lab --no-browser --port=8123 >/var/log/bench.log 2>&1 &
until curl -s -o /dev/null http://127.0.0.1:8123/api; do sleep 0.1; done
date +%s.%N >/var/lib/bench/jupyter
/opt/bench/bin/python -c 'import {imports}'
touch /var/lib/bench/imported
"""


@dataclass(frozen=True)
class Way:
    """One way to a machine: seconds from cloud-init's first line."""

    name: str
    jupyter_s: float
    list_s: float


class _Bench:
    """The command line and the embedded AWS under it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment | {"DS_EC2_LOCAL_BOOT_IMAGE": str(image.make(image.Recipe()))}
        self._state = Path(environment["XDG_STATE_HOME"], "ds-ec2", "local")
        self._list = Path(environment["HOME"], "list.txt")
        self._list.write_text("\n".join(PACKAGES) + "\n")

    def ds_ec2(self, *words: str) -> str:
        where = () if words[0] == "local" else ("--local",)
        command = [str(BIN / "ds-ec2"), *where, *words]
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def client(self, service: str) -> Any:
        import boto3

        status = json.loads(self.ds_ec2("local", "status", "--json"))
        make: Any = boto3.client
        return make(service, endpoint_url=status["endpoint_url"], region_name="us-east-1", **_KEYS)

    def changes(self, instance: str) -> Path:
        """Return the folder of what an instance wrote over its image."""
        folder = self._state / "instances" / instance / "changes"
        _wait((folder / "var/log/cloud-init.log").exists)
        return folder

    def article(self) -> Way:
        """Boot an instance as the article does."""
        self.ds_ec2("network", "up", "--yes")
        network = json.loads(self.ds_ec2("network", "show", "--json"))
        with closing(self.client("ec2")) as ec2, closing(self.client("ssm")) as ssm:
            name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
            ec2.start_instances(InstanceIds=[network["way_out_instance"]])
            made = ec2.run_instances(
                ImageId=ssm.get_parameter(Name=name)["Parameter"]["Value"],
                InstanceType="m7i-flex.xlarge",
                MinCount=1,
                MaxCount=1,
                SubnetId=network["subnets"][0],
                SecurityGroupIds=[network["security_group"]],
                UserData=_ARTICLE.format(packages=" ".join(PACKAGES), imports=IMPORTS),
            )
            instance = made["Instances"][0]["InstanceId"]
            told = self.changes(instance) / "var/lib/bench"
            _wait((told / "imported").exists)
            times = [float((told / name).read_text()) for name in ("jupyter", "list")]
            pip = (told / "pip").read_text().split()[1]
            began = _began(self.changes(instance))
            ec2.terminate_instances(InstanceIds=[instance])
        return Way(f"the article's way, pip {pip}", times[0] - began, times[1] - began)

    def ours(self, name: str) -> Way:
        """Make a machine with `up`, on the data volume that is there, if one is."""
        self.ds_ec2("up", "bench", "--packages", str(self._list), "--data-gib", "20", "--wait-ready", "--yes")
        self.ds_ec2("ssh", "bench", "--", f"python -c 'import {IMPORTS}'")
        changes = self.changes(str(self._machine()["instance_id"]))
        stages = json.loads((changes / "var/lib/ds-ec2/status.json").read_text())["stages"]
        [jupyter] = [one["started_at"] + one["seconds"] for one in stages if one["name"] == "jupyter"]
        # The command `python` is there, and its environment is whole.
        command = (changes / "usr/local/bin/python").stat().st_mtime
        whole = json.loads(self.ds_ec2("ssh", "bench", "--", "cat /data/ds-ec2/env/ds-ec2.json"))[
            "applied_at"
        ]
        began = _began(changes)
        return Way(name, jupyter - began, max(command, whole) - began)

    def lose(self, *also: str) -> None:
        """Terminate the machine, as somebody else would; its data volume stays."""
        if also:
            # The compiler that runs in the background would make its folders again.
            self.ds_ec2("ssh", "bench", "--", f"sudo pkill -f [c]ompileall; sudo rm -rf {' '.join(also)}")
        with closing(self.client("ec2")) as ec2:
            ec2.terminate_instances(InstanceIds=[str(self._machine()["instance_id"])])
        _wait(lambda: self._machine()["status"] == "gone")

    def _machine(self) -> dict[str, Any]:
        return dict(json.loads(self.ds_ec2("ls", "--json"))[0])


def ways(environment: dict[str, str]) -> list[Way]:
    """Return the figures, none where this computer cannot boot an instance."""
    if machine.why_not() or not shutil.which("systemd-nspawn"):
        return []
    bench = _Bench(environment)
    try:
        found = [bench.article(), bench.ours("`ds-ec2 up`, nothing cached")]
        bench.lose("/data/ds-ec2/env", "/data/ds-ec2/environments")
        found.append(bench.ours("`ds-ec2 up` again, with uv's cache on the data volume"))
        bench.lose()
        found.append(bench.ours("`ds-ec2 up` again, with its environment on the data volume"))
    finally:
        bench.ds_ec2("local", "stop")
    return found


def _began(changes: Path) -> float:
    """Return when cloud-init wrote its first line, Unix seconds; the guest's clock is UTC."""
    first = (changes / "var/log/cloud-init.log").read_text().partition(" - ")[0]
    return datetime.strptime(first, "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC).timestamp()


def _wait(true: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {_PATIENCE_S:.0f} s")
        time.sleep(0.5)
