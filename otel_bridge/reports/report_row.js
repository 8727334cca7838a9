// One row of the tree: elements that are made once and filled again and again while the reader scrolls.
const ReportRow = (() => {
  "use strict";

  const { make, duration, count } = Page;
  const SVG = "http://www.w3.org/2000/svg";
  /** Levels that are indented; deeper ones have theirs in digits. */
  const MOST_LEVELS = 24;

  function create() {
    const row = {
      node: -1,
      indent: make("span", { className: "indent" }),
      twisty: make("span", { className: "twisty", "aria-hidden": "true" }),
      depth: make("span", { className: "level faint" }),
      service: make("span", { className: "service" }),
      name: make("span", { className: "name" }),
      detail: make("span", { className: "detail faint" }),
      times: make("span", { className: "times" }),
      tags: make("span", { className: "tags" }),
      took: make("div", { className: "cell took number", role: "gridcell" }),
      lane: make("div", { className: "cell lane", role: "gridcell" }),
      drawing: null,
      paths: {},
    };
    const drawing = row.drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("aria-hidden", "true");
    for (const name of ["waits", "own", "path", "queue", "event", "away"]) {
      row.paths[name] = document.createElementNS(SVG, "path");
      row.paths[name].setAttribute("class", name);
      drawing.append(row.paths[name]);
    }
    row.lane.append(drawing);
    row.label = make("div", { className: "cell label", role: "gridcell" },
      row.indent, row.twisty, row.depth, row.service, row.name, row.detail, row.times, row.tags);
    row.element = make("div", { role: "row" }, row.label, row.took, row.lane);
    return row;
  }

  /**
   * Show a node. `scene` is what the tree shows: model, layout, state, view, width and height of a lane, search
   * text, found rows, the active node and the current match.
   */
  function fill(row, scene, index) {
    const { model, layout, state } = scene;
    const node = layout.nodes[index];
    const span = ReportModel.rowOf(model, node);
    const group = ReportModel.isGroup(model, node);
    const rows = group ? ReportModel.items(model, state, node) : [span];
    describe(row.element, scene, index, node, span, group);
    row.element.classList.toggle("found", scene.found.size > 0 && rows.some((one) => scene.found.has(one)));
    label(row, scene, index, node, span, rows);
    const total = rows.reduce((sum, one) => sum + model.duration[one], 0);
    const open = !group && ReportModel.isIncomplete(model, span);
    row.took.textContent = open ? "no end" : (group ? "Σ " : "") + duration(total);
    row.lane.setAttribute("aria-label", `starts at ${duration(model.start[span])}`);
    draw(row.paths, scene, span, group, rows);
  }

  function describe(element, scene, index, node, span, group) {
    const { model, layout, state } = scene;
    const expandable = ReportModel.isExpandable(model, node);
    element.className = ["row", `s${ReportModel.serviceOf(model, span).slot}`,
      group ? "group" : "", node === scene.active ? "active" : "",
      !group && ReportModel.isError(model, node) ? "failed" : "",
      state.shown && state.shown[span] === ReportFilter.CONTEXT ? "context" : "",
      node === scene.current ? "current" : ""].join(" ");
    element.setAttribute("aria-level", layout.levels[index]);
    element.setAttribute("aria-setsize", layout.sizes[index]);
    element.setAttribute("aria-posinset", layout.places[index]);
    element.setAttribute("aria-selected", String(node === scene.active));
    if (expandable) element.setAttribute("aria-expanded", String(ReportModel.isOpen(model, state, node)));
    else element.removeAttribute("aria-expanded");
  }

  function label(row, scene, index, node, span, rows) {
    const { model, layout, state } = scene;
    const group = ReportModel.isGroup(model, node);
    const level = layout.levels[index] - 1;
    row.indent.style.setProperty("--level", Math.min(level, MOST_LEVELS));
    row.depth.textContent = level > MOST_LEVELS ? `⋯${level} ` : "";
    const expandable = ReportModel.isExpandable(model, node);
    row.twisty.className = `twisty${!expandable ? "" : ReportModel.isOpen(model, state, node) ? " open" : " shut"}`;
    const service = ReportModel.serviceOf(model, span).name;
    const above = model.parent[span];
    const changes = above < 0 || model.service[above] !== model.service[span];
    row.service.textContent = service;
    // Said to a screen reader on each row, shown where it changes.
    row.service.classList.toggle("hidden", !changes || (group === false && model.groupOf[span] >= 0 && state.folding));
    const name = ReportModel.nameOf(model, span);
    highlight(row.name, name, scene.text);
    row.times.textContent = group ? `×${rows.length.toLocaleString("en")}` : "";
    row.tags.replaceChildren(...tags(scene, node, span, group));
    // Of a group no two need have the same.
    const detail = group ? "" : model.strings[model.detail[span]];
    row.detail.textContent = detail;
    row.label.title = [service, name, detail].filter(Boolean).join("  ");
  }

  function highlight(element, text, wanted) {
    const at = wanted ? text.toLowerCase().indexOf(wanted) : -1;
    if (at < 0) element.textContent = text;
    else {
      const end = at + wanted.length;
      element.replaceChildren(text.slice(0, at), make("mark", { textContent: text.slice(at, end) }), text.slice(end));
    }
  }

  function tags(scene, node, span, group) {
    const { model, state } = scene;
    const found = [];
    if (group) return found;
    if (ReportModel.isError(model, node)) found.push(make("span", { className: "tag bad", textContent: "error" }));
    const below = model.errorsBelow[node];
    if (below && !ReportModel.isOpen(model, state, node)) {
      found.push(make("span", { className: "tag bad", textContent: `${count(below, "error")} below` }));
    }
    if (ReportModel.isOrphan(model, span)) found.push(make("span", { className: "tag", textContent: "parent missing" }));
    for (const text of skew(model, span)) found.push(make("span", { className: "tag", textContent: text }));
    if (ReportModel.isIncomplete(model, span)) found.push(make("span", { className: "tag", textContent: "no end" }));
    return found;
  }

  /** By how much a span lies outside the one above, as only the clocks of their hosts explain it. */
  function skew(model, row) {
    const { early, late } = model.skewed.get(row) || { early: 0, late: 0 };
    return [early ? `${duration(early)} early` : "", late ? `${duration(late)} late` : ""].filter(Boolean);
  }

  function draw(paths, scene, span, group, rows) {
    const { model, view, width, bar } = scene;
    const whole = group ? ReportBars.together(model, rows) : ReportBars.interval(model, span);
    const own = group ? whole : ReportBars.ownTime(model, span);
    paths.waits.setAttribute("d", group ? "" : ReportBars.path(whole, view, width, bar.top, bar.height));
    // Of a short span with children something of both colours is to be seen.
    const least = !group && ReportModel.hasChildren(model, span) ? 0.5 : 2;
    paths.own.setAttribute("d", ReportBars.path(own, view, width, bar.top, bar.height, least));
    paths.path.setAttribute("d", ReportBars.path(critical(scene, rows, model.worked), view, width, bar.top + bar.height, bar.line, 1));
    paths.queue.setAttribute("d", ReportBars.path(critical(scene, rows, model.queued), view, width, bar.top + bar.height, bar.line, 1));
    paths.event.setAttribute("d", group ? "" : ReportBars.marks(eventTimes(model, span), view, width, bar.top + bar.height / 2));
    paths.away.setAttribute("d", away(model, rows, view, width, bar.top + bar.height / 2));
  }

  /** An arrow to where the bar is, of a node that the view leaves out. */
  function away(model, rows, view, width, middle) {
    const start = model.start[rows[0]];
    const end = rows.reduce((latest, row) => Math.max(latest, model.start[row] + model.duration[row]), start);
    if (end < view.start) return `M8 ${middle - 4}L3 ${middle}L8 ${middle + 4}Z`;
    if (start > view.end) return `M${width - 8} ${middle - 4}L${width - 3} ${middle}L${width - 8} ${middle + 4}Z`;
    return "";
  }

  function critical(scene, rows, parts) {
    return scene.state.critical ? rows.flatMap((row) => parts.get(row) || []) : [];
  }

  function eventTimes(model, row) {
    const events = model.events.get(row);
    return events ? events.map(([, time]) => time).sort((one, other) => one - other) : [];
  }

  return { create, fill };
})();
