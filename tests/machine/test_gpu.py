"""The GPU signal, through ctypes to a library that is compiled here and answers as NVIDIA's header says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ds_ec2_machine import signals
from ds_ec2_machine.gpu import Gpu, GpuError, Nvml
from ds_ec2_machine.platform import Platform

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
SOURCE = Path(__file__).with_name("fake_nvml.c")
LOST = "15"
MISMATCH = "18"
NOT_SUPPORTED = "3"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(target), str(SOURCE)], check=True)
    return str(target)


@pytest.fixture
def sampler(library: str, monkeypatch: pytest.MonkeyPatch) -> signals.Sampler:
    monkeypatch.setattr("ds_ec2_machine.signals.SIGNALS", {"gpu": signals.SIGNALS["gpu"]})
    found = signals.Sampler(Platform())
    found.nvml = Nvml(library)
    return found


def read(sampler: signals.Sampler) -> tuple[bool, str]:
    (reading,) = sampler.read()
    return reading.busy, reading.value


def test_each_gpu_tells_its_load_its_processes_and_its_memory(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COUNT", "2"), ("PERCENT", "87"), ("PROCESSES", "3"), ("MIB", "16303")):
        monkeypatch.setenv(f"FAKE_{name}", value)
    assert Nvml(library).gpus() == [Gpu(0, 3, 16303), Gpu(87, 3, 16303)]


@pytest.mark.parametrize(("percent", "busy"), [("0", False), ("5", False), ("6", True), ("100", True)])
def test_a_gpu_that_computes_holds(
    sampler: signals.Sampler, monkeypatch: pytest.MonkeyPatch, percent: str, *, busy: bool
) -> None:
    monkeypatch.setenv("FAKE_COUNT", "4")
    monkeypatch.setenv("FAKE_PERCENT", percent)
    assert read(sampler) == (busy, f"{percent} percent, 0 processes, 0 MiB in use")


def test_a_model_that_only_lies_in_memory_holds_nothing(
    sampler: signals.Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PROCESSES", "1")
    monkeypatch.setenv("FAKE_MIB", "20000")
    assert read(sampler) == (False, "0 percent, 1 processes, 20000 MiB in use")


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("HANDLE", LOST, "cannot be read: the GPU has fallen off the bus"),
        ("INIT", MISMATCH, "cannot be read: driver and library are of different versions"),
        ("RATES", "999", "cannot be read: NVML error 999"),
        ("RATES", NOT_SUPPORTED, "does not tell its load, 0 processes, 0 MiB in use"),
    ],
)
def test_what_cannot_be_read_holds_nothing_and_says_so(
    sampler: signals.Sampler, monkeypatch: pytest.MonkeyPatch, call: str, code: str, words: str
) -> None:
    monkeypatch.setenv("FAKE_PERCENT", "100")
    monkeypatch.setenv(f"FAKE_{call}", code)
    assert read(sampler) == (False, words)


def test_a_driver_that_comes_back_is_read_again(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml(library)
    monkeypatch.setenv("FAKE_INIT", "9")
    with pytest.raises(GpuError, match="the driver is not loaded"):
        nvml.gpus()
    monkeypatch.delenv("FAKE_INIT")
    assert len(nvml.gpus()) == 1


def test_without_the_library_there_is_no_gpu(sampler: signals.Sampler) -> None:
    sampler.nvml = Nvml("libnvidia-ml-that-is-not-here.so.1")
    assert read(sampler) == (False, "no GPU")
