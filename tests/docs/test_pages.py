"""Every command block of the docs is run, page by page, in a home of its own, as a reader would type it.

Blocks marked `bash` are commands; blocks marked `text` are shown, not run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.conftest import private_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNABLE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    command = shutil.which("ds-ec2", path=private_environment(tmp_path)["PATH"])
    pexpect.run(f"{command} local stop", env=private_environment(tmp_path), timeout=60)


def answer(process: pexpect.spawn[str]) -> str:
    """Do what a reader does: say yes, keep nothing, and end with Ctrl-C what waits for it."""
    transcript = ""
    while True:
        found = process.expect([r"\[y/N\] ", r"\[k/d\] ", r"Ctrl-C closes", pexpect.EOF])
        transcript += (process.before or "") + (process.after if isinstance(process.after, str) else "")
        if found == 3:
            process.close()
            return transcript
        if found == 2:
            process.sendintr()
        else:
            process.sendline("yd"[found])


@pytest.mark.local
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work_in_order(page: Path, home: Path) -> None:
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        process = pexpect.spawn(
            "/bin/bash",
            ["-euo", "pipefail", "-c", block],
            cwd=str(home),
            env=private_environment(home) | {"TERM": "dumb"},
            encoding="utf-8",
            timeout=300,
        )
        transcript = answer(process)
        assert process.exitstatus == 0, f"{block}\n{transcript}"


def test_the_readme_names_the_two_commands_and_they_are_targets_of_the_makefile() -> None:
    named = {
        line.split()[1]
        for block in BLOCK.findall((ROOT / "README.md").read_text())
        for line in block.splitlines()
    }
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named == {"demo", "test"}
    assert named <= targets


def test_the_command_reference_is_what_help_says() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "command_reference.py"), "--check"]
    assert subprocess.run(check, check=False).returncode == 0, "run make docs"


def test_the_permissions_reference_is_the_list() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "permissions_reference.py"), "--check"]
    assert subprocess.run(check, check=False).returncode == 0, "run make docs"


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in [*PAGES, ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md")]
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not broken
