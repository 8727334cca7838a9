// A treegrid of which only the rows that are in sight, and a few more, are in the document. The focus stays on the
// grid itself, which says by aria-activedescendant which row is meant: rows may come and go.
const TreeGrid = (() => {
  "use strict";

  const get = (id) => document.getElementById(id);

  /**
   * A node is whatever `show` is given; a row is what `create()` makes, with its element. Handlers:
   *   fill(row, index)  has a row show a node
   *   level(index)      how deep a node lies
   *   isOpen(node)      whether what is below it is shown; null where nothing is
   *   select(node)      make it the active one
   *   toggle(node)      show or hide what is below it
   *   open(node)        make it the active one, and show its details
   *   key(event)        a key that the grid has no use for
   *   measured()        the grid has its size, and draws rows next
   *   resized()         the size is another one
   */
  function create(handlers) {
    const grid = {
      tree: get("tree"), scroller: get("scroller"), space: get("space"), rows: get("rows"),
      handlers, nodes: [], index: new Map(), active: -1, rowHeight: 24,
      /** Rows in the document, the first of them for `first` of the nodes; `drawn` are those that are filled. */
      pool: [], first: 0, drawn: null, unrolled: false,
    };
    let asked = false;
    const soon = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; if (!grid.unrolled) draw(grid); });
    };
    grid.scroller.addEventListener("scroll", soon, { passive: true });
    new ResizeObserver(() => {
      if (grid.unrolled) return;
      measure(grid);
      handlers.resized();
      grid.drawn = null;
      soon();
    }).observe(grid.scroller);
    grid.rows.addEventListener("click", (event) => clicked(grid, event));
    grid.rows.addEventListener("dblclick", (event) => {
      const row = rowAt(grid, event);
      const onTwisty = event.target.closest(".twisty");
      if (row && !onTwisty && event.target.closest(".label") && handlers.isOpen(row.node) !== null) handlers.toggle(row.node);
    });
    grid.tree.addEventListener("keydown", (event) => { if (event.target === grid.tree) pressed(grid, event); });
    return grid;
  }

  /** Show these nodes, of which one, or none, is the active one. */
  function show(grid, nodes, active) {
    if (grid.nodes !== nodes) {
      grid.nodes = nodes;
      grid.index = new Map(nodes.map((node, index) => [node, index]));
      grid.tree.setAttribute("aria-rowcount", nodes.length + 1);
    }
    grid.active = active;
    grid.unrolled = false;
    measure(grid);
    grid.drawn = null;
    draw(grid);
  }

  function measure(grid) {
    grid.rowHeight = parseFloat(getComputedStyle(grid.tree).getPropertyValue("--row"));
    grid.space.style.height = `${grid.nodes.length * grid.rowHeight}px`;
    // What is beside the scroller ends where its scroll bar begins.
    const missing = grid.scroller.offsetWidth - grid.scroller.clientWidth;
    grid.tree.parentElement.style.setProperty("--scrollbar", `${missing}px`);
    grid.handlers.measured();
  }

  /** Fill the rows that are in sight, and half as many above and below; or the first `all` ones. */
  function draw(grid, all = 0) {
    const { scroller, rowHeight, drawn: before } = grid;
    const length = grid.nodes.length;
    const height = scroller.clientHeight;
    const spare = Math.ceil(height / rowHeight / 2) + 2;
    const top = Math.floor(scroller.scrollTop / rowHeight);
    const first = all ? 0 : Math.max(0, Math.min(length, top - spare));
    const last = all || Math.max(first, Math.min(length, top + Math.ceil(height / rowHeight) + spare));
    if (before && before.first === first && before.last === last) return;
    place(grid, first, last);
    for (let index = first; index < last; index++) {
      if (before && index >= before.first && index < before.last) continue;
      const row = grid.pool[index - first];
      row.node = grid.nodes[index];
      row.element.id = `row-${row.node}`;
      row.element.setAttribute("aria-rowindex", index + 2);
      grid.handlers.fill(row, index);
    }
    grid.rows.style.transform = `translateY(${first * rowHeight}px)`;
    grid.drawn = { first, last };
    pointAtActive(grid);
  }

  /** Have the pool hold as many rows as wanted, those that stay in sight at their place. */
  function place(grid, first, last) {
    const { pool, rows, drawn, handlers } = grid;
    const kept = drawn && first < drawn.last && last > drawn.first;
    if (kept) {
      // Rows that left at one end come back at the other: the order in the document is that of the tree.
      while (grid.first < first && pool.length) {
        const row = pool.shift();
        pool.push(row);
        rows.append(row.element);
        grid.first++;
      }
      while (grid.first > first) {
        const row = pool.length && pool.length >= last - first ? pool.pop() : handlers.create();
        pool.unshift(row);
        rows.prepend(row.element);
        grid.first--;
      }
    }
    grid.first = first;
    while (pool.length > last - first) pool.pop().element.remove();
    while (pool.length < last - first) {
      const row = handlers.create();
      pool.push(row);
      rows.append(row.element);
    }
  }

  /** Tell a screen reader which row is active, as long as it is in the document. */
  function pointAtActive(grid) {
    const index = grid.index.get(grid.active);
    const inside = index !== undefined && grid.drawn && index >= grid.drawn.first && index < grid.drawn.last;
    if (inside) grid.tree.setAttribute("aria-activedescendant", `row-${grid.active}`);
    else grid.tree.removeAttribute("aria-activedescendant");
  }

  /** Scroll a node into sight; into the middle where it was far off. */
  function reveal(grid, node) {
    const index = grid.index.get(node);
    if (index === undefined) return;
    const { scroller, rowHeight } = grid;
    const top = index * rowHeight;
    const height = scroller.clientHeight;
    if (top >= scroller.scrollTop && top + rowHeight <= scroller.scrollTop + height) return;
    const near = top >= scroller.scrollTop - 2 * rowHeight && top <= scroller.scrollTop + height + 2 * rowHeight;
    if (!near) scroller.scrollTop = top - height / 3;
    else scroller.scrollTop = top < scroller.scrollTop ? top : top + rowHeight - height;
    draw(grid);
  }

  function rowAt(grid, event) {
    const element = event.target.closest(".row");
    return grid.pool.find((row) => row.element === element);
  }

  function clicked(grid, event) {
    const row = rowAt(grid, event);
    if (!row) return;
    const { node } = row;
    if (event.target.closest(".twisty.open, .twisty.shut")) {
      grid.handlers.select(node);
      grid.handlers.toggle(node);
    } else {
      grid.handlers.open(node);
    }
    grid.tree.focus({ preventScroll: true });
  }

  function pressed(grid, event) {
    const { nodes, index: indices, handlers } = grid;
    if (!nodes.length || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return handlers.key(event);
    const known = indices.has(grid.active);
    const index = known ? indices.get(grid.active) : 0;
    const node = nodes[index];
    const page = Math.max(1, Math.floor(grid.scroller.clientHeight / grid.rowHeight) - 1);
    const open = handlers.isOpen(node);
    const go = (to) => handlers.select(nodes[Math.max(0, Math.min(nodes.length - 1, to))]);
    const isDeeper = (one, other) => one < nodes.length && handlers.level(one) > handlers.level(other);
    const steps = {
      ArrowDown: () => go(known ? index + 1 : 0),
      ArrowUp: () => go(index - 1),
      PageDown: () => go(index + page),
      PageUp: () => go(index - page),
      Home: () => go(0),
      End: () => go(nodes.length - 1),
      Enter: () => handlers.open(node),
      " ": () => handlers.open(node),
      ArrowRight: () => {
        if (open === false) handlers.toggle(node);
        else if (isDeeper(index + 1, index)) go(index + 1);
      },
      ArrowLeft: () => {
        let above = index - 1;
        while (above >= 0 && !isDeeper(index, above)) above--;
        if (open) handlers.toggle(node);
        else if (above >= 0) go(above);
      },
    };
    if (!Object.hasOwn(steps, event.key)) return handlers.key(event);
    event.preventDefault();
    steps[event.key]();
  }

  /** Put all rows, up to a number, into the document: paper does not scroll. Undone by show(). */
  function unroll(grid, most) {
    grid.drawn = null;
    grid.unrolled = true;
    draw(grid, Math.min(most, grid.nodes.length));
    grid.rows.style.transform = "";
    grid.space.style.height = "auto";
  }

  return { create, show, reveal, unroll };
})();
