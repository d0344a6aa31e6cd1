"""A browser, and where its screenshots are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chromium import chromium, page

__all__ = ["chromium", "page"]
ARTEFACTS = Path(__file__).parents[2] / "artefacts"


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots are kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS
