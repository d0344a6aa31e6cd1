"""What the folders promise: small files, plain names, nothing of the workplace."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_no_source_file_has_more_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text().splitlines())) > 400}
    assert SOURCES
    assert not long


def test_no_module_is_named_for_what_does_not_fit_elsewhere() -> None:
    assert not [
        p for p in SOURCES if p.stem in {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    ]


def test_imports_go_down_only() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
