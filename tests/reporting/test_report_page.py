"""The report in a real browser: it opens without an error, and everything on it works with mouse, keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, opened
from report_world import keep, pair_result, report_run

from babyllama.reporting.report_file import save_report

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    runs = [
        report_run(folder / "a", prompt=EVIL),
        report_run(folder / "b", seed=2, name=f"Größe {EVIL}", type="GPT2"),
        report_run(folder / "c", seed=3, type="Qwen3"),
    ]
    keep(runs[0].evaluation, pair_result(0.5, 1, name="</script><b>"), "evil", "blimp")
    runs[2].record.unlink()
    output = folder / "report.html"
    save_report([one.root for one in runs], output)
    return output


def rows(page: Any, caption: str) -> list[list[str]]:
    """The cells of the rows that are seen, of the table called `caption`."""
    figure = page.locator("figure.table", has=page.get_by_text(caption, exact=True)).first
    found: list[list[str]] = figure.evaluate(
        "one => [...one.querySelectorAll('tbody tr')].filter((r) => !r.hidden).map((r) => [...r.cells].map((c) => c.textContent))"
    )
    return found


def test_it_opens_without_an_error_and_shows_every_section(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        titles = page.locator("h2").all_text_contents()
        assert titles == [
            "Summary", "Configuration differences", "Training curves", "Results", "Learning curves", "Samples", "Corpus", "Environment",
        ]  # fmt: skip
        assert page.locator(".problems").text_content().count("run.json is not there") == 1
        assert page.locator(".curve").count() > 10


def test_what_users_wrote_runs_nothing(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        assert page.title() != "owned"
        assert page.locator("img").count() == 0
        assert EVIL in page.locator("h1").inner_text()
        assert EVIL in page.locator("blockquote").first.inner_text()


def test_every_chart_has_words_for_those_who_do_not_see_it(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        names = page.locator("svg[role=img]").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
        assert len(names) == page.locator("figure.chart").count() > 5
        assert all(len(name) > 30 for name in names)
        unnamed = "all => all.filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label'))).length"
        assert page.locator("button, a, summary").evaluate_all(unnamed) == 0


def test_tables_sort_up_and_down_and_back(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        page.locator("#scores-pairs summary").last.click()
        figure = page.locator("#scores-pairs details[open] figure.table").first
        caption = figure.locator("figcaption").inner_text()
        before = rows(page, caption)
        assert len(before) > 9
        head = figure.get_by_role("button", name="accuracy %")
        head.click()
        values = [float(row[1]) for row in rows(page, caption)]
        assert values == sorted(values, reverse=True)
        assert figure.locator("th[aria-sort=descending]").count() == 1
        head.press("Enter")
        assert [float(row[1]) for row in rows(page, caption)] == sorted(values)
        head.click()
        assert rows(page, caption) == before


def test_tables_show_the_rows_that_hold_a_text(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        before = rows(page, "How they were made")
        page.locator("#environment input[type=search]").fill("seed")
        assert [row[0] for row in rows(page, "How they were made")] == ["seed"]
        page.locator("#environment input[type=search]").fill("")
        assert rows(page, "How they were made") == before


def test_the_loss_is_drawn_over_any_axis(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        chart = page.locator("figure.chart", has_text="Block loss").first
        for axis, label in (
            ("steps", "optimizer steps"),
            ("words", "words seen"),
            ("seconds", "seconds of training steps"),
        ):
            chart.get_by_text(axis, exact=True).click()
            assert label in chart.locator("svg[role=img]").text_content()
        assert "1:00" in chart.locator("svg[role=img]").text_content(), "a minute of 60 steps at 500 tokens a second"
        chart.get_by_label("logarithmic axis").check()
        assert chart.locator(".curve").count() == 6


def test_a_chart_is_read_and_zoomed_with_mouse_and_keys(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        chart = page.locator("figure.chart", has_text="Block loss").first
        chart.scroll_into_view_if_needed()
        box = chart.locator(".plot > div").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 300, middle)
        assert "tokens seen" in page.locator("#tip").inner_text()
        assert "held-out" in page.locator("#tip").inner_text()
        ticks = chart.locator("svg[role=img]").text_content()
        page.mouse.down()
        page.mouse.move(box["x"] + 500, middle, steps=5)
        page.mouse.up()
        assert chart.get_by_role("button", name="Whole range").is_visible()
        assert chart.locator("svg[role=img]").text_content() != ticks
        page.mouse.dblclick(box["x"] + 300, middle)
        assert chart.locator("svg[role=img]").text_content() == ticks
        plot = chart.locator(".plot > div")
        plot.focus()
        plot.press("ArrowLeft")
        assert "tokens seen: " in page.locator("#said").inner_text()
        plot.press("+")
        assert chart.locator("svg[role=img]").text_content() != ticks
        plot.press("0")
        assert chart.locator("svg[role=img]").text_content() == ticks


def test_runs_are_hidden_and_shown_in_all_charts(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        before = page.locator(".curve").count()
        button = page.locator(".runs button").first
        button.press("Space")
        assert button.get_attribute("aria-pressed") == "false"
        assert page.locator(".curve").count() < before
        button.press("Space")
        assert page.locator(".curve").count() == before


def test_everything_is_reached_by_the_keyboard(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        kinds = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            kinds.add(
                page.evaluate("document.activeElement.tagName + (document.activeElement.getAttribute('role') || '')")
            )
        assert {"BUTTON", "INPUT", "DIVgroup", "DIVregion"} <= kinds


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report, width=360, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 26)")


def test_colours_can_be_chosen(browser: Any, report: Path) -> None:
    with opened(browser, report, color_scheme="dark") as page:
        seen = []
        for _ in range(3):
            page.locator("#theme").click()
            seen.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert seen == ["rgb(255, 255, 255)", "rgb(21, 23, 26)", "rgb(21, 23, 26)"]


def test_a_look_into_a_model(browser: Any, tmp_path: Path) -> None:
    from evaluation_world import load, save_run

    from babyllama.evaluation.inspection import inspect_text
    from babyllama.reporting.inspect_file import save_inspection

    page_file = tmp_path / "inspect.html"
    save_inspection(inspect_text(load(save_run(tmp_path / "run")), f"The cat sees a dog.\n{EVIL[:40]}"), page_file)
    for width in (1280, 360):
        with opened(browser, page_file, width=width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.locator("#reading .token").nth(2).focus()
            first = page.locator("#expected").inner_text()
            page.keyboard.press("ArrowRight")
            assert page.locator("#expected").inner_text() != first
            assert page.locator("#heads button").count() == 8
            before = page.locator("#matrix canvas").evaluate("one => one.toDataURL()")
            page.get_by_role("button", name="Layer 2, head 3").click()
            assert page.locator("#head-name").inner_text() == "Layer 2, head 3"
            assert page.locator("#matrix canvas").evaluate("one => one.toDataURL()") != before
            page.locator(".lens td").first.hover()
            assert "output" in page.locator("#tip").inner_text()
            assert "owned" not in page.title()
