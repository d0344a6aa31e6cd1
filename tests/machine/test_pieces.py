from __future__ import annotations

import ast
import base64
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ds_ec2_machine import (
    disks,
    docker,
    document,
    environment,
    index,
    loader,
    pack,
    recipes,
    s3,
    status,
    supervisor,
    uv,
)
from ds_ec2_machine.boot import Boot
from ds_ec2_machine.platform import Platform
from ds_ec2_machine.stages import Stage, StageError

if TYPE_CHECKING:
    from tests.machine.conftest import Machine

SOURCES = sorted(Path(pack.__file__).parent.glob("*.py"))
PATH_WITH_SBIN = f"{os.environ['PATH']}:/usr/sbin:/sbin"
has_ext4 = pytest.mark.skipif(
    shutil.which("mkfs.ext4", path=PATH_WITH_SBIN) is None, reason="mkfs.ext4 is not installed"
)


@pytest.fixture
def stage(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("DS_EC2_PLATFORM", str(machine.platform_file))
    monkeypatch.setenv("PATH", PATH_WITH_SBIN)
    return Stage(Platform(), "environment", 5)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_source_is_python_3_9(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 9))


def test_the_loader_can_stand_in_user_data() -> None:
    text = pack.loader_text()
    assert "${" not in text
    assert len(text) < 6500, "user data holds 16 KB in all"
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(pack.bare(Path(loader.__file__).read_text())))


def test_the_code_fits_its_parameters_and_comes_out_the_same() -> None:
    sha256, parts = pack.code()
    assert all(0 < len(part) <= 4096 for part in parts)
    data = lzma.decompress(base64.b64decode("".join(parts)))
    assert hashlib.sha256(data).hexdigest() == sha256
    assert pack.code() == (sha256, parts)


