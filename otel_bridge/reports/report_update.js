// What a reader chose, carried over to newer data of the same trace, in which rows have other numbers.
const ReportUpdate = (() => {
  "use strict";

  /** Have `app` mean the same spans, filters and view by `after` as it did by `before`. */
  function carry(app, before, after) {
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
    app.filter = { ...app.filter, ...refiltered(app.filter, before, after) };
    const earlier = Number(BigInt(before.report.trace.start) - BigInt(after.report.trace.start));
    app.view = ReportZoom.isFull(app.view, before.total) ? null
      : ReportZoom.between(app.view.start + earlier, app.view.end + earlier, after.total);
  }

  /** The numbers of services and texts are others in other data. */
  function refiltered({ services, pick }, before, after) {
    const named = (number) => after.services.findIndex(({ name }) => name === before.services[number].name);
    const text = (number) => (number === undefined ? undefined : after.strings.indexOf(before.strings[number]));
    return {
      services: new Set([...services].map(named).filter((number) => number >= 0)),
      pick: pick && { service: named(pick.service), name: text(pick.name), summary: text(pick.summary), text: text(pick.text) },
    };
  }

  /** The span at the top of what is in sight, and how far it is scrolled; null where that is the first one. */
  function anchor(model, { scroller, rowHeight, nodes }) {
    const node = nodes[Math.floor(scroller.scrollTop / rowHeight)];
    if (node === undefined || scroller.scrollTop === 0) return null;
    return { id: ReportModel.id(model, ReportModel.rowOf(model, node)), rest: scroller.scrollTop % rowHeight };
  }

  function keep(model, { scroller, rowHeight, nodes }, { id, rest }) {
    const row = model.ids.get(id);
    const index = nodes.findIndex((node) => ReportModel.rowOf(model, node) === row);
    if (index >= 0) scroller.scrollTop = index * rowHeight + rest;
  }

  /**
   * A function that has a screen reader say a text: the first one at once, of those that follow within `pause`
   * milliseconds only the last, and that at their end.
   */
  function seldom(say, pause) {
    let waiting = null;
    let busy = false;
    const next = () => {
      busy = waiting !== null;
      if (!busy) return;
      say(waiting);
      waiting = null;
      setTimeout(next, pause);
    };
    return (text) => {
      waiting = text;
      if (!busy) next();
    };
  }

  return { carry, anchor, keep, seldom };
})();
