"""What a real JupyterLab in a real browser does to the idle watch: a quiet tab, a silent cell, a warning."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from tests.browser.jupyterlab import Lab

# A fixture is what its name says.
from tests.chromium import chromium, page  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page
    from tests.machine.conftest import Machine

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RECENT_S = 5
"""Instead of 90 s."""
POLLS_S = 12
"""JupyterLab's pages ask every 10 s."""


@pytest.fixture
def lab(booted: Machine) -> Iterator[Lab]:
    token = booted.result("token")["token"]
    found = Lab(f"http://{booted.address}:8888/lab?token={token}")
    yield found
    for kernel in found.request("GET", "/api/kernels"):
        found.request("DELETE", f"/api/kernels/{kernel['id']}")


def kernels(booted: Machine) -> tuple[bool, str]:
    """Read the watch's own signal."""
    done = booted.python(
        "import json; from ds_ec2_machine import platform, signals",
        f"signals.RECENT_S = {RECENT_S}",
        "sampler = signals.Sampler(platform.Platform())",
        "print(json.dumps(signals.SIGNALS['kernels'](sampler)))",
    )
    busy, value = json.loads(done.stdout)
    return busy, value


def connected(lab: Lab) -> dict[str, Any]:
    (kernel,) = lab.request("GET", "/api/kernels?no_track_activity=1")
    assert kernel["connections"] > 0, "the tab is open"
    return dict(kernel)


def test_an_open_but_quiet_tab_is_idle_and_a_silent_cell_is_not(
    booted: Machine,
    lab: Lab,
    page: Page,  # noqa: F811 - the fixture
) -> None:
    assert lab.run_cell(page, "quiet.ipynb", "print(6 * 7)").strip() == "42"
    before = connected(lab)["last_activity"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1000 * POLLS_S)
    assert [url for url in asked if "/api/kernels?" in url], "it polls"
    assert connected(lab)["last_activity"] == before
    busy, value = kernels(booted)
    assert (busy, value.split(",")[0]) == (False, "0 of 1 busy")

    lab.request("DELETE", f"/api/kernels/{connected(lab)['id']}")
    assert lab.run_cell(page, "silent.ipynb", "print(1)\nimport time\ntime.sleep(600)").strip() == "1"
    before = connected(lab)["last_activity"]
    page.wait_for_timeout(1000 * (RECENT_S + 1))
    kernel = connected(lab)
    assert (kernel["execution_state"], kernel["last_activity"]) == ("busy", before)
    busy, value = kernels(booted)
    assert (busy, value.split(",")[0]) == (True, "1 of 1 busy")


def notice(booted: Machine, text: str, at: float) -> None:
    call = f"labextension.show(platform.Platform(), {text!r}, {at})"
    booted.python("from ds_ec2_machine import labextension, platform", call)


def test_a_warning_is_seen_in_jupyterlab_and_goes_away(
    booted: Machine,
    lab: Lab,
    page: Page,  # noqa: F811 - the fixture
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab.base}/lab?token={lab.token}&reset")
    page.get_by_title("Start a new terminal session").first.wait_for()
    at = time.time() + 600
    here = page.evaluate(
        "at => new Date(1000 * at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })", at
    )
    notice(booted, "This machine stops at {time}, in 10 min: nobody uses it.", at)
    shown = page.get_by_text(f"This machine stops at {here}, in 10 min: nobody uses it.")
    expect(shown.first).to_be_visible(timeout=30_000)
    notice(booted, "", 0)
    expect(shown).to_have_count(0, timeout=30_000)
    assert errors == []
