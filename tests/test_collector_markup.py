"""Elements as HTML and as JSON."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.collector.markup import as_html, as_json, element, name

#: What a parser of HTML does not change by itself.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
attributes = st.dictionaries(st.sampled_from(["href", "class", "title", "value"]), texts)
nodes = st.recursive(
    texts.filter(bool) | st.builds(lambda said: element("input", said), attributes),
    lambda inner: st.builds(
        lambda tag, said, children: element(tag, said, *children),
        st.sampled_from(["p", "a", "svg", "rect", "bdi"]),
        attributes,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


class Reader(HTMLParser):
    """Reads HTML back into what :func:`as_json` gives."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self._open = [self.found]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        made = [tag, {key: value or "" for key, value in attrs}]
        self._open[-1].append(made)
        if tag != "input":
            self._open.append(made)

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        place = self._open[-1]
        if place and isinstance(place[-1], str):
            place[-1] += data
        else:
            place.append(data)


def joined(node):
    """Neighbouring texts are one, as in a document."""
    if isinstance(node, str):
        return node
    made = node[:2]
    for child in map(joined, node[2:]):
        if isinstance(child, str) and len(made) > 2 and isinstance(made[-1], str):
            made[-1] += child
        else:
            made.append(child)
    return made


@given(nodes)
def test_html_and_json_say_the_same(node):
    """Property: whatever texts and attributes are, what is read from the HTML is the JSON."""
    said = as_json(element("div", {}, node))
    assert json.loads(json.dumps(said)) == said
    assert Reader(as_html(element("div", {}, node))).found == [joined(said)]


def test_what_is_none_is_left_out():
    assert as_html(element("p", {"class": None, "hidden": ""}, None, "x")) == "<p hidden>x</p>"


def test_a_name_is_inert_short_and_alone():
    assert as_json(name("a\u202e\x1b")) == ["bdi", {}, "a\\u202e\\x1b"]
    assert as_json(name("")) == ["bdi", {}, "(no name)"]
    assert len(as_json(name("x" * 10_000))[2]) < 300
