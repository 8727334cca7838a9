// What the reader looks at, and what happens where it changes.
const Report = (() => {
  "use strict";

  const { say, count } = Page;
  const get = (id) => document.getElementById(id);
  const VIEWS = ["timeline", "services", "operations", "statements"];
  /** Rows that are printed. */
  const ON_PAPER = 2000;

  const settings = Page.data("settings") || {};
  const app = {
    model: null,
    view: null,
    tab: "timeline",
    filter: ReportFilter.empty(),
    /** For ReportModel.layout; critical: whether the critical path is drawn. */
    state: { collapsed: new Set(), unfolded: new Set(), folding: true, shown: null, critical: true },
    layout: null,
    active: -1,
    details: false,
    search: { text: "", rows: [], found: new Set(), at: -1 },
  };
  const parts = {};

  function begin() {
    get("app").hidden = false;
    parts.tree = ReportTree.create({ select, toggle, open, key, resized: () => ReportAxis.show(parts.axis) });
    parts.axis = ReportAxis.create(() => app.view, () => app.model.total, zoom);
    parts.minimap = ReportMinimap.create(() => app.view, zoom);
    parts.tables = VIEWS.slice(1).map((name) => ReportTables.create(get(`panel-${name}`), name, pick));
    ReportControls.connect(app, { choose, refresh, zoom, key, find, step, changeFilter, close });
    load(Page.data("report"));
    choose(app.tab);
    fromAddress();
    addEventListener("hashchange", fromAddress);
    addEventListener("beforeprint", () => ReportTree.unroll(parts.tree, ON_PAPER));
    addEventListener("afterprint", refresh);
    if (settings.live) {
      ReportLive.start(settings.live, () => app.model.report.version, update, (text) => {
        const said = get("live");
        if (said && said.textContent !== text) said.textContent = text;
      });
    }
  }

  /** Show the data of a report. */
  function load(report) {
    app.model = ReportModel.decode(report);
    app.view = app.view || ReportZoom.full(app.model.total);
    ReportHead.show(app.model, settings, jump);
    parts.tables.forEach((table) => ReportTables.show(table, app.model));
    changeFilter(app.filter);
  }

  /** Show newer data, with everything that the reader chose as it was. */
  function update(report) {
    const before = app.model;
    const live = get("live") ? get("live").textContent : "";
    const after = ReportModel.decode(report);
    const row = (old) => after.ids.get(ReportModel.id(before, old));
    const moved = (rows) => new Set([...rows].map(row).filter((one) => one !== undefined));
    const group = (node) => after.groupOf[row(ReportModel.rowOf(before, node))] ?? -1;
    const unfolded = [...app.state.unfolded].map((number) => group(before.count + number)).filter((number) => number >= 0);
    app.state.collapsed = moved(app.state.collapsed);
    app.state.unfolded = new Set(unfolded);
    if (app.active >= 0) {
      const isGroup = ReportModel.isGroup(before, app.active);
      app.active = isGroup && group(app.active) >= 0 ? after.count + group(app.active) : row(ReportModel.rowOf(before, app.active)) ?? -1;
    }
    app.filter = { ...app.filter, ...refiltered(before, after) };
    const earlier = Number(BigInt(before.report.trace.start) - BigInt(report.trace.start));
    app.view = ReportZoom.isFull(app.view, before.total) ? null
      : ReportZoom.between(app.view.start + earlier, app.view.end + earlier, after.total);
    const scrolled = anchor(before);
    load(report);
    if (get("live")) get("live").textContent = live;
    if (scrolled) keepAnchor(scrolled);
    say(`${count(report.trace.spans, "span")} now`);
  }

  /** The numbers of services and texts are others in other data. */
  function refiltered(before, after) {
    const named = (number) => after.services.findIndex(({ name }) => name === before.services[number].name);
    const text = (number) => (number === undefined ? undefined : after.strings.indexOf(before.strings[number]));
    const { services, pick: picked } = app.filter;
    return {
      services: new Set([...services].map(named).filter((number) => number >= 0)),
      pick: picked && { service: named(picked.service), name: text(picked.name), summary: text(picked.summary), text: text(picked.text) },
    };
  }

  /** The span at the top of what is in sight, and how far it is scrolled. */
  function anchor(before) {
    const { scroller } = parts.tree.parts;
    const node = app.layout.nodes[Math.floor(scroller.scrollTop / parts.tree.rowHeight)];
    if (node === undefined || scroller.scrollTop === 0) return null;
    return { id: ReportModel.id(before, ReportModel.rowOf(before, node)), rest: scroller.scrollTop % parts.tree.rowHeight };
  }

  function keepAnchor({ id, rest }) {
    const row = app.model.ids.get(id);
    const index = app.layout.nodes.findIndex((node) => ReportModel.rowOf(app.model, node) === row);
    if (index >= 0) parts.tree.parts.scroller.scrollTop = index * parts.tree.rowHeight + rest;
  }

  /** Lay the tree out anew and draw everything. */
  function refresh() {
    app.layout = ReportModel.layout(app.model, app.state);
    redraw();
    ReportControls.show(app);
  }

  function redraw() {
    const { model, layout, state, view, active, search } = app;
    ReportTree.show(parts.tree, {
      model, layout, state, view, active, text: search.text.toLowerCase(), found: search.found,
      current: search.at >= 0 ? search.rows[search.at] : -1,
    });
    ReportAxis.show(parts.axis);
    ReportMinimap.show(parts.minimap, model);
  }

  function zoom(view) {
    app.view = view;
    redraw();
    ReportControls.show(app);
  }

  function changeFilter(filter) {
    app.filter = filter;
    app.state.shown = ReportFilter.apply(app.model, filter);
    ReportHead.filters(app.model, filter, changeFilter);
    find(app.search.text, false);
  }

  /** A row of a table was chosen: show its spans. */
  function pick(table, [service, ...texts]) {
    const filter = ReportFilter.empty();
    if (table === "services") filter.services.add(service);
    else if (table === "operations") filter.pick = { service, name: texts[0] };
    else filter.pick = { service, summary: texts[0], text: texts[1] };
    app.state.collapsed.clear();
    choose("timeline");
    changeFilter(filter);
    parts.tree.parts.scroller.scrollTop = 0;
    parts.tree.parts.tree.focus();
  }

  function choose(tab) {
    app.tab = tab;
    for (const name of VIEWS) {
      get(`panel-${name}`).hidden = name !== tab;
      get(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
      get(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
    }
    document.body.dataset.view = tab;
    if (tab === "timeline" && app.layout) redraw();
  }

  /** Search, and go to the first match where the reader asked for it. */
  function find(text, go = true) {
    const rows = ReportFilter.search(app.model, text, app.state.shown);
    app.search = { text: text.trim(), rows, found: new Set(rows), at: -1 };
    refresh();
    if (go && rows.length) step(1, false);
  }

  /** Go to the next or previous match, from the active span on. */
  function step(by, focus = true) {
    const { rows } = app.search;
    if (!rows.length) return;
    const from = app.active < 0 ? -1 : ReportModel.rowOf(app.model, app.active);
    if (app.search.at < 0) {
      const next = rows.findIndex((row) => row >= from);
      app.search.at = by > 0 ? Math.max(0, next) : (next < 0 ? rows.length : next) - 1;
    } else app.search.at += by;
    app.search.at = (app.search.at + rows.length) % rows.length;
    jump(rows[app.search.at], { focus, details: app.details });
    say(`Match ${app.search.at + 1} of ${rows.length}`);
  }

  /** Go to a span, wherever it is hidden. */
  function jump(row, { focus = true, details = true } = {}) {
    const { model, state } = app;
    if (state.shown && state.shown[row] === ReportFilter.HIDDEN) {
      app.filter = ReportFilter.empty();
      changeFilter(app.filter);
    }
    ReportModel.reveal(model, state, row);
    app.view = ReportZoom.including(app.view, model.start[row], model.start[row] + model.duration[row], model.total);
    if (app.tab !== "timeline") choose("timeline");
    app.active = row;
    if (details) showDetails(); // first, for it leaves the tree less room
    refresh();
    ReportTree.reveal(parts.tree, row);
    if (focus) parts.tree.parts.tree.focus({ preventScroll: true });
  }

  /** Make a node the active one. */
  function select(node) {
    app.active = node;
    ReportTree.show(parts.tree, { ...parts.tree.scene, active: node });
    ReportTree.reveal(parts.tree, node);
    if (app.details) showDetails();
  }

  function toggle(node) {
    const { model, state } = app;
    const [set, member] = ReportModel.isGroup(model, node) ? [state.unfolded, node - model.count] : [state.collapsed, node];
    if (!set.delete(member)) set.add(member);
    refresh();
  }

  function open(node) {
    app.active = node;
    app.details = true;
    showDetails();
    redraw();
    ReportTree.reveal(parts.tree, node);
  }

  function showDetails() {
    if (app.active < 0) return;
    app.details = true;
    const panel = get("details");
    panel.hidden = false;
    ReportDetails.show(panel, app.model, app.state, app.active, { jump, close, home: settings.home ?? null });
    const id = ReportModel.id(app.model, ReportModel.rowOf(app.model, app.active));
    history.replaceState(null, "", `#s${id}`);
  }

  function close() {
    app.details = false;
    get("details").hidden = true;
    history.replaceState(null, "", location.pathname + location.search);
    parts.tree.parts.tree.focus({ preventScroll: true });
    redraw();
  }

  /** Go to the span that the address names. */
  function fromAddress() {
    const found = /^#s([0-9a-f]{16})$/.exec(location.hash);
    const row = found ? app.model.ids.get(found[1]) : undefined;
    if (row !== undefined) jump(row);
  }

  /** The next failed span in the order of the tree. */
  function nextError(by) {
    const rows = [...app.model.failures.keys()];
    if (!rows.length) return;
    const from = app.active < 0 ? -1 : ReportModel.rowOf(app.model, app.active);
    const after = by > 0 ? rows.find((row) => row > from) ?? rows[0] : rows.findLast((row) => row < from) ?? rows[rows.length - 1];
    jump(after);
  }

  /** A key that the tree has no use for. */
  function key(event) {
    const middle = (app.view.start + app.view.end) / 2;
    const tenth = (app.view.end - app.view.start) / 10;
    const { total } = app.model;
    const keys = {
      "+": () => zoom(ReportZoom.around(app.view, middle, 0.5, total)),
      "=": () => zoom(ReportZoom.around(app.view, middle, 0.5, total)),
      "-": () => zoom(ReportZoom.around(app.view, middle, 2, total)),
      "0": () => zoom(ReportZoom.full(total)),
      "/": () => get("search").focus(),
      "?": () => get("help").showModal(),
      n: () => step(1),
      N: () => step(-1),
      e: () => nextError(1),
      E: () => nextError(-1),
      c: () => { app.state.critical = !app.state.critical; refresh(); },
      Escape: () => { if (app.details) close(); },
    };
    const shifted = { ArrowLeft: -tenth, ArrowRight: tenth };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.shiftKey && Object.hasOwn(shifted, event.key)) zoom(ReportZoom.shifted(app.view, shifted[event.key], total));
    else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  }

  begin();
  return { app, jump, zoom, update };
})();