def test_the_application_runs(tmp_path: Path) -> None:
    application = tmp_path / "machine.pyz"
    application.write_bytes(pack.zip_application())
    assert zipfile.is_zipfile(application)
    done = subprocess.run(
        [sys.executable, application, "nonsense"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "unknown verb\n")


def test_packing_leaves_out_comments_and_docstrings_alone() -> None:
    source = '"""Doc."""\nX = "# kept"  # gone\n\n\ndef f() -> None:\n    """Doc\n    more."""\n'
    bare = pack.bare(source)
    assert "Doc" not in bare
    assert "gone" not in bare
    namespace: dict[str, object] = {}
    exec(bare, namespace)  # noqa: S102 - the text above
    assert namespace["X"] == "# kept"
    assert bare.splitlines().index("def f() -> None:") == source.splitlines().index("def f() -> None:")


def test_a_commands_own_last_words_are_the_error(stage: Stage) -> None:
    script = "print('x' * 3000); print('no such package'); raise SystemExit(2)"
    with pytest.raises(StageError) as caught:
        stage.run([sys.executable, "-c", script])
    assert str(caught.value).endswith("no such package")
    assert len(str(caught.value)) == 1000
    assert "x" * 3000 in stage.log.read_text()


def test_a_stage_keeps_its_budget(stage: Stage) -> None:
    short = Stage(stage.platform, "environment", 0.3)
    with pytest.raises(StageError, match="took longer than 0 s"):
        short.run(["sleep", "5"])
    with pytest.raises(StageError, match="the way out: no answer"):
        Stage(stage.platform, "network", 0.3).wait("the way out", _refuse, 0.1)


def test_a_command_out_of_time_ends_with_all_that_it_started(stage: Stage) -> None:
    stage.platform.systemd = True
    started = stage.log.with_name("started")
    short = Stage(stage.platform, "environment", 1.0)
    with pytest.raises(StageError, match="took longer"):
        short.run(["sh", "-c", f"sleep 60 & echo $! >{started}; wait"])
    child = Path(f"/proc/{started.read_text().strip()}/stat")
    until = time.monotonic() + 5
    while (
        child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < until
    ):
        time.sleep(0.05)
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_units_hold_no_secrets_and_their_variables_are_roots(stage: Stage) -> None:
    service = supervisor.Service("x", ["/bin/true"], {"UV_DEFAULT_INDEX": "https://me:hush@example/simple"})
    assert supervisor._write_service(stage.platform, service)
    assert not supervisor._write_service(stage.platform, service)
    unit = stage.platform.file("/etc/systemd/system/ds-ec2-x.service")
    variables = stage.platform.file("/var/lib/ds-ec2/services/x.env")
    assert (unit.stat().st_mode & 0o777, variables.stat().st_mode & 0o777) == (0o644, 0o600)
    assert "hush" not in unit.read_text()
    assert "hush" in variables.read_text()
    other = supervisor.Service("x", ["/bin/true"], {"UV_DEFAULT_INDEX": "https://me:other@example/simple"})
    assert supervisor._write_service(stage.platform, other), "its unit is the same, yet it has to start anew"


def test_a_stage_that_hangs_ends_and_says_so(stage: Stage) -> None:
    def environment(one: Stage) -> None:
        one.run(["sleep", "60"])

    began = time.monotonic()
    reason = Boot(stage.platform)._stage(environment, 0.3)
    assert time.monotonic() - began < 20
    assert reason == "environment took longer than 0 s; see its log"
    (told,) = status.document(stage.platform)["stages"]
    assert (told["name"], told["state"], told["error"]) == ("environment", "failed", reason)
    assert "failed: environment took longer" in stage.log.read_text()


def _refuse() -> bool:
    raise OSError("no answer")


def test_a_long_status_still_fits_its_parameter() -> None:
    stages = [{"name": f"s{n}", "state": "failed", "error": f"{'é' * 900} end {n}"} for n in range(6)]
    text = status.packed({"boot": "b", "stages": stages, "idle": {"why": "x" * 500}})
    assert len(text.encode()) <= 4000
    assert [one["error"][-5:] for one in json.loads(text)["stages"]] == [f"end {n}" for n in range(6)]


def test_pips_settings_are_found_as_pip_finds_them(tmp_path: Path) -> None:
    for name, text in (
        (".pip/pip.conf", "[global]\nindex-url = https://old.example/simple\ntimeout = 5\n"),
        (".config/pip/pip.conf", "[global]\nindex_url = https://one.example/simple\n[list]\nformat = json\n"),
        ("own.conf", "[install]\nextra-index-url =\n  https://two.example/simple\n  https://three.example\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    variables = {"HOME": str(tmp_path), "PIP_FIND_LINKS": "/wheels /more", "PATH": os.environ["PATH"]}
    for file in ("", str(tmp_path / "own.conf"), os.devnull):
        environment = variables | ({"PIP_CONFIG_FILE": file} if file else {})
        command = [sys.executable, "-m", "pip", "config", "list"]
        lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        told = {}
        for section in ("global.", "install.", ":env:."):
            for key, _, value in (line.partition("=") for line in lines.splitlines()):
                if key.startswith(section):
                    told[key[len(section) :]] = ast.literal_eval(value)
        found = index.settings(environment)
        assert {key: found[key] for key in told} == told
        assert found.keys() - told.keys() <= {"config-file"}


def test_pips_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = https://one.example\n")
    with pytest.raises(StageError, match=r"pip's configuration .*pip\.conf: File contains no section"):
        index.settings({"HOME": "/", "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})


def test_pips_configuration_becomes_uvs() -> None:
    options = {
        "index-url": "https://wins.example/simple",
        "extra-index-url": "https://two.example/simple\nhttps://three.example/simple",
        "find-links": "/wheels /more",
        "cert": "/etc/ca.pem",
        "timeout": "180",
    }
    assert index.translated(options) == {
        "UV_DEFAULT_INDEX": "https://wins.example/simple",
        "UV_INDEX": "https://two.example/simple https://three.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert index.translated({}) == {}


def test_a_bucket_is_part_of_the_host_name_on_aws(stage: Stage) -> None:
    platform = stage.platform
    assert s3._address(platform, "b", "s/k") == (platform.seams["aws_endpoint"], "/b/s/k")
    del platform.seams["aws_endpoint"]
    assert s3._address(platform, "b", "s/k") == ("https://b.s3.eu-central-1.amazonaws.com", "/s/k")


def test_uv_is_the_one_of_the_lock() -> None:
    lock = (Path(__file__).parents[2] / "requirements/uv.txt").read_text()
    assert re.search(rf"^uv=={re.escape(uv.VERSION)} ", lock, re.MULTILINE)
    assert [one for one in uv.HASHES if f"sha256:{one}" not in lock] == []


def test_a_units_words_reach_the_program_unchanged(stage: Stage) -> None:
    service = supervisor.Service("x", ["/bin/echo", "50%", 'a "b" $HOME \\'], {"KEY": 'v "w" $x 5%'}, "/data")
    unit = supervisor._unit(stage.platform, service)
    assert 'ExecStart="/bin/echo" "50%%" "a \\"b\\" $$HOME \\\\"' in unit
    assert supervisor._variables(service) == 'KEY="v \\"w\\" \\$x 5%"\n'
    assert "Restart=always" in unit
    assert "User=" not in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(stage: Stage, tmp_path: Path) -> None:
    words = ["/bin/echo", "50%", 'a "b" $HOME \\', "--allow_origin="]
    service = supervisor.Service("x", words, {"KEY": 'v "w" $x 5%'}, "/", as_user=True)
    unit = tmp_path / "ds-ec2-x.service"
    unit.write_text(supervisor._unit(stage.platform, service))
    boot = tmp_path / "ds-ec2-boot.service"
    boot.write_text(supervisor.boot_unit([sys.executable, "/bin/true"]))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit, boot], capture_output=True, text=True, check=False
    )
    assert "ds-ec2-" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@has_ext4
def test_a_blank_disk_is_told_from_one_with_data(stage: Stage, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    assert disks._facts(stage, str(image)) == {}
    stage.run(["mkfs.ext4", "-q", "-L", disks.LABEL, str(image)])
    facts = disks._facts(stage, str(image))
    assert (facts["TYPE"], facts["LABEL"]) == ("ext4", disks.LABEL)


@has_ext4
def test_a_disk_with_something_unknown_is_left_as_it_is(stage: Stage, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(4 << 20)
        file.seek(446)  # a partition table of one entry
        file.write(
            b"\x80\x00\x02\x00\x83\x00\x02\x00" + (1).to_bytes(4, "little") + (8000).to_bytes(4, "little")
        )
        file.seek(510)
        file.write(b"\x55\xaa")
    before = image.read_bytes()
    with pytest.raises(StageError, match="holds partitions"):
        disks._mount(stage, str(image))
    assert image.read_bytes() == before


def test_a_machine_with_nvidias_driver_has_their_dashboard_and_an_environment_of_its_own(
    machine: Machine, stage: Stage
) -> None:
    platform, wish = stage.platform, document.Document("numpy\n", "requirements", "0" * 64, "")
    without = environment.wanted(platform, wish).folder
    assert recipes.DASHBOARD not in recipes.base(platform)
    # As Linux shows it where the driver is loaded; no GPU was seen.
    machine.file("/proc/driver/nvidia/version").write_text("NVRM version: NVIDIA UNIX Open Kernel Module\n")
    assert recipes.base(platform) == (*recipes.BASE, "jupyterlab-nvdashboard")
    assert environment.wanted(platform, wish).folder != without


def test_docker_that_cannot_be_had_says_why(machine: Machine, stage: Stage) -> None:
    if shutil.which("dockerd"):
        pytest.skip("Docker is installed here")
    with pytest.raises(StageError, match="this system's packages are not known"):
        docker.install(stage)
    assert not machine.file("/etc/docker/daemon.json").exists()


def test_where_docker_keeps_its_images_is_the_users_choice(machine: Machine, stage: Stage) -> None:
    settings = machine.file("/etc/docker/daemon.json")
    settings.write_text('{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}')
    assert docker._configure(stage.platform)
    assert json.loads(settings.read_text())["data-root"] == docker.IMAGES
    assert "nvidia" in json.loads(settings.read_text())["runtimes"]
    settings.write_text('{"data-root": "/opt/dlami/nvme/docker"}')
    assert not docker._configure(stage.platform)
    assert json.loads(settings.read_text()) == {"data-root": "/opt/dlami/nvme/docker"}
