"""A real headless Chromium for the tests of pages; where there is none they are skipped and say so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser of this machine (Debian's `chromium`, Google Chrome), driven by playwright."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `test`")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, file: Path, *, width: int = 1280, **options: Any) -> Iterator[Any]:
    """`file` in a window of its own, drawn; afterwards the page must have said nothing on the console and asked for nothing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    page.wait_for_function(
        "[...document.querySelectorAll('.plot > div')].every((one) => one.childElementCount || one.closest('details:not([open])'))"
    )
    yield page
    assert [one for one in said if not one.startswith("data:")] == []
    context.close()
