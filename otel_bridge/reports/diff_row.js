// One row of the tree: elements that are made once and filled again and again while the reader scrolls.
const DiffRow = (() => {
  "use strict";

  const { make, duration } = Page;
  /** Levels that are indented; deeper ones have theirs in digits. */
  const MOST_LEVELS = 24;
  const MARKS = { same: "", multiplied: "×", appeared: "+", vanished: "−", inserted: "›", removed: "‹" };
  const SPOKEN = {
    multiplied: "another number of times", appeared: "only in B", vanished: "only in A",
    inserted: "a level only in B", removed: "a level only in A",
  };

  function create() {
    const cell = (className) => make("div", { className, role: "gridcell" });
    const row = {
      node: -1,
      indent: make("span", { className: "indent" }),
      twisty: make("span", { className: "twisty", "aria-hidden": "true" }),
      mark: make("b", { className: "mark" }),
      sign: make("span", { "aria-hidden": "true" }),
      spoken: make("span", { className: "hidden" }),
      level: make("span", { className: "level faint" }),
      service: make("span", { className: "service" }),
      name: make("span", { className: "name" }),
      times: make("span", { className: "times" }),
      tags: make("span", { className: "tags" }),
      before: cell("number"), after: cell("number"), change: cell("number"), way: cell("number way"),
      bars: make("div", { className: "bars", role: "gridcell" }, make("div", { className: "two-sided", "aria-hidden": "true" }, make("i"))),
    };
    row.mark.append(row.sign, row.spoken);
    const label = make("div", { className: "label", role: "gridcell" },
      row.indent, row.twisty, row.mark, row.level, row.service, row.name, row.times, row.tags);
    row.element = make("div", { role: "row" }, label, row.before, row.after, row.change, row.way, row.bars);
    return row;
  }

  /** Show a part. `scene`: model, visible rows with their levels, open ones, the active one, the text that is sought. */
  function fill(row, scene, index) {
    const { model } = scene;
    const node = scene.visible[index];
    const { parts } = model;
    const change = model.changes[parts.change[node]];
    const service = model.services[parts.service[node]];
    row.element.className = `row s${service.slot} is-${change}${node === scene.active ? " active" : ""}`
      + `${model.matches(node, scene.text) ? " found" : ""}${parts.errors[2 * node + 1] ? " failed" : ""}`;
    const set = (name, value) => row.element.setAttribute(`aria-${name}`, value);
    set("level", parts.depth[node] + 1);
    set("selected", node === scene.active);
    if (scene.expandable(node)) set("expanded", scene.open.has(node));
    else row.element.removeAttribute("aria-expanded");
    const depth = parts.depth[node];
    row.indent.style.setProperty("--level", Math.min(depth, MOST_LEVELS));
    row.level.textContent = depth > MOST_LEVELS ? `${depth} ` : "";
    row.twisty.className = `twisty${scene.expandable(node) ? (scene.open.has(node) ? " open" : " shut") : ""}`;
    row.mark.className = `mark is-${change}`;
    row.sign.textContent = MARKS[change];
    row.mark.title = row.spoken.textContent = SPOKEN[change] || "";
    row.service.textContent = service.name;
    row.name.textContent = model.strings[parts.name[node]];
    row.times.textContent = counts(parts, node);
    tags(row, model, node);
    numbers(row, scene, node);
  }

  function counts(parts, node) {
    const before = parts.spans[2 * node], after = parts.spans[2 * node + 1];
    const times = (count) => `×${count.toLocaleString("en")}`;
    if (before && after && before !== after) return `${times(before)} → ${times(after)}`;
    return Math.max(before, after) > 1 ? times(Math.max(before, after)) : "";
  }

  function tags(row, model, node) {
    const { parts } = model;
    const before = parts.errors[2 * node], after = parts.errors[2 * node + 1];
    const found = [];
    if (after) found.push(["tag bad", after > 1 ? `error ×${after.toLocaleString("en")}` : "error"]);
    else if (before) found.push(parts.spans[2 * node + 1] ? ["tag good", "no error any more"] : ["tag bad", "error"]);
    if (model.renamed.has(node)) found.push(["tag", "renamed"]);
    const telling = model.attributes.get(node)?.filter((one) => one.telling) ?? [];
    for (const one of telling.slice(0, 1)) {
      const short = (text) => (text.length > 20 ? `${text.slice(0, 19)}…` : text) || "–";
      const statement = one.key === "db.query.text" || one.key === "db.statement";
      found.push(["tag warn", statement ? "another statement" : `${one.key.split(".").at(-1)} ${short(one.before)} → ${short(one.after)}`]);
    }
    row.tags.replaceChildren(...found.map(([className, textContent]) => make("span", { className, textContent })));
  }

  function numbers(row, scene, node) {
    const { parts } = scene.model;
    const [before, after] = [parts.total[2 * node], parts.total[2 * node + 1]];
    const delta = after - before, way = parts.way[2 * node + 1] - parts.way[2 * node];
    row.before.textContent = parts.spans[2 * node] ? duration(before) : "";
    row.after.textContent = parts.spans[2 * node + 1] ? duration(after) : "";
    row.change.textContent = DiffTables.signed(delta);
    row.change.className = `number ${DiffTables.tone(delta)}`;
    row.way.textContent = DiffTables.signed(way);
    row.way.className = `number way ${DiffTables.tone(way)}`;
    const stroke = row.bars.firstChild.firstChild;
    stroke.className = DiffTables.tone(delta);
    stroke.style.width = `${Math.min(50, (50 * Math.abs(delta)) / scene.largest)}%`;
  }

  return { create, fill, counts, SPOKEN };
})();
