// The page of a comparison: reads the data, fills the tables and the tree, shows the details of a row.
const Diff = (() => {
  "use strict";

  const { make, duration } = Page;
  const get = (id) => document.getElementById(id);
  /** Attributes of one part that are shown before the reader asks for more. */
  const MOST_PAIRS = 200;
  const data = Page.data("difference");
  const { home } = Page.data("settings");
  const model = read(data);

  function read(found) {
    const strings = found.strings;
    const attributes = new Map();
    for (const [node, key, before, after, telling] of found.attributes) {
      if (!attributes.has(node)) attributes.set(node, []);
      attributes.get(node).push({ key: strings[key], before: strings[before], after: strings[after], telling });
    }
    const services = found.services.map(([name, slot]) => ({ name: strings[name], slot }));
    const failures = new Map();
    for (const [node, side, text] of found.parts.failures) failures.set(2 * node + side, strings[text]);
    const renamed = new Map(found.parts.renamed.map(([node, service, name]) => [node, `${services[service].name} ${strings[name]}`]));
    const words = found.parts.name.map((name, node) => `${services[found.parts.service[node]].name} ${strings[name]}`.toLowerCase());
    return {
      ...found, strings, attributes, services, failures, renamed,
      matches: (node, text) => text !== "" && words[node].includes(text),
    };
  }

  function operation(service, name, waiting) {
    const { slot, name: of } = model.services[service];
    return make("span", { className: "operation" },
      waiting ? make("span", { className: "faint", textContent: "waiting for " }) : null,
      make("span", { className: `chip s${slot}` }, make("bdi", { textContent: of })),
      " ", make("bdi", { className: "name", textContent: model.strings[name] }));
  }

  const named = (service, name) => `${model.services[service].name} ${model.strings[name]}`;
  const time = (title, value, hint) => ({ title, hint, value, text: (ns) => (ns ? duration(ns) : "·"), number: true });
  const change = (value, hint) => ({ title: "Change", hint, value, text: DiffTables.signed, number: true, toned: true });

  function tables() {
    const [before, after] = model.durations;
    const total = ["in all", duration(before), duration(after), DiffTables.signed(after - before)];
    total.delta = after - before;
    DiffTables.show(get("contributors"), {
      label: "Where the time went", rows: model.contributors, by: 3, total,
      columns: [
        { title: "Operation", value: (row) => named(row[0], row[1]), element: (row) => operation(row[0], row[1], row[2]) },
        time("A", (row) => row[3]), time("B", (row) => row[4]), change((row) => row[4] - row[3]),
      ],
    });
    const counted = (row) => {
      const [one, other] = [row[2], row[3]];
      return one === other ? one.toLocaleString("en") : `${one.toLocaleString("en")} → ${other.toLocaleString("en")}`;
    };
    DiffTables.show(get("operations"), {
      label: "All spans by operation", rows: model.operations, by: 4,
      columns: [
        { title: "Operation", value: (row) => named(row[0], row[1]), element: (row) => operation(row[0], row[1], 0) },
        { title: "Spans", hint: "How often it ran; sorts by the change", value: (row) => row[3] - row[2], text: (_, row) => counted(row), number: true },
        time("Self A", (row) => row[8], "Time in these spans, not in those below them"), time("Self B", (row) => row[9]),
        change((row) => row[9] - row[8], "Of the self time"),
        { title: "Total", hint: "Change of the durations added up", value: (row) => row[7] - row[6], text: DiffTables.signed, number: true, toned: true },
      ],
    });
  }

  const NOTES = {
    "tab-contributors": "what the end waited for; the changes add up to the difference",
    "tab-operations": "self times, also beside the critical path",
  };

  function tabs() {
    const choose = (id) => {
      pick(id);
      get("table-note").textContent = NOTES[id];
    };
    const pick = Page.tabs(get("tabs"), choose);
    choose("tab-contributors");
  }

  /** The details of a part, beside the tree. */
  function open(node) {
    const { parts } = model;
    const panel = get("details");
    const close = make("button", { type: "button", className: "close", textContent: "×", "aria-label": "Close", title: "Close (Esc)" });
    close.addEventListener("click", shut);
    const change = model.changes[parts.change[node]];
    const children = [
      make("div", { className: "top" }, make("h3", {}, operation(parts.service[node], parts.name[node], 0)), close),
      make("p", { className: "faint", textContent: [model.kinds[parts.kind[node]], DiffRow.SPOKEN[change], DiffRow.counts(parts, node)].filter(Boolean).join(" · ") }),
    ];
    if (model.renamed.has(node)) children.push(make("p", { className: "note", textContent: `In A: ${model.renamed.get(node)}` }));
    for (const side of [0, 1]) {
      const failure = model.failures.get(2 * node + side);
      if (failure !== undefined) children.push(make("p", { className: "failure", textContent: `Error in ${"AB"[side]}${failure ? `: ${failure}` : ""}` }));
    }
    children.push(figures(node), ...differing(node), ...links(node));
    panel.replaceChildren(...children);
    panel.hidden = false;
  }

  function figures(node) {
    const { parts } = model;
    const rows = [["Duration", parts.total], ["Self time", parts.self], ["Longest", parts.longest], ["On the path, with all below", parts.way], ["Waiting to begin", parts.waiting]]
      .filter(([title, column]) => !(title === "Longest" && Math.max(parts.spans[2 * node], parts.spans[2 * node + 1]) < 2)
        && (column[2 * node] || column[2 * node + 1] || title === "Duration"))
      .map(([title, column]) => [title, duration(column[2 * node]), duration(column[2 * node + 1]), DiffTables.signed(column[2 * node + 1] - column[2 * node])]);
    rows.push(["Spans below", parts.below[2 * node].toLocaleString("en"), parts.below[2 * node + 1].toLocaleString("en"), ""]);
    const head = make("tr", {}, make("td"), ...["A", "B", "Change"].map((textContent) => make("th", { scope: "col", className: "number", textContent })));
    const body = rows.map(([title, ...cells]) => make("tr", {}, make("th", { scope: "row", textContent: title }), ...cells.map((textContent) => make("td", { className: "number", textContent }))));
    return make("table", { className: "figures" }, make("thead", {}, head), make("tbody", {}, ...body));
  }

  function differing(node) {
    const found = model.attributes.get(node);
    if (!found) return [];
    const row = ({ key, before, after }) => make("div", {},
      make("dt", { textContent: key }),
      make("dd", {}, make("span", { className: "before", textContent: before || "(not set)" }), " → ", make("span", { textContent: after || "(not set)" })));
    return [make("h4", { textContent: "Attributes that differ" }), ...Page.listing(make("dl", { className: "pairs" }), found, MOST_PAIRS, row)];
  }

  function links(node) {
    const found = [];
    model.parts.ids[node].forEach((id, side) => {
      if (!id) return;
      const name = `${"AB"[side]}: span ${id}`;
      const address = home === null ? null : `${home}trace/${[model.a, model.b][side]}#s${id}`;
      found.push(make("li", {}, address ? make("a", { href: address, textContent: name }) : make("code", { textContent: name }), Page.copyButton(id, `span id of ${"AB"[side]}`)));
    });
    return [make("ul", { className: "ids" }, ...found)];
  }

  function shut() {
    get("details").hidden = true;
    get("tree").focus({ preventScroll: true });
  }

  function changed(tree) {
    const [rows, all] = [tree.visible.length, model.parts.parent.length];
    const left = model.leftOut ? `; ${Page.count(model.leftOut, "row")} that differ least are left out` : "";
    Page.setText(get("shown"), (rows === all ? Page.count(all, "row") : `${rows.toLocaleString("en")} of ${Page.count(all, "row")}`) + left);
  }

  function controls(tree) {
    const set = (only) => {
      tree.only = only;
      get("only").setAttribute("aria-pressed", only);
      DiffTree.update(tree);
    };
    get("only").addEventListener("click", () => set(!tree.only));
    get("expand").addEventListener("click", () => DiffTree.setAll(tree, true));
    get("collapse").addEventListener("click", () => DiffTree.setAll(tree, false));
    get("search").addEventListener("input", (event) => { tree.text = event.target.value.trim().toLowerCase(); DiffTree.update(tree); });
    get("search").addEventListener("keydown", (event) => { if (event.key === "Enter") DiffTree.first(tree); });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !get("details").hidden) return shut();
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input")) return;
      if (event.key === "/") { event.preventDefault(); get("search").focus(); }
      if (event.key === "d") set(!tree.only);
    });
    // Where nothing differs there would be nothing to see.
    if (!model.parts.differs.some((differs, node) => differs && model.parts.parent[node] >= 0)) set(false);
  }

  get("app").hidden = false;
  tables();
  tabs();
  const tree = DiffTree.create(model, { open, changed, isOpen: () => !get("details").hidden });
  controls(tree);
  return { model, tree };
})();
