"""Opens the browser where there is one."""

from __future__ import annotations

import os
import sys


def open_browser(url: str) -> bool:
    """Open `url` and return whether a browser was there to open it.

    A text browser inside the terminal does not count; neither does a Linux without a display.
    """
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    import webbrowser

    return webbrowser.open(url)
