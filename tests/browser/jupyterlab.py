"""What a person does in JupyterLab: run a cell, type in a terminal."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import CommandLine


class Lab:
    """A JupyterLab behind a tunnel, at the address that `ds-ec2 lab` printed."""

    def __init__(self, url_with_token: str) -> None:
        parts = urlsplit(url_with_token)
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.token = parse_qs(parts.query)["token"][0]

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server's own API."""
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http on loopback
            return json.loads(answer.read() or b"null")

    def run_cell(self, page: Page, name: str, code: str) -> str:
        """Open a new notebook in the browser, run one cell and return what it printed."""
        cell: dict[str, Any] = {
            "cell_type": "code",
            "source": code,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        self.request("PUT", f"/api/contents/{name}", {"type": "notebook", "content": content})
        page.goto(f"{self.base}/lab/tree/{name}?token={self.token}&reset")
        editor = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
        editor.wait_for()
        page.get_by_text("| Idle").first.wait_for()
        editor.click()
        page.keyboard.press("Shift+Enter")
        output = page.locator(".jp-Notebook .jp-OutputArea-output").first
        expect(output).not_to_be_empty(timeout=60_000)
        return output.inner_text()

    def open(self, page: Page) -> tuple[int, int]:
        """Load JupyterLab until its launcher shows; return the bytes and requests that took the tunnel."""
        sizes = []
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        # Of what comes from the browser's own cache, nothing is on the wire.
        network.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
        page.goto(f"{self.base}/lab?token={self.token}&reset")
        page.locator(".jp-Launcher").first.wait_for()
        page.wait_for_load_state("networkidle")
        network.detach()
        return sum(sizes), sum(size > 0 for size in sizes)

    def type_in_terminal(self, page: Page, line: str) -> None:
        """Open a terminal from the launcher and type a line."""
        page.goto(f"{self.base}/lab?token={self.token}&reset")
        page.get_by_title("Start a new terminal session").first.click()
        screen = page.locator(".jp-Terminal .xterm-screen")
        screen.wait_for()
        page.wait_for_timeout(1500)  # the shell's prompt has no event of its own
        screen.click()
        page.keyboard.type(line)
        page.keyboard.press("Enter")


@contextmanager
def open_lab(ds_ec2: CommandLine, name: str) -> Iterator[Lab]:
    """`ds-ec2 lab` in a process, ended with Ctrl-C as a person ends it."""
    with ds_ec2.start("lab", name, "--no-browser") as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S*token=\S+", line):
                break
        else:
            pytest.fail("no address:\n" + "".join(seen))
        try:
            yield Lab(found.group())
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
        assert process.wait(30) == 0, rest
        assert "runs on" in rest
        assert "/h" in rest
