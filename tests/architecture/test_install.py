"""What a user of the command line installs: few distributions, few megabytes, and it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_plain_install_is_small_and_names_the_extra_for_local(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    environment = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, ROOT], check=True)
    packages = next((environment / "lib").glob("python*")) / "site-packages"
    distributions = sorted(path.name for path in packages.glob("*.dist-info"))
    megabytes = sum(path.stat().st_size for path in packages.rglob("*") if path.suffix != ".pyc") / 1e6
    assert len(distributions) <= 14, distributions
    assert megabytes <= 45, f"{megabytes:.1f} MB"

    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [environment / "bin" / "ds-ec2", "--local", "ls"],
        env=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "pip install 'ds-ec2[local]'" in run.stderr
