// The whole trace in a strip, with the part of it that the lanes show.
const ReportMinimap = (() => {
  "use strict";

  const { duration } = Page;
  const get = (id) => document.getElementById(id);
  const SLIP = 3;

  /** `view()` tells what is shown, `zoom(view)` changes it. */
  function create(view, zoom) {
    const map = {
      box: get("minimap"), canvas: get("minimap-canvas"), left: get("shade-left"), right: get("shade-right"),
      handles: [get("handle-left"), get("handle-right")], model: null, view, zoom,
    };
    new ResizeObserver(() => paint(map)).observe(map.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(map));
    map.box.addEventListener("pointerdown", (event) => pressed(map, event));
    map.box.addEventListener("dblclick", () => zoom(ReportZoom.full(map.model.total)));
    map.box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = 1.0018 ** Math.max(-400, Math.min(400, event.deltaY * [1, 24, 400][event.deltaMode]));
      zoom(ReportZoom.around(view(), timeAt(map, event), factor, map.model.total));
    }, { passive: false });
    map.handles.forEach((handle, end) => handle.addEventListener("keydown", (event) => keyed(map, event, end)));
    return map;
  }

  function show(map, model) {
    const changed = map.model !== model;
    map.model = model;
    if (changed) paint(map);
    const view = map.view();
    const [left, right] = [view.start, view.end].map((time) => (100 * time) / model.total);
    map.left.style.width = `${left}%`;
    map.right.style.width = `${100 - right}%`;
    map.handles.forEach((handle, end) => {
      const time = end ? view.end : view.start;
      handle.style.left = `${end ? right : left}%`;
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", String(Math.round(model.total)));
      handle.setAttribute("aria-valuenow", String(Math.round(time)));
      handle.setAttribute("aria-valuetext", duration(time));
    });
  }

  /** Each span as a thin line, at the height of its place in the tree; failed ones again at the bottom. */
  function paint(map) {
    const { canvas, model, box } = map;
    if (!model) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [box.clientWidth, box.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const colours = colourTable(box);
    const room = height - 8;
    const thick = Math.max(1.5, Math.min(3, room / model.count));
    // Of a large trace as many lines as can be told apart: the longest of those that share a place.
    const every = Math.max(1, Math.floor(model.count / (room * 40)));
    const x = (time) => (time / model.total) * width;
    for (let row = 0; row < model.count; row += every) {
      let longest = row;
      for (let next = row; next < Math.min(row + every, model.count); next++) {
        if (model.duration[next] > model.duration[longest]) longest = next;
      }
      context.fillStyle = colours[ReportModel.serviceOf(model, longest).slot];
      const y = 2 + (room * longest) / model.count;
      context.fillRect(x(model.start[longest]), y, Math.max(1, x(model.duration[longest])), thick);
    }
    context.fillStyle = getComputedStyle(box).getPropertyValue("--error");
    for (const row of model.failures.keys()) {
      context.fillRect(x(model.start[row] + model.duration[row]) - 1.5, height - 5, 3, 5);
    }
  }

  /** The colours of the slots, as the style sheet has them. */
  function colourTable(box) {
    const probe = document.createElement("i");
    box.append(probe);
    const colours = [];
    for (let slot = 0; slot < 12; slot++) {
      probe.className = `s${slot}`;
      colours.push(getComputedStyle(probe).getPropertyValue("--c").trim());
    }
    probe.remove();
    return colours;
  }

  function timeAt(map, event) {
    const box = map.box.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * map.model.total;
  }

  /** Drag a handle, the part that is shown, or mark another part. */
  function pressed(map, event) {
    if (event.button !== 0) return;
    const { total } = map.model;
    const begin = map.view();
    const from = timeAt(map, event);
    const handle = map.handles.indexOf(event.target);
    const inside = from > begin.start && from < begin.end && !ReportZoom.isFull(begin, total);
    let dragged = false;
    const moved = (next) => {
      if (!dragged && Math.abs(next.clientX - event.clientX) < SLIP) return;
      if (!dragged) map.box.setPointerCapture(next.pointerId);
      dragged = true;
      const to = timeAt(map, next);
      if (handle >= 0) map.zoom(ReportZoom.between(to, handle ? begin.start : begin.end, total));
      else if (inside) map.zoom(ReportZoom.shifted(begin, to - from, total));
      else map.zoom(ReportZoom.between(from, to, total));
    };
    const stop = () => {
      map.box.removeEventListener("pointermove", moved);
      map.box.removeEventListener("pointerup", stop);
      map.box.removeEventListener("pointercancel", stop);
    };
    map.box.addEventListener("pointermove", moved);
    map.box.addEventListener("pointerup", stop);
    map.box.addEventListener("pointercancel", stop);
  }

  function keyed(map, event, end) {
    const { total } = map.model;
    const view = map.view();
    const step = (view.end - view.start) / 20;
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, Home: -Infinity, End: Infinity };
    if (!Object.hasOwn(by, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const shortest = Math.min(ReportZoom.SHORTEST, total);
    if (end) map.zoom({ start: view.start, end: Math.max(view.start + shortest, Math.min(total, view.end + by[event.key])) });
    else map.zoom({ start: Math.min(view.end - shortest, Math.max(0, view.start + by[event.key])), end: view.end });
  }

  return { create, show };
})();
