// The part of the time axis that is shown: {start, end}, in nanoseconds from the start of the trace. No DOM here.
const ReportZoom = (() => {
  "use strict";

  /** Nothing shorter than this is zoomed to. */
  const SHORTEST = 100;

  function full(total) {
    return { start: 0, end: total };
  }

  function isFull(view, total) {
    return view.start <= 0 && view.end >= total;
  }

  /** A view between two moments in any order, within the trace and not too short. */
  function between(one, other, total) {
    let start = Math.max(0, Math.min(one, other));
    let end = Math.min(total, Math.max(one, other));
    const missing = Math.min(SHORTEST, total) - (end - start);
    if (missing > 0) {
      start = Math.max(0, Math.min(start - missing / 2, total - Math.min(SHORTEST, total)));
      end = start + Math.min(SHORTEST, total);
    }
    return { start, end };
  }

  /** The view made `factor` times as long, with the moment `at` staying where it is. */
  function around(view, at, factor, total) {
    const length = Math.min(total, Math.max(Math.min(SHORTEST, total), (view.end - view.start) * factor));
    const share = (at - view.start) / (view.end - view.start);
    return shifted({ start: at - share * length, end: at + (1 - share) * length }, 0, total);
  }

  /** The view moved by a time, as far as the trace goes. */
  function shifted(view, by, total) {
    const length = view.end - view.start;
    const start = Math.max(0, Math.min(total - length, view.start + by));
    return { start, end: start + length };
  }

  /** The smallest view that shows a span with some room around it, where the view does not show it. */
  function including(view, start, end, total) {
    if (end >= view.start && start <= view.end) return view;
    return shifted(view, (start + end) / 2 - (view.start + view.end) / 2, total);
  }

  /** Marks for the time axis: at round times, each with a text that tells it from its neighbours. */
  function ticks(view, width, room = 90) {
    const step = roundStep(((view.end - view.start) * room) / Math.max(width, room));
    const unit = unitOf(view.end);
    const digits = Math.max(0, -Math.floor(Math.log10(step / unit.ns) + 1e-9));
    const found = [];
    for (let number = Math.ceil(view.start / step); number * step <= view.end; number++) {
      const time = number * step;
      found.push({ time, label: time === 0 ? "0" : `${(time / unit.ns).toFixed(digits)} ${unit.name}` });
    }
    return found;
  }

  /** 1, 2 or 5 times a power of ten, not less than what is given. */
  function roundStep(least) {
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    for (const times of [1, 2, 5]) if (times * power >= least * (1 - 1e-9)) return times * power;
    return 10 * power;
  }

  function unitOf(time) {
    if (time < 1000) return { ns: 1, name: "ns" };
    if (time < 1e6) return { ns: 1e3, name: "µs" };
    if (time < 1e9) return { ns: 1e6, name: "ms" };
    return { ns: 1e9, name: "s" };
  }

  return { SHORTEST, full, isFull, between, around, shifted, including, ticks };
})();
