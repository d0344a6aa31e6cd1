"""environment.yml, from a small channel of our own: conda's channels are out of reach of the tests."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.machine.conftest import packed
from tests.machine.test_environment import answer, apply, link

from ds_ec2_machine import conda_tool

if TYPE_CHECKING:
    from tests.machine.conftest import Aws, Machine

PYTHON = platform.python_version()
SUBDIR = {"Linux-x86_64": "linux-64", "Linux-aarch64": "linux-aarch64", "Darwin-arm64": "osx-arm64"}.get(
    f"{platform.system()}-{platform.machine()}", "osx-64"
)


def package(
    name: str, version: str, files: dict[str, bytes | Path], **record: Any
) -> tuple[bytes, dict[str, Any]]:
    """Return a conda package (a Path is a symbolic link) and its line of repodata.json.

    Source: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
    """
    told = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": [], **record}
    paths = []
    for path, content in files.items():
        link_type = "softlink" if isinstance(content, Path) else "hardlink"
        data = b"" if isinstance(content, Path) else content
        sha256 = hashlib.sha256(data).hexdigest()
        paths.append({"_path": path, "path_type": link_type, "sha256": sha256, "size_in_bytes": len(data)})
    info = {"info/index.json": told, "info/paths.json": {"paths": paths, "paths_version": 1}}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as archive:
        for path, content in {**files, **{k: json.dumps(v).encode() for k, v in info.items()}}.items():
            entry = tarfile.TarInfo(path)
            if isinstance(content, Path):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
    data = buffer.getvalue()
    sums = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest()}  # noqa: S324 - the format's
    return data, {**told, **sums, "size": len(data)}


def publish(aws: Aws, subdir: str, *packages: tuple[bytes, dict[str, Any]]) -> None:
    """Put a folder of a channel at /conda."""
    lines = {}
    for data, record in packages:
        file = f"{record['name']}-{record['version']}-{record['build']}.tar.bz2"
        aws.files[f"/conda/{subdir}/{file}"] = data
        lines[file] = {**record, "subdir": subdir}
    repodata = {"info": {"subdir": subdir}, "packages": lines, "packages.conda": {}, "repodata_version": 1}
    aws.files[f"/conda/{subdir}/repodata.json"] = json.dumps(repodata).encode()


@pytest.fixture(scope="module")
def channel(applied: Machine) -> str:
    """A channel with this very Python (as a link to it) and a package for it."""
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    home = f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    files: dict[str, bytes | Path] = {"bin/python": base, "bin/python3": base, "pyvenv.cfg": home.encode()}
    python = package("python", PYTHON, files)
    tiny = package(
        "tinyconda",
        "3.1",
        {"site-packages/tinyconda.py": b"ANSWER = 31\n"},
        depends=["python"],
        noarch="python",
    )
    publish(applied.aws, SUBDIR, python)
    publish(applied.aws, "noarch", tiny)
    return f"{applied.aws.url}/conda"


def test_it_is_solved_installed_and_completed_by_pip(applied: Machine, channel: str) -> None:
    text = (
        f"name: any\nchannels:\n  - {channel}\n  - nodefaults\ndependencies:\n"
        "  - python\n  - tinyconda>=3\n  - pip:\n    - -r more.txt\n"
    )
    files = {"environment.yml": text, "more.txt": "tinytool==1.0\n"}
    wish = packed(applied.aws, "conda", "environment.yml", files)
    before = link(applied)
    plan = applied.result("environment-plan", document=wish)
    assert plan["added"]["tinyconda"] == "3.1"
    assert plan["added"]["python"] == PYTHON
    assert link(applied) == before
    told = apply(applied, wish)
    assert told["ok"], told
    code = "import sys, tinyconda, tinytool, jupyterlab; print(tinyconda.ANSWER, tinytool.ANSWER, sys.prefix)"
    assert answer(applied, code) == f"31 42 {applied.root}/data/ds-ec2/env"
    shown = applied.result("environment")
    assert (shown["kind"], shown["packages"]["tinyconda"]) == ("conda", "3.1")


def test_a_lock_has_builds_and_makes_it_again(applied: Machine, channel: str) -> None:
    *lines, last = applied.ask("environment-lock")
    assert last["ok"], last
    text = "\n".join(line["line"] for line in lines)
    sha256 = hashlib.sha256(applied.aws.files["/conda/noarch/tinyconda-3.1-0.tar.bz2"]).hexdigest()
    assert f"\n  - tinyconda=3.1=0  # sha256:{sha256}\n" in text
    assert f"\n  - python={PYTHON}=0  #" in text
    assert '    - "tinytool==1.0 --hash=sha256:' in text
    assert channel in text
    before = applied.result("environment")["packages"]
    told = apply(applied, packed(applied.aws, "conda", "environment.yml", {"environment.yml": text}))
    assert told["ok"], told
    assert applied.result("environment")["packages"] == before


def test_what_the_channel_does_not_have_leaves_the_old_one(applied: Machine, channel: str) -> None:
    before = link(applied)
    text = f"channels: [{channel}]\ndependencies: [tinyconda=99]\n"
    told = apply(applied, packed(applied.aws, "conda", "environment.yml", {"environment.yml": text}))
    assert not told["ok"]
    assert "tinyconda" in told["error"]
    assert link(applied) == before


def test_at_a_first_boot_jupyterlab_answers_before_a_channel_is_asked(applied: Machine, channel: str) -> None:
    folder = link(applied)
    applied.file("/data/ds-ec2/env").unlink()
    shutil.rmtree(folder.parent)
    files = {"environment.yml": f"channels: [{channel}]\ndependencies: [tinyconda]\n"}
    wish = packed(applied.aws, "conda", "environment.yml", files)
    applied.aws.parameters[applied.aws.path("packages")] = wish
    outcome = applied.boot()
    assert outcome.returncode == 0, outcome.stdout
    assert answer(applied, "import tinyconda, jupyterlab; print(tinyconda.ANSWER)") == "31"
    before = link(applied).parent / "before"
    assert before.readlink().name == f"{link(applied).name}-base"


@pytest.mark.parametrize(
    ("spec", "name"), [("python", "python"), ("conda-forge::Python >=3.9", "python"), ("numpy=1.2", "numpy")]
)
def test_names_of_specs(spec: str, name: str) -> None:
    assert conda_tool._name(spec) == name
