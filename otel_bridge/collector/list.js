// The list of traces: it follows what arrives, without moving what is being read.
const TraceList = (() => {
  "use strict";

  /** Milliseconds for which a pointer that moved over the table is taken for that of a reader. */
  const READING = 3000;
  /** Milliseconds between two things that a screen reader is told. */
  const SAID = 10000;
  const SVG = "http://www.w3.org/2000/svg";

  const find = (id) => document.getElementById(id);
  const keyOf = (row) => row.dataset.key;

  /** What otel_bridge.collector.markup.as_json describes. */
  function build(node, space = null) {
    if (typeof node === "string") return document.createTextNode(node);
    const [tag, attributes, ...children] = node;
    const inside = tag === "svg" ? SVG : space;
    const element = inside ? document.createElementNS(inside, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.map((child) => build(child, inside)));
    return element;
  }

  /** Give a row that is there the cells of a newer one, where they differ. */
  function renew(row, newer) {
    const before = row.textContent;
    Object.assign(row.dataset, newer.dataset);
    [...newer.cells].forEach((cell, index) => {
      const old = row.cells[index];
      if (old.isEqualNode(cell)) return;
      const hadFocus = old.contains(document.activeElement);
      old.replaceWith(cell);
      if (hadFocus) cell.querySelector("a, input")?.focus({ preventScroll: true });
    });
    if (row.textContent !== before) flash(row);
  }

  function flash(row) {
    row.classList.remove("fresh");
    void row.offsetWidth; // so that the animation begins again
    row.classList.add("fresh");
  }

  function start(settings) {
    const table = find("traces");
    const body = find("rows");
    let version = settings.version;
    let latest = null;
    let paused = false;
    let moved = -READING;
    let timer = 0;
    let unsaid = 0;
    let said = -SAID;

    const isRead = () => body.rows.length > 0 && (
      performance.now() - moved < READING || body.contains(document.activeElement) ||
      table.getBoundingClientRect().top < 0);

    /** Show what came last; where somebody reads, only in the rows that are there, until they are done. */
    function show(anyway = false) {
      clearTimeout(timer);
      if (!latest) return;
      const there = new Map([...body.rows].map((row) => [keyOf(row), row]));
      const rows = latest.rows.map((node) => build(node));
      const fresh = rows.filter((row) => !there.has(keyOf(row)));
      const isHeld = !anyway && fresh.length + there.size > 0 && changesPlaces(rows) && isRead();
      for (const row of rows) if (there.has(keyOf(row))) renew(there.get(keyOf(row)), row);
      if (isHeld) timer = setTimeout(show, READING);
      else arrange(rows.map((row) => there.get(keyOf(row)) ?? row), fresh);
      const button = find("fresh");
      button.hidden = !isHeld || !fresh.length;
      button.textContent = `Show ${Page.count(fresh.length, "new trace")}`;
      draw();
      Picks.show();
    }

    const changesPlaces = (rows) => rows.length !== body.rows.length ||
      rows.some((row, index) => keyOf(row) !== keyOf(body.rows[index]));

    function arrange(rows, fresh) {
      let place = body.firstElementChild;
      const focused = document.activeElement;
      for (const row of rows) {
        if (row === place) place = place.nextElementSibling;
        else body.insertBefore(row, place);
      }
      while (body.rows.length > rows.length) body.lastElementChild.remove();
      if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
      fresh.forEach(flash);
      table.hidden = !rows.length;
      find("empty").hidden = rows.length > 0;
      find("found").textContent = rows.length ? latest.found : "";
      const older = find("older");
      older.hidden = !latest.older;
      if (latest.older) older.setAttribute("href", latest.older);
      tell(fresh.length);
    }

    function draw() {
      const plot = find("plot");
      const newer = latest.plot ? build(latest.plot) : null;
      if (newer && plot.firstElementChild?.isEqualNode(newer)) return;
      plot.replaceChildren(...(newer ? [newer] : []));
    }

    function tell(number) {
      unsaid += number;
      if (!unsaid || performance.now() - said < SAID) return;
      Page.say(Page.count(unsaid, "new trace"));
      said = performance.now();
      unsaid = 0;
    }

    function status(text) {
      const live = find("live");
      live.textContent = paused ? "paused" : text;
      live.classList.toggle("on", !paused && text === "live");
    }

    table.addEventListener("pointermove", () => { moved = performance.now(); });
    body.addEventListener("focusout", (event) => { if (!body.contains(event.relatedTarget)) setTimeout(show); });
    find("fresh").addEventListener("click", () => {
      show(true);
      scrollTo({ top: 0 });
      body.querySelector(".what a")?.focus({ preventScroll: true });
    });
    if (!settings.live) return;
    const update = (report) => {
      if (paused) return;
      version = report.version;
      latest = report;
      show();
    };
    const asking = ReportLive.start(settings.live, () => version, update, status);
    const pause = find("pause");
    pause.parentElement.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      pause.setAttribute("aria-pressed", String(paused));
      pause.textContent = paused ? "Go on" : "Pause";
      asking.pause(paused);
    });
  }

  /** Up and down go from trace to trace, "/" goes to the search. */
  function keys(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const active = document.activeElement;
    if (event.key === "/" && !active.matches("input, select")) {
      event.preventDefault();
      find("q").focus();
      return;
    }
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const row = step && active.closest("#rows tr");
    if (!row) return;
    event.preventDefault();
    row[step]?.querySelector(active.matches("input") ? "input" : ".what a").focus();
  }

  /** A row and its dot show that they belong together. */
  function point(event, on) {
    const key = event.target.closest("#rows tr")?.dataset.key ?? event.target.closest("#plot a")?.dataset.of;
    if (!key) return;
    for (const other of document.querySelectorAll(`#rows [data-key="${key}"], #plot [data-of="${key}"]`)) {
      other.classList.toggle("hot", on);
    }
  }

  document.addEventListener("keydown", keys);
  document.addEventListener("pointerover", (event) => point(event, true));
  document.addEventListener("pointerout", (event) => point(event, false));

  return { start };
})();

Picks.start();
if (document.getElementById("rows")) TraceList.start(Page.data("settings"));
