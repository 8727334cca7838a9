// The part of the time axis that is shown: {start, end}, in nanoseconds from the start of the trace. No DOM here.
const ReportZoom = (() => {
  "use strict";

  /** Nothing shorter than this is zoomed to. */
  const SHORTEST = 100;
  const MINUTE = 6e10;
  /** Minutes between marks, up to a day. */
  const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
  /** Pixels that a letter of a mark takes. */
  const PER_LETTER = 7;

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
    const text = labels(step, view.end);
    // Far into a long trace, and zoomed in, the texts are long.
    const needed = PER_LETTER * text(view.end).length + 12;
    if (needed > room && width > needed) return ticks(view, width, needed);
    const found = [];
    for (let number = Math.ceil(view.start / step); number * step <= view.end; number++) {
      const time = number * step;
      found.push({ time, label: time === 0 ? "0" : text(time) });
    }
    return found;
  }

  /** What writes times that are multiples of a step. */
  function labels(step, end) {
    if (step >= MINUTE) {
      return (time) => {
        const [hours, minutes] = [Math.floor(time / (60 * MINUTE)), Math.floor(time / MINUTE) % 60];
        return [hours ? `${hours.toLocaleString("en")} h` : "", minutes ? `${minutes} min` : ""].filter(Boolean).join(" ");
      };
    }
    const unit = unitOf(end);
    const digits = Math.max(0, -Math.floor(Math.log10(step / unit.ns) + 1e-9));
    return (time) => `${(time / unit.ns).toFixed(digits)} ${unit.name}`;
  }

  /** 1, 2 or 5 times a power of ten, not less than what is given; of long ones whole minutes, hours or days. */
  function roundStep(least) {
    const whole = LONG_STEPS.find((minutes) => minutes * MINUTE >= least);
    if (least > MINUTE / 2 && whole) return whole * MINUTE;
    if (least > MINUTE) return 24 * 60 * MINUTE * roundStep(least / (24 * 60 * MINUTE));
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
