// The buttons and fields around the tree.
const ReportControls = (() => {
  "use strict";

  const { setText } = Page;
  const get = (id) => document.getElementById(id);
  /** Milliseconds that a reader pauses in typing before the search begins. */
  const PAUSE = 120;

  /** Actions: refresh(), zoom(view), key(event), find(text), step(by), changeFilter(filter), close(). */
  function connect(app, actions) {
    const on = (id, act) => get(id).addEventListener("click", act);
    search(actions);
    const tree = (change) => () => { change(app.model, app.state); actions.refresh(); };
    on("collapse-all", tree(ReportModel.collapseAll));
    on("expand-all", tree((model, state) => state.collapsed.clear()));
    on("collapse-one", tree((model, state) => ReportModel.changeDepth(model, state, -1)));
    on("expand-one", tree((model, state) => ReportModel.changeDepth(model, state, 1)));
    on("toggle-fold", tree((model, state) => { state.folding = !state.folding; state.unfolded.clear(); }));
    on("toggle-critical", tree((model, state) => { state.critical = !state.critical; }));
    on("toggle-errors", () => actions.changeFilter({ ...app.filter, errors: !app.filter.errors }));
    on("clear", () => { actions.changeFilter(ReportFilter.empty()); get("tree").focus(); });
    const middle = () => (app.view.start + app.view.end) / 2;
    on("zoom-in", () => actions.zoom(ReportZoom.around(app.view, middle(), 0.5, app.model.total)));
    on("zoom-out", () => actions.zoom(ReportZoom.around(app.view, middle(), 2, app.model.total)));
    on("zoom-reset", () => { actions.zoom(ReportZoom.full(app.model.total)); get("tree").focus(); });
    on("open-help", () => get("help").showModal());
    get("details").addEventListener("keydown", (event) => { if (event.key === "Escape") actions.close(); });
    splitter(actions);
    document.addEventListener("keydown", (event) => {
      const free = event.target === document.body || event.target.closest("button, [role=tabpanel], #details");
      if (free && !event.defaultPrevented && event.target.id !== "tree" && !get("help").open) actions.key(event);
    });
  }

  function search(actions) {
    const field = get("search");
    let timer = 0;
    const now = () => { clearTimeout(timer); actions.find(field.value); };
    field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(now, PAUSE); });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        clearTimeout(timer);
        if (field.value.trim() === field.dataset.done) actions.step(event.shiftKey ? -1 : 1, false);
        else now();
      } else if (event.key === "Escape") {
        field.value = "";
        now();
        get("tree").focus();
      }
    });
    get("next").addEventListener("click", () => actions.step(1, false));
    get("previous").addEventListener("click", () => actions.step(-1, false));
  }

  /** The line between the names and the rest: dragged, or moved by arrows. */
  function splitter(actions) {
    const line = get("splitter");
    const stage = line.closest(".stage");
    const set = (pixels) => {
      const share = Math.max(15, Math.min(75, (100 * pixels) / stage.clientWidth));
      stage.style.setProperty("--label", `${share}cqi`);
      line.setAttribute("aria-valuenow", String(Math.round(share)));
      actions.refresh();
    };
    line.setAttribute("aria-valuemin", "15");
    line.setAttribute("aria-valuemax", "75");
    line.setAttribute("aria-valuenow", "40");
    const position = () => line.getBoundingClientRect().left - stage.getBoundingClientRect().left;
    line.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      line.setPointerCapture(event.pointerId);
      const moved = (next) => set(next.clientX - stage.getBoundingClientRect().left);
      line.addEventListener("pointermove", moved);
      line.addEventListener("lostpointercapture", () => line.removeEventListener("pointermove", moved), { once: true });
    });
    line.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -24, ArrowRight: 24 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      set(position() + by);
    });
  }

  /** Have the controls say how things are. */
  function show(app) {
    const { model, filter, state, view, search: { rows, at, text } } = app;
    const found = !text ? "" : rows.length ? `${at >= 0 ? `${(at + 1).toLocaleString("en")} of ` : ""}${rows.length.toLocaleString("en")}` : "none";
    setText(get("found"), found);
    get("search").dataset.done = text;
    get("next").disabled = get("previous").disabled = !rows.length;
    get("toggle-errors").setAttribute("aria-pressed", String(filter.errors));
    get("toggle-errors").disabled = !model.failures.size && !filter.errors;
    get("toggle-critical").setAttribute("aria-pressed", String(state.critical));
    get("toggle-fold").setAttribute("aria-pressed", String(state.folding));
    get("toggle-fold").disabled = !model.groups.length;
    const whole = ReportZoom.isFull(view, model.total);
    get("zoom-reset").disabled = get("zoom-out").disabled = whole;
    const active = ReportFilter.isActive(filter);
    get("clear").hidden = !active;
    const spans = `${model.count.toLocaleString("en")} spans`;
    get("shown").textContent = active ? `${ReportFilter.matches(state.shown).toLocaleString("en")} of ${spans}`
      : `${app.layout.nodes.length.toLocaleString("en")} rows for ${spans}`;
  }

  return { connect, show };
})();
