"""From nothing to JupyterLab in a browser, a second machine beside it, and everything gone at the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.browser.jupyterlab import open_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.conftest import CommandLine

pytestmark = [pytest.mark.browser, pytest.mark.local, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def machines(ds_ec2: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two machines on one network: one with packages, one with none."""
    packages = tmp_path_factory.mktemp("packages") / "requirements.txt"
    packages.write_text("numpy\npandas\n")
    empty = packages.with_name("empty.txt")
    empty.write_text("# nothing beyond JupyterLab\n")
    ds_ec2("up", "work", "--packages", str(packages), "--wait-ready", "--yes")
    ds_ec2("up", "second", "--packages", str(empty), "--yes")
    yield "work", "second"
    for name in ("work", "second"):
        ds_ec2("down", name, "--data", "delete", "--yes", ok=False)
    ds_ec2("network", "down", "--yes", ok=False)


def test_a_cell_computes_and_a_terminal_answers(
    ds_ec2: CommandLine, machines: tuple[str, str], page: Page, artefacts: Path
) -> None:
    seed = time.time_ns() % 1000
    code = (
        "import numpy as np, pandas as pd\n"
        f"frame = pd.DataFrame({{'n': np.arange({seed}, {seed} + 10) ** 2}})\n"
        "print(f\"sum={int(frame['n'].sum())}\")"
    )
    with open_lab(ds_ec2, machines[0]) as lab:
        printed = lab.run_cell(page, "sum.ipynb", code)
        page.screenshot(path=artefacts / "jupyterlab-notebook.png")
        assert printed.strip() == f"sum={sum(n * n for n in range(seed, seed + 10))}"

        lab.type_in_terminal(page, "echo $((6 * 7)) $(whoami) > answer.txt")
        answer = ""
        for _ in range(50):
            page.wait_for_timeout(200)
            names = [entry["name"] for entry in lab.request("GET", "/api/contents/")["content"]]
            if "answer.txt" in names:
                answer = lab.request("GET", "/api/contents/answer.txt")["content"]
            if answer.strip():
                break
        page.screenshot(path=artefacts / "jupyterlab-terminal.png")
        assert page.get_by_text("Jupyter news").count() == 0
        number, user = answer.split()
        assert number == "42"
        assert user != "root"


def test_the_page_is_small_and_comes_once(
    ds_ec2: CommandLine, machines: tuple[str, str], page: Page, record_property: Callable[[str, object], None]
) -> None:
    """Through one Session Manager session come about 0.6 MB/s; the browser's cache is for one port."""
    loads = []
    for _ in range(2):
        with open_lab(ds_ec2, machines[0]) as lab:
            loads.append(lab.open(page))
    record_property("page_loads", loads)
    (first, _), (second, requests) = loads
    assert first < 2_000_000
    assert second < 150_000
    assert requests < 100


def test_both_machines_are_listed_and_reachable(ds_ec2: CommandLine, machines: tuple[str, str]) -> None:
    listed = {machine["name"]: machine for machine in json.loads(ds_ec2("ls", "--json").stdout)}
    assert {name: listed[name]["status"] for name in machines} == dict.fromkeys(machines, "running")
    for name in machines:
        with open_lab(ds_ec2, name) as lab:
            assert "version" in lab.request("GET", "/api")


def test_down_of_one_leaves_the_other_and_the_network_goes_last(
    ds_ec2: CommandLine, machines: tuple[str, str]
) -> None:
    gone = ds_ec2("down", machines[0], "--data", "delete", "--yes")
    assert "Nothing tagged with its name is left" in gone.stdout
    assert ds_ec2("ls").stdout.split() == [machines[1]]
    with open_lab(ds_ec2, machines[1]) as lab:
        assert "version" in lab.request("GET", "/api")

    refused = ds_ec2("network", "down", "--yes", ok=False)
    assert refused.returncode == 1
    assert machines[1] in refused.stderr

    ds_ec2("down", machines[1], "--data", "delete", "--yes")
    ds_ec2("network", "down", "--yes")
    assert ds_ec2("network", "show", ok=False).returncode == 1
    assert json.loads(ds_ec2("ls", "--json").stdout) == []
