// The report's data as columns of numbers, and the tree that is shown of it. No DOM here.
//
// A node is a row's number, or beyond the rows that of a group of alike siblings.
const ReportModel = (() => {
  "use strict";

  const ERROR = 1;
  const INCOMPLETE = 2;
  const ORPHAN = 4;

  /** The data of report_data.document, with what follows from it. */
  function decode(report) {
    const given = report.columns;
    const count = given.parent.length;
    const model = {
      report,
      count,
      strings: report.strings,
      services: report.services.map(([name, slot]) => ({ name: report.strings[name], slot })),
      kinds: report.kinds,
      parent: Int32Array.from(given.parent),
      start: Float64Array.from(given.start),
      duration: Float64Array.from(given.duration),
      self: Float64Array.from(given.self),
      name: Int32Array.from(given.name),
      detail: Int32Array.from(given.detail),
      service: Int32Array.from(given.service),
      kind: Uint8Array.from(given.kind),
      flags: Uint8Array.from(given.flags),
      shape: Int32Array.from(given.shape),
      values: Int32Array.from(given.values),
      depth: new Int32Array(count),
      /** The row after the last one below a row. */
      after: new Int32Array(count),
      errorsBelow: new Int32Array(count),
      /** Where the values of a row begin. */
      offset: new Int32Array(count + 1),
      groups: report.groups,
      groupOf: new Int32Array(count).fill(-1),
      failures: new Map(given.failures.map(([row, type, message]) => [row, { type, message }])),
      orphans: new Map(given.orphans),
      skewed: new Map(given.skewed.map(([row, early, late]) => [row, { early, late }])),
      events: grouped(given.events),
      links: grouped(given.links),
      /** Row -> its parts of the critical path, [start, end, start, end, ...]: `worked`, and `queued` before it began. */
      worked: intervals(report.critical, 0),
      queued: intervals(report.critical, 1),
      total: Math.max(1, report.trace.duration),
      ids: new Map(),
    };
    for (let row = 0; row < count; row++) {
      const above = model.parent[row];
      model.depth[row] = above < 0 ? 0 : model.depth[above] + 1;
      model.offset[row + 1] = model.offset[row] + report.keys[model.shape[row]].length;
      model.ids.set(id(model, row), row);
    }
    for (let row = count - 1; row >= 0; row--) {
      if (!model.after[row]) model.after[row] = row + 1;
      const above = model.parent[row];
      if (above < 0) continue;
      model.after[above] = Math.max(model.after[above], model.after[row]);
      model.errorsBelow[above] += model.errorsBelow[row] + (model.flags[row] & ERROR);
    }
    model.groups.forEach((rows, group) => rows.forEach((row) => { model.groupOf[row] = group; }));
    return model;
  }

  /** Lists that begin with a row's number -> row -> the rests of its lists. */
  function grouped(lists) {
    const found = new Map();
    for (const [row, ...rest] of lists) {
      if (!found.has(row)) found.set(row, []);
      found.get(row).push(rest);
    }
    return found;
  }

  /** Of row, start, end, waiting, row, ... those that waited or did not: row -> [start, end, start, end, ...] */
  function intervals(flat, waiting) {
    const found = new Map();
    for (let index = 0; index < flat.length; index += 4) {
      if (flat[index + 3] !== waiting) continue;
      const row = flat[index];
      if (!found.has(row)) found.set(row, []);
      found.get(row).push(flat[index + 1], flat[index + 2]);
    }
    return found;
  }

  /** The span id of a row. */
  function id(model, row) {
    return model.report.columns.ids.slice(16 * row, 16 * row + 16);
  }

  const nameOf = (model, row) => model.strings[model.name[row]];
  const serviceOf = (model, row) => model.services[model.service[row]];
  const isError = (model, row) => (model.flags[row] & ERROR) !== 0;
  const isIncomplete = (model, row) => (model.flags[row] & INCOMPLETE) !== 0;
  const isOrphan = (model, row) => (model.flags[row] & ORPHAN) !== 0;
  const isGroup = (model, node) => node >= model.count;
  const groupRows = (model, node) => model.groups[node - model.count];
  /** The row that stands for a node: of a group the first. */
  const rowOf = (model, node) => (isGroup(model, node) ? groupRows(model, node)[0] : node);
  const hasChildren = (model, row) => model.after[row] > row + 1;
  /** Whether there is anything below a node. */
  const isExpandable = (model, node) => isGroup(model, node) || hasChildren(model, node);

  /** The rows right below a row; those of the roots for -1. */
  function children(model, row) {
    const found = [];
    const end = row < 0 ? model.count : model.after[row];
    for (let child = row + 1; child < end; child = model.after[child]) found.push(child);
    return found;
  }

  /** [[key, value], ...] as texts: `numbers` are a shape and the values. */
  function pairs(model, shape, numbers) {
    return model.report.keys[shape].map((key, place) => [model.strings[key], model.strings[numbers[place]]]);
  }

  function attributes(model, row) {
    return pairs(model, model.shape[row], model.values.subarray(model.offset[row], model.offset[row + 1]));
  }

  /** The number of the text of an attribute, by the number of its key's; -1 where a row has it not. */
  function attribute(model, row, key) {
    const place = model.report.keys[model.shape[row]].indexOf(key);
    return place < 0 ? -1 : model.values[model.offset[row] + place];
  }

  /**
   * What is shown, from top to bottom: nodes, and of each its level, how many siblings there are, and its place
   * among them.
   *
   * state.collapsed: rows whose children are hidden. state.unfolded: groups whose members are shown.
   * state.folding: whether there are groups at all. state.shown: null, or for each row 0 where it is hidden.
   */
  function layout(model, state) {
    const found = { nodes: [], levels: [], sizes: [], places: [] };
    const stack = [{ items: items(model, state, -1), next: 0, level: 1 }];
    while (stack.length) {
      const frame = stack[stack.length - 1];
      if (frame.next === frame.items.length) {
        stack.pop();
        continue;
      }
      const node = frame.items[frame.next++];
      found.nodes.push(node);
      found.levels.push(frame.level);
      found.sizes.push(frame.items.length);
      found.places.push(frame.next);
      if (isOpen(model, state, node)) stack.push({ items: items(model, state, node), next: 0, level: frame.level + 1 });
    }
    return found;
  }

  /** Whether what is below a node is shown. */
  function isOpen(model, state, node) {
    return isGroup(model, node) ? state.unfolded.has(node - model.count) : hasChildren(model, node) && !state.collapsed.has(node);
  }

  /** The nodes right below a node, as they are shown. */
  function items(model, state, node) {
    const visible = (row) => !state.shown || state.shown[row] !== 0;
    if (node >= 0 && isGroup(model, node)) return groupRows(model, node).filter(visible);
    const rows = children(model, node).filter(visible);
    if (!state.folding) return rows;
    const members = new Map();
    for (const row of rows) {
      const group = model.groupOf[row];
      if (group >= 0) members.set(group, (members.get(group) || 0) + 1);
    }
    if (!members.size) return rows;
    const found = [];
    for (const row of rows) {
      const group = model.groupOf[row];
      if (group < 0 || members.get(group) === 1) found.push(row);
      else if (members.get(group) > 0) {
        found.push(model.count + group);
        members.set(group, -1); // the others of it are below
      }
    }
    return found;
  }

  /** Open what hides a row. */
  function reveal(model, state, row) {
    for (let above = row; above >= 0; above = model.parent[above]) {
      if (above !== row) state.collapsed.delete(above);
      if (model.groupOf[above] >= 0) state.unfolded.add(model.groupOf[above]);
    }
  }

  /** Collapse the deepest level that is open (by < 0), or open the first one that is collapsed. */
  function changeDepth(model, state, by) {
    const hidden = new Uint8Array(model.count);
    const rows = [];
    for (let row = 0; row < model.count; row++) {
      const above = model.parent[row];
      const group = model.groupOf[row];
      const folded = state.folding && group >= 0 && !state.unfolded.has(group);
      hidden[row] = folded || (above >= 0 && (hidden[above] || state.collapsed.has(above))) ? 1 : 0;
      if (!hidden[row] && hasChildren(model, row) && state.collapsed.has(row) === by > 0) rows.push(row);
    }
    const depths = rows.map((row) => model.depth[row]);
    const wanted = depths.reduce((one, other) => (by < 0 ? Math.max(one, other) : Math.min(one, other)), depths[0]);
    for (const row of rows) {
      if (model.depth[row] !== wanted) continue;
      if (by < 0) state.collapsed.add(row);
      else state.collapsed.delete(row);
    }
  }

  function collapseAll(model, state) {
    for (let row = 0; row < model.count; row++) if (hasChildren(model, row)) state.collapsed.add(row);
  }

  return {
    decode, id, nameOf, serviceOf, isError, isIncomplete, isOrphan, isGroup, groupRows, rowOf, hasChildren, isExpandable,
    children,     pairs, attributes, attribute, layout, isOpen, items, reveal, changeDepth, collapseAll,
  };
})();
