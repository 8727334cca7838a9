// The time axis over the lanes: its marks, and zooming with the wheel and by dragging.
const ReportAxis = (() => {
  "use strict";

  const { make, duration } = Page;
  const get = (id) => document.getElementById(id);
  /** Pixels that a pointer moves before it drags. */
  const SLIP = 4;
  const WHEEL = 1.0018;

  /** `view()` and `total()` tell what is shown, `zoom(view)` changes it. */
  function create(view, total, zoom) {
    const axis = { ruler: get("ruler"), gridlines: get("gridlines"), lanes: get("lanes"), view, total, zoom };
    const scroller = get("scroller");
    axis.ruler.addEventListener("wheel", (event) => wheeled(axis, event, true), { passive: false });
    scroller.addEventListener("wheel", (event) => wheeled(axis, event, false), { passive: false });
    axis.ruler.addEventListener("dblclick", () => zoom(ReportZoom.full(total())));
    for (const element of [axis.ruler, scroller]) {
      element.addEventListener("pointerdown", (event) => pressed(axis, event, element));
    }
    follow(axis, get("tree"));
    return axis;
  }

  /** Draw the marks. */
  function show(axis) {
    const width = Math.max(1, axis.lanes.clientWidth);
    const view = axis.view();
    const ticks = ReportZoom.ticks(view, width);
    const percent = (time) => `${ReportBars.position(time, view, 100)}%`;
    axis.ruler.replaceChildren(...ticks.map(({ time, label }) => {
      const mark = make("span", { className: "mark", textContent: label });
      mark.style.left = percent(time);
      // The last one's text would end beyond the lane.
      if (ReportBars.position(time, view, width) > width - 70 && ticks.length > 1) mark.textContent = "";
      return mark;
    }));
    axis.gridlines.replaceChildren(...ticks.map(({ time }) => {
      const line = make("div", { className: "gridline" });
      line.style.left = percent(time);
      return line;
    }));
  }

  /** The moment below a pointer. */
  function timeAt(axis, event) {
    const box = axis.lanes.getBoundingClientRect();
    const view = axis.view();
    return view.start + ((event.clientX - box.left) / box.width) * (view.end - view.start);
  }

  function isOver(axis, event) {
    const box = axis.lanes.getBoundingClientRect();
    return event.clientX >= box.left && event.clientX <= box.right;
  }

  function wheeled(axis, event, always) {
    const view = axis.view();
    const length = view.end - view.start;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey || (always && Math.abs(event.deltaY) > Math.abs(sideways))) {
      if (!isOver(axis, event)) return;
      axis.zoom(ReportZoom.around(view, timeAt(axis, event), WHEEL ** pixels(event, event.deltaY), axis.total()));
    } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY) && !ReportZoom.isFull(view, axis.total())) {
      axis.zoom(ReportZoom.shifted(view, (pixels(event, sideways) / axis.lanes.clientWidth) * length, axis.total()));
    } else return;
    event.preventDefault();
  }

  /** Wheels count in pixels, lines or pages. */
  function pixels(event, delta) {
    const unit = [1, 24, 400][event.deltaMode];
    return Math.max(-400, Math.min(400, delta * unit));
  }

  function pressed(axis, event, element) {
    if (event.button !== 0 || event.pointerType !== "mouse" || !isOver(axis, event)) return;
    if (element.id === "scroller" && !event.target.closest(".lane")) return;
    const begin = event.clientX;
    const from = timeAt(axis, event);
    const selection = get("selection");
    let dragged = false;
    const moved = (next) => {
      if (!dragged && Math.abs(next.clientX - begin) < SLIP) return;
      if (!dragged) element.setPointerCapture(next.pointerId);
      dragged = true;
      const view = axis.view();
      const to = Math.max(view.start, Math.min(view.end, timeAt(axis, next)));
      const [left, right] = [Math.min(from, to), Math.max(from, to)];
      selection.hidden = false;
      selection.style.left = `${ReportBars.position(left, view, 100)}%`;
      selection.style.width = `${ReportBars.position(right, view, 100) - ReportBars.position(left, view, 100)}%`;
      selection.firstElementChild.textContent = duration(right - left);
    };
    const ended = (next) => {
      stop();
      if (!dragged) return;
      // The click that ends it is no click on a row.
      const swallow = (click) => click.stopPropagation();
      element.addEventListener("click", swallow, true);
      setTimeout(() => element.removeEventListener("click", swallow, true), 0);
      const view = axis.view();
      axis.zoom(ReportZoom.between(from, Math.max(view.start, Math.min(view.end, timeAt(axis, next))), axis.total()));
    };
    const escaped = (next) => { if (next.key === "Escape") stop(); };
    const stop = () => {
      selection.hidden = true;
      element.removeEventListener("pointermove", moved);
      element.removeEventListener("pointerup", ended);
      element.removeEventListener("pointercancel", stop);
      document.removeEventListener("keydown", escaped);
    };
    element.addEventListener("pointermove", moved);
    element.addEventListener("pointerup", ended);
    element.addEventListener("pointercancel", stop);
    document.addEventListener("keydown", escaped);
  }

  /** A line that follows the pointer, with the time below it. */
  function follow(axis, tree) {
    const cursor = get("cursor");
    tree.addEventListener("pointermove", (event) => {
      const over = event.pointerType === "mouse" && isOver(axis, event);
      cursor.hidden = !over;
      if (!over) return;
      const box = axis.lanes.getBoundingClientRect();
      const time = Math.max(0, timeAt(axis, event));
      cursor.style.transform = `translateX(${event.clientX - box.left}px)`;
      cursor.firstElementChild.textContent = duration(time);
      cursor.classList.toggle("late", event.clientX > box.right - 90);
    }, { passive: true });
    tree.addEventListener("pointerleave", () => { cursor.hidden = true; });
  }

  return { create, show };
})();
