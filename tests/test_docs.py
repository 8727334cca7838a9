"""The documents: what they name exists, and what exists is named."""

import re
from pathlib import Path

import pytest

from otel_bridge import opts

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def test_every_option_is_documented_and_no_other():
    text = (ROOT / "docs/configuration.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert documented == [option.name for option in opts.OPTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert (
            set(re.findall(r"\bmake ([a-z0-9-]+)\b", document.read_text())) - {"it", "a", "spans"} <= targets
        )
