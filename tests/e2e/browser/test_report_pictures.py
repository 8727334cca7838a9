"""Pictures of the report, for people to look at: build/screenshots."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("spans", [600, 10_000])
def test_pictures(browse, report_of, screenshot, spans: int, scheme: str) -> None:
    page = browse.file(report_of(spans), scheme=scheme)
    page.get_by_role("region", name="Errors").get_by_role("button").click()
    assert screenshot(page, f"report-{spans}-{scheme}").stat().st_size > 20_000
    narrow = browse.file(report_of(spans), scheme=scheme, width=400, height=800)
    assert screenshot(narrow, f"report-{spans}-{scheme}-narrow").stat().st_size > 10_000
