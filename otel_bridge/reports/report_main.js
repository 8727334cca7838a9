// What the reader looks at, and what happens where it changes.
const Report = (() => {
  "use strict";

  const { say, count } = Page;
  const get = (id) => document.getElementById(id);
  const VIEWS = ["timeline", "services", "operations", "statements"];
  /** Rows that are printed. */
  const ON_PAPER = 2000;
  /** Milliseconds between what a screen reader says about data that arrive. */
  const QUIET = 30000;
  const announce = ReportUpdate.seldom(say, QUIET);

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
    /** The id of a span that the address names and the trace has not. */
    missing: "",
    search: { text: "", rows: [], found: new Set(), at: -1 },
  };
  const parts = {};

  function begin() {
    get("app").hidden = false;
    parts.tree = ReportTree.create({ select, toggle, open, key, resized: () => { if (app.model) ReportAxis.show(parts.axis); } });
    parts.axis = ReportAxis.create(() => app.view, () => app.model.total, zoom);
    parts.minimap = ReportMinimap.create(() => app.view, zoom);
    parts.tables = VIEWS.slice(1).map((name) => ReportTables.create(get(`panel-${name}`), name, pick));
    parts.choose = Page.tabs(get("tabs"), (id) => choose(id.replace("tab-", "")));
    ReportControls.connect(app, { refresh, zoom, key, find, step, changeFilter, close });
    load(ReportModel.decode(Page.data("report")));
    choose(app.tab);
    fromAddress();
    addEventListener("hashchange", fromAddress);
    addEventListener("beforeprint", () => ReportTree.unroll(parts.tree, ON_PAPER));
    addEventListener("afterprint", refresh);
    if (settings.live) {
      ReportLive.start(settings.live, () => app.model.report.version, update, (text) => {
        Page.setText(get("live"), text);
      });
    }
  }

  /** Show a report. */
  function load(model) {
    app.model = model;
    app.view = app.view || ReportZoom.full(model.total);
    ReportHead.show(model, settings, app.missing, jump);
    parts.tables.forEach((table) => ReportTables.show(table, app.model));
    changeFilter(app.filter);
  }

  /** Show newer data, with everything that the reader chose as it was. */
  function update(report) {
    const before = app.model;
    const after = ReportModel.decode(report);
    const anchor = ReportUpdate.anchor(before, parts.tree.grid);
    ReportUpdate.carry(app, before, after);
    load(after);
    if (app.details) showDetails();
    if (anchor) ReportUpdate.keep(after, parts.tree.grid, anchor);
    if (app.missing) fromAddress();
    announce(`${count(report.trace.spans, "span")} now`);
  }

  /** Lay the tree out anew and draw everything. */
  function refresh() {
    app.layout = ReportModel.layout(app.model, app.state);
    redraw();
    if (climb()) {
      redraw();
      if (app.details) showDetails();
    }
    ReportControls.show(app);
  }

  /** Where the active node was collapsed away, make that active in which it is. A filter hides it only for now. */
  function climb() {
    const { model, state, active } = app;
    const { index } = parts.tree.grid;
    if (active < 0 || index.has(active)) return false;
    let row = ReportModel.rowOf(model, active);
    if (state.shown && state.shown[row] === ReportFilter.HIDDEN) return false;
    while (row >= 0 && !index.has(row) && !index.has(model.count + model.groupOf[row])) row = model.parent[row];
    app.active = row < 0 || index.has(row) ? row : model.count + model.groupOf[row];
    return true;
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
    parts.tree.grid.scroller.scrollTop = 0;
    parts.tree.grid.tree.focus();
  }

  function choose(tab) {
    app.tab = tab;
    parts.choose(`tab-${tab}`);
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
    TreeGrid.reveal(parts.tree.grid, row);
    if (focus) parts.tree.grid.tree.focus({ preventScroll: true });
  }

  /** Make a node the active one. */
  function select(node) {
    app.active = node;
    ReportTree.show(parts.tree, { ...parts.tree.scene, active: node });
    TreeGrid.reveal(parts.tree.grid, node);
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
    TreeGrid.reveal(parts.tree.grid, node);
  }

  function showDetails() {
    if (app.active < 0) return;
    app.details = true;
    const panel = get("details");
    panel.hidden = false;
    ReportDetails.show(panel, app.model, app.state, app.active, { jump: (id) => jump(app.model.ids.get(id)), close, home: settings.home ?? null });
    miss("");
    setAddress(`#s${ReportModel.id(app.model, ReportModel.rowOf(app.model, app.active))}`);
  }

  function setAddress(address) {
    try {
      history.replaceState(null, "", address);
    } catch {
      // Some browsers refuse a reader who walks fast, or a page in a frame. The address is only a help.
    }
  }

  function close() {
    app.details = false;
    get("details").hidden = true;
    setAddress(location.pathname + location.search);
    parts.tree.grid.tree.focus({ preventScroll: true });
    redraw();
  }

  /** Go to the span that the address names. */
  function fromAddress() {
    const found = /^#s([0-9a-f]{16})$/.exec(location.hash);
    const row = found ? app.model.ids.get(found[1]) : undefined;
    if (row !== undefined) jump(row);
    else miss(found ? found[1] : "");
  }

  /** Say that there is no such span, or no more that there is none. */
  function miss(id) {
    if (app.missing === id) return;
    app.missing = id;
    ReportHead.show(app.model, settings, id, jump);
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
