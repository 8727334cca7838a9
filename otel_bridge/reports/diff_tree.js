// The tree of both traces: which of its rows are shown.
const DiffTree = (() => {
  "use strict";

  /**
   * The tree. Handlers: open(node) shows details, isOpen() tells whether there are any, changed(tree) hears of
   * another number of rows.
   */
  function create(model, handlers) {
    const { parts } = model;
    const tree = {
      model, handlers, text: "", only: true, active: -1, visible: [], open: new Set(parts.parent.keys()),
      largest: largestChange(parts), branches: [], grid: null,
      expandable: (node) => tree.branches[node] === 1,
    };
    tree.grid = TreeGrid.create({
      create: DiffRow.create,
      fill: (row, index) => DiffRow.fill(row, tree, index),
      level: (index) => parts.depth[tree.visible[index]],
      isOpen: (node) => (tree.expandable(node) ? tree.open.has(node) : null),
      select: (node) => select(tree, node),
      toggle: (node) => toggle(tree, node),
      open: (node) => { mark(tree, node); handlers.open(node); },
      key: () => {},
      measured: () => {},
      resized: () => {},
    });
    update(tree);
    return tree;
  }

  function largestChange(parts) {
    let largest = 1;
    for (let at = 0; at < parts.total.length; at += 2) {
      largest = Math.max(largest, Math.abs(parts.total[at + 1] - parts.total[at]));
    }
    return largest;
  }

  /** Of each node whether it is shown when open: it differs or matches, or something below it does. */
  function wanted(tree) {
    const { model, text, only } = tree;
    const { parts } = model;
    const count = parts.parent.length;
    const shown = new Uint8Array(count);
    for (let node = count - 1; node >= 0; node--) {
      const mine = text ? model.matches(node, text) : !only || parts.differs[node];
      if (mine) shown[node] = 1;
      if (shown[node] && parts.parent[node] >= 0) shown[parts.parent[node]] = 1;
    }
    return shown;
  }

  /** Find out which rows there are, and draw. */
  function update(tree) {
    const { parts } = tree.model;
    const shown = wanted(tree);
    tree.branches = new Uint8Array(parts.parent.length);
    const visible = [];
    // A node is in sight when the one above it is, and is open.
    const inSight = new Uint8Array(parts.parent.length);
    for (let node = 0; node < parts.parent.length; node++) {
      if (!shown[node]) continue;
      const above = parts.parent[node];
      if (above >= 0) tree.branches[above] = 1;
      if (above < 0 || (inSight[above] && tree.open.has(above))) {
        inSight[node] = 1;
        visible.push(node);
      }
    }
    tree.visible = visible;
    while (tree.active >= 0 && !inSight[tree.active]) tree.active = parts.parent[tree.active];
    TreeGrid.show(tree.grid, visible, tree.active);
    tree.handlers.changed(tree);
  }

  /** Make a node the active one. */
  function mark(tree, node) {
    tree.active = node;
    TreeGrid.show(tree.grid, tree.visible, node);
    TreeGrid.reveal(tree.grid, node);
  }

  function select(tree, node) {
    mark(tree, node);
    // Details that are open follow.
    if (tree.handlers.isOpen()) tree.handlers.open(node);
  }

  /** Make the first row that matches the text the active one. */
  function first(tree) {
    const node = tree.visible.find((one) => tree.model.matches(one, tree.text));
    if (node !== undefined) select(tree, node);
    tree.grid.tree.focus({ preventScroll: true });
  }

  function toggle(tree, node) {
    if (!tree.open.delete(node)) tree.open.add(node);
    update(tree);
  }

  /** Open or shut every node that has something below it. */
  function setAll(tree, open) {
    tree.open = new Set(open ? tree.model.parts.parent.keys() : []);
    update(tree);
  }

  return { create, update, first, setAll };
})();
