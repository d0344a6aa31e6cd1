"""The table of distributions, by row. Amazon Linux and Ubuntu do not run here; their os-release files do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ds_ec2_machine import distributions
from ds_ec2_machine.distributions import DISTRIBUTIONS, closest, here
from ds_ec2_machine.platform import Platform
from ds_ec2_machine.stages import Stage

if TYPE_CHECKING:
    from pathlib import Path

# As the images have them. Source: os-release(5), and the files of the images.
AMAZON = 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n'
JAMMY = (
    'NAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION="22.04.5 LTS (Jammy Jellyfish)"\nID=ubuntu\nID_LIKE=debian\n'
)
NOBLE = 'NAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION="24.04.3 LTS (Noble Numbat)"\nID=ubuntu\nID_LIKE=debian\n'
BOOKWORM = 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nID=debian\n'
TRIXIE = 'NAME="Debian GNU/Linux"\nVERSION_ID="13"\nVERSION="13 (trixie)"\nID=debian\n'
APT = "apt-get -o DPkg::Lock::Timeout=300 "


def system(root: Path, os_release: str, *, deep_learning: bool = False) -> Path:
    """Make the root of a system, as far as its row is found by it."""
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(os_release)
    if deep_learning:
        (root / "opt/dlami/nvme").mkdir(parents=True)
    return root


ROWS = [
    (AMAZON, "ec2-user", "amazon-ssm-agent", "3.12", ["dnf install -y python3.12 python3.12-pip"]),
    (
        JAMMY,
        "ubuntu",
        "snap.amazon-ssm-agent.amazon-ssm-agent",
        "3.10",
        [APT + "update", APT + "install -y python3.10 python3.10-venv"],
    ),
    (
        NOBLE,
        "ubuntu",
        "snap.amazon-ssm-agent.amazon-ssm-agent",
        "3.12",
        [APT + "update", APT + "install -y python3.12 python3.12-venv"],
    ),
    (
        BOOKWORM,
        "admin",
        "amazon-ssm-agent",
        "3.11",
        [APT + "update", APT + "install -y python3.11 python3.11-venv"],
    ),
    (
        TRIXIE,
        "admin",
        "amazon-ssm-agent",
        "3.13",
        [APT + "update", APT + "install -y python3.13 python3.13-venv"],
    ),
]


@pytest.mark.parametrize(("os_release", "user", "agent", "python", "commands"), ROWS)
def test_a_row_is_found_by_os_release(
    tmp_path: Path, os_release: str, user: str, agent: str, python: str, commands: list[str]
) -> None:
    row = here(system(tmp_path, os_release))
    assert row is not None
    assert (row.user, row.agents[0], row.store) == (user, agent, "")
    assert closest(row, "3.12") == python
    assert [command.format(version=python) for command in row.install] == commands


@pytest.mark.parametrize("os_release", [AMAZON, JAMMY, NOBLE])
def test_a_deep_learning_image_differs_by_its_store_alone(tmp_path: Path, os_release: str) -> None:
    row = here(system(tmp_path, os_release, deep_learning=True))
    assert row is not None
    assert row.store == "/opt/dlami/nvme"
    (base,) = [one for one in DISTRIBUTIONS if not one.store and one.version == row.version]
    assert (row.user, row.pythons, row.agents) == (base.user, base.pythons, base.agents)


def test_other_systems_have_no_row(tmp_path: Path) -> None:
    assert here(tmp_path) is None
    assert here(system(tmp_path, "ID=fedora\nVERSION_ID=44\n")) is None


@pytest.mark.parametrize(
    ("wanted", "got"), [("3.9", "3.11"), ("3.11", "3.11"), ("3.14", "3.14"), ("3.15", "3.14")]
)
def test_amazon_linux_has_the_closest_of_four(tmp_path: Path, wanted: str, got: str) -> None:
    row = here(system(tmp_path, AMAZON))
    assert row is not None
    assert closest(row, wanted) == got


def test_the_users_of_all_images_are_looked_for() -> None:
    assert distributions.USERS == ("ec2-user", "ubuntu", "admin")


def test_a_version_that_is_no_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ubuntu 22.04 has Python 3.10 alone; this system's Python stands for it."""
    seams = tmp_path / "platform.json"
    seams.write_text(f'{{"prefix": "{tmp_path}", "supervisor": "child", "os_packages": false}}')
    monkeypatch.setenv("DS_EC2_PLATFORM", str(seams))
    state = tmp_path / "var/lib/ds-ec2"
    state.mkdir(parents=True)
    (state / "settings.json").write_text('{"python": "3.99"}')
    stage = Stage(Platform(), "jupyter", 60)
    found = distributions.python(stage)
    assert f"going on with {found}: Python 3.99 is not among the packages of" in stage.log.read_text()
