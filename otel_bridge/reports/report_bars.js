// Bars as paths of SVG, in pixels of a lane. No DOM here.
const ReportBars = (() => {
  "use strict";

  /** Pixels that the shortest bar is wide, so that it is seen. */
  const LEAST = 2;

  /** Where a moment lies, in pixels. */
  function position(time, view, width) {
    return ((time - view.start) / (view.end - view.start)) * width;
  }

  /**
   * A path of rectangles for intervals: [start, end, start, end, ...], sorted by start. What touches in pixels is
   * drawn as one, so the path is never longer than the lane is wide.
   */
  function path(intervals, view, width, top, height, least = LEAST) {
    let drawn = "";
    let left = null;
    let right = 0;
    const finish = () => {
      if (left !== null) drawn += `M${round(left)} ${top}H${round(right)}V${top + height}H${round(left)}Z`;
    };
    for (let index = 0; index < intervals.length; index += 2) {
      if (intervals[index + 1] < view.start || intervals[index] > view.end) continue;
      const from = Math.max(-LEAST, Math.min(width - LEAST, position(intervals[index], view, width)));
      const to = Math.min(width + LEAST, Math.max(position(intervals[index + 1], view, width), from + least));
      if (left !== null && from <= right + 0.5) {
        right = Math.max(right, to);
      } else {
        finish();
        left = from;
        right = to;
      }
    }
    finish();
    return drawn;
  }

  function round(pixels) {
    return Math.round(pixels * 10) / 10;
  }

  /** [start, end] of a row. */
  function interval(model, row) {
    return [model.start[row], model.start[row] + model.duration[row]];
  }

  /** The intervals of a row in which none of its children ran. Kept, for a row is drawn often. */
  function ownTime(model, row) {
    if (!model.own) model.own = new Map();
    let own = model.own.get(row);
    if (!own) {
      own = withoutChildren(model, row);
      model.own.set(row, own);
    }
    return own;
  }

  function withoutChildren(model, row) {
    const [start, end] = interval(model, row);
    const own = [];
    let reached = start;
    for (const child of ReportModel.children(model, row)) {
      const [from, to] = interval(model, child);
      if (from > reached && reached < end) own.push(reached, Math.min(from, end));
      reached = Math.max(reached, to);
    }
    if (reached < end || start === end) own.push(Math.min(reached, end), end);
    return own;
  }

  /** Rows' intervals, sorted by start as siblings are. */
  function together(model, rows) {
    return rows.flatMap((row) => interval(model, row));
  }

  /** Diamonds at moments. */
  function marks(times, view, width, middle) {
    const size = 3.5;
    let drawn = "";
    let last = -Infinity;
    for (const time of times) {
      const at = round(position(time, view, width));
      if (at < -size || at > width + size || at - last < 1) continue;
      last = at;
      drawn += `M${at} ${middle - size}l${size} ${size}l${-size} ${size}l${-size} ${-size}Z`;
    }
    return drawn;
  }

  return { position, path, interval, ownTime, together, marks };
})();
