// The tree beside its waterfall: a treegrid of which only what is in sight, and a bit more, is in the document.
const ReportTree = (() => {
  "use strict";

  const get = (id) => document.getElementById(id);

  /**
   * Handlers: select(node) makes a node the active one, toggle(node) opens or shuts it, open(node) shows its
   * details, zoom(view), key(event) gets what the tree has no use for.
   */
  function create(handlers) {
    const parts = {
      tree: get("tree"), scroller: get("scroller"), space: get("space"), rows: get("rows"), lanes: get("lanes"),
    };
    const tree = {
      parts,
      handlers,
      scene: null,
      /** Rows in the document, from index `first` of the layout on. */
      pool: [],
      first: 0,
      drawn: null,
      rowHeight: 24,
      unrolled: false,
    };
    let asked = false;
    const soon = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; draw(tree); });
    };
    parts.scroller.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(() => {
      if (!tree.scene || tree.unrolled) return;
      measure(tree);
      tree.drawn = null;
      handlers.resized();
      soon();
    }).observe(parts.scroller);
    parts.rows.addEventListener("click", (event) => clicked(tree, event));
    parts.rows.addEventListener("dblclick", (event) => {
      const row = rowAt(tree, event);
      if (row && event.target.closest(".label") && !event.target.closest(".twisty")) handlers.toggle(row.node);
    });
    parts.tree.addEventListener("keydown", (event) => { if (event.target === parts.tree) pressed(tree, event); });
    return tree;
  }

  /** Show a scene: see ReportRow.fill; the size of the lane and the indices of nodes are found here. */
  function show(tree, scene) {
    tree.scene = scene;
    if (!scene.layout.index) {
      scene.layout.index = new Map(scene.layout.nodes.map((node, index) => [node, index]));
    }
    measure(tree);
    if (tree.unrolled) for (const { drawing } of tree.pool) drawing.removeAttribute("viewBox");
    tree.unrolled = false;
    const length = scene.layout.nodes.length;
    tree.parts.tree.setAttribute("aria-rowcount", length + 1);
    tree.parts.space.style.height = `${length * tree.rowHeight}px`;
    tree.drawn = null;
    draw(tree);
  }

  function measure(tree) {
    const style = getComputedStyle(tree.parts.tree);
    tree.rowHeight = parseFloat(style.getPropertyValue("--row"));
    tree.scene.bar = {
      top: parseFloat(style.getPropertyValue("--bar-top")),
      height: parseFloat(style.getPropertyValue("--bar")),
      line: parseFloat(style.getPropertyValue("--bar-line")),
    };
    // The lanes lie over the rows without their scroll bar.
    tree.parts.lanes.style.width = "";
    const missing = tree.parts.scroller.offsetWidth - tree.parts.scroller.clientWidth;
    tree.parts.tree.parentElement.style.setProperty("--scrollbar", `${missing}px`);
    tree.scene.width = Math.max(1, tree.parts.lanes.clientWidth);
  }

  /** Fill the rows that are in sight, and half as many above and below. */
  function draw(tree, all = false) {
    const { scene, rowHeight, parts } = tree;
    if (!scene) return;
    const length = scene.layout.nodes.length;
    const height = parts.scroller.clientHeight;
    const spare = Math.ceil(height / rowHeight / 2) + 2;
    const top = Math.floor(parts.scroller.scrollTop / rowHeight);
    const first = all ? 0 : Math.max(0, Math.min(length, top - spare));
    const last = all ? all : Math.max(first, Math.min(length, top + Math.ceil(height / rowHeight) + spare));
    const before = tree.drawn;
    if (before && before.first === first && before.last === last) return;
    place(tree, first, last);
    for (let index = first; index < last; index++) {
      if (!before || index < before.first || index >= before.last) ReportRow.fill(tree.pool[index - first], scene, index);
    }
    parts.rows.style.transform = `translateY(${first * rowHeight}px)`;
    tree.drawn = { first, last };
    pointAtActive(tree);
  }

  /** Have the pool hold as many rows as wanted, those that stay in sight at their place. */
  function place(tree, first, last) {
    const { pool, parts, drawn } = tree;
    const kept = drawn && first < drawn.last && last > drawn.first;
    if (kept) {
      // Rows that left at one end come back at the other: the order in the document is that of the tree.
      while (tree.first < first && pool.length) {
        const row = pool.shift();
        pool.push(row);
        parts.rows.append(row.element);
        tree.first++;
      }
      while (tree.first > first) {
        const row = pool.length && pool.length >= last - first ? pool.pop() : ReportRow.create();
        pool.unshift(row);
        parts.rows.prepend(row.element);
        tree.first--;
      }
    }
    tree.first = first;
    while (pool.length > last - first) pool.pop().element.remove();
    while (pool.length < last - first) {
      const row = ReportRow.create();
      pool.push(row);
      parts.rows.append(row.element);
    }
  }

  /** Tell a screen reader which row is active, as long as it is in the document. */
  function pointAtActive(tree) {
    const index = tree.scene.layout.index.get(tree.scene.active);
    const inside = index !== undefined && tree.drawn && index >= tree.drawn.first && index < tree.drawn.last;
    if (inside) tree.parts.tree.setAttribute("aria-activedescendant", `row-${tree.scene.active}`);
    else tree.parts.tree.removeAttribute("aria-activedescendant");
  }

  /** Scroll a node into sight; into the middle where it was far off. */
  function reveal(tree, node) {
    const index = tree.scene.layout.index.get(node);
    if (index === undefined) return;
    const { scroller } = tree.parts;
    const top = index * tree.rowHeight;
    const height = scroller.clientHeight;
    if (top >= scroller.scrollTop && top + tree.rowHeight <= scroller.scrollTop + height) return;
    const near = top >= scroller.scrollTop - 2 * tree.rowHeight && top <= scroller.scrollTop + height + 2 * tree.rowHeight;
    if (!near) scroller.scrollTop = top - height / 3;
    else scroller.scrollTop = top < scroller.scrollTop ? top : top + tree.rowHeight - height;
    draw(tree);
  }

  function rowAt(tree, event) {
    const element = event.target.closest(".row");
    return tree.pool.find((row) => row.element === element);
  }

  function clicked(tree, event) {
    const row = rowAt(tree, event);
    if (!row) return;
    if (event.target.closest(".twisty.open, .twisty.shut")) {
      tree.handlers.select(row.node);
      tree.handlers.toggle(row.node);
    } else {
      tree.handlers.open(row.node);
    }
    tree.parts.tree.focus({ preventScroll: true });
  }

  function pressed(tree, event) {
    const { scene, handlers } = tree;
    const { nodes, levels, index: indices } = scene.layout;
    if (!nodes.length) return handlers.key(event);
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return handlers.key(event);
    const index = indices.has(scene.active) ? indices.get(scene.active) : 0;
    const node = nodes[index];
    const page = Math.max(1, Math.floor(tree.parts.scroller.clientHeight / tree.rowHeight) - 1);
    const expandable = ReportModel.isGroup(scene.model, node) || ReportModel.hasChildren(scene.model, node);
    const open = ReportModel.isOpen(scene.model, scene.state, node);
    const go = (to) => handlers.select(nodes[Math.max(0, Math.min(nodes.length - 1, to))]);
    const steps = {
      ArrowDown: () => go(indices.has(scene.active) ? index + 1 : 0),
      ArrowUp: () => go(index - 1),
      PageDown: () => go(index + page),
      PageUp: () => go(index - page),
      Home: () => go(0),
      End: () => go(nodes.length - 1),
      Enter: () => handlers.open(node),
      " ": () => handlers.open(node),
      ArrowRight: () => {
        if (expandable && !open) handlers.toggle(node);
        else if (levels[index + 1] > levels[index]) go(index + 1);
      },
      ArrowLeft: () => {
        if (expandable && open) handlers.toggle(node);
        else {
          let above = index - 1;
          while (above >= 0 && levels[above] >= levels[index]) above--;
          if (above >= 0) go(above);
        }
      },
    };
    if (!Object.hasOwn(steps, event.key)) return handlers.key(event);
    event.preventDefault();
    steps[event.key]();
  }

  /** Put all rows, up to a number, into the document: paper does not scroll. Undone by show(). */
  function unroll(tree, most) {
    tree.drawn = null;
    draw(tree, Math.min(most, tree.scene.layout.nodes.length));
    tree.unrolled = true;
    // Paper is wider or narrower than the window, for which the bars were drawn.
    for (const { drawing } of tree.pool) {
      drawing.setAttribute("viewBox", `0 0 ${tree.scene.width} ${tree.rowHeight}`);
      drawing.setAttribute("preserveAspectRatio", "none");
    }
    tree.parts.rows.style.transform = "";
    tree.parts.space.style.height = "auto";
  }

  return { create, show, reveal, unroll };
})();
