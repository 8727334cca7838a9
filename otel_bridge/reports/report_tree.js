// The tree beside its waterfall.
const ReportTree = (() => {
  "use strict";

  /** Handlers: select(node), toggle(node), open(node), key(event) as of TreeGrid, and resized(). */
  function create(handlers) {
    const tree = { grid: null, scene: null, lanes: document.getElementById("lanes") };
    tree.grid = TreeGrid.create({
      ...handlers,
      create: ReportRow.create,
      fill: (row, index) => ReportRow.fill(row, tree.scene, index),
      level: (index) => tree.scene.layout.levels[index],
      isOpen: (node) => {
        const { model, state } = tree.scene;
        return ReportModel.isExpandable(model, node) ? ReportModel.isOpen(model, state, node) : null;
      },
      measured: () => { if (tree.scene) measure(tree); },
    });
    return tree;
  }

  /** Show a scene: see ReportRow.fill; the size of the lane is found here. */
  function show(tree, scene) {
    tree.scene = scene;
    if (tree.grid.unrolled) for (const { drawing } of tree.grid.pool) drawing.removeAttribute("viewBox");
    TreeGrid.show(tree.grid, scene.layout.nodes, scene.active);
  }

  function measure(tree) {
    const style = getComputedStyle(tree.grid.tree);
    const pixels = (name) => parseFloat(style.getPropertyValue(name));
    tree.scene.bar = { top: pixels("--bar-top"), height: pixels("--bar"), line: pixels("--bar-line") };
    tree.scene.width = Math.max(1, tree.lanes.clientWidth);
  }

  /** Put all rows, up to a number, into the document, for paper. Undone by show(). */
  function unroll(tree, most) {
    TreeGrid.unroll(tree.grid, most);
    // Paper is wider or narrower than the window, for which the bars were drawn.
    for (const { drawing } of tree.grid.pool) {
      drawing.setAttribute("viewBox", `0 0 ${tree.scene.width} ${tree.grid.rowHeight}`);
      drawing.setAttribute("preserveAspectRatio", "none");
    }
  }

  return { create, show, unroll };
})();
