// The tree of both traces: a treegrid of which only what is in sight, and a bit more, is in the document.
const DiffTree = (() => {
  "use strict";

  const get = (id) => document.getElementById(id);

  /** The tree; `handlers.open(node)` shows details, `handlers.changed(tree)` hears of another number of rows. */
  function create(model, handlers) {
    const { parts } = model;
    const tree = {
      model, handlers, text: "", only: true, active: -1, visible: [], open: null, pool: [], rowHeight: 24,
      largest: largestChange(parts), places: new Map(), branches: [],
      expandable: (node) => hasShown(tree, node),
    };
    tree.open = new Set(parts.parent.keys());
    const scroller = get("scroller");
    scroller.addEventListener("scroll", () => requestAnimationFrame(() => draw(tree)), { passive: true });
    new ResizeObserver(() => { measure(tree); draw(tree); }).observe(scroller);
    get("rows").addEventListener("click", (event) => clicked(tree, event));
    get("tree").addEventListener("keydown", (event) => { if (event.target === get("tree")) pressed(tree, event); });
    measure(tree);
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

  function hasShown(tree, node) {
    return tree.branches[node] === 1;
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
    tree.places = new Map(visible.map((node, index) => [node, index]));
    let active = tree.active;
    while (active >= 0 && !tree.places.has(active)) active = parts.parent[active];
    tree.active = active;
    get("tree").setAttribute("aria-rowcount", visible.length + 1);
    get("space").style.height = `${visible.length * tree.rowHeight}px`;
    draw(tree);
    tree.handlers.changed(tree);
  }

  function measure(tree) {
    tree.rowHeight = parseFloat(getComputedStyle(get("tree")).getPropertyValue("--row"));
    const scroller = get("scroller");
    get("tree").style.setProperty("--scrollbar", `${scroller.offsetWidth - scroller.clientWidth}px`);
  }

  /** Fill the rows that are in sight, and half as many above and below. */
  function draw(tree) {
    const scroller = get("scroller");
    const room = Math.ceil(scroller.clientHeight / tree.rowHeight);
    const top = Math.floor(scroller.scrollTop / tree.rowHeight);
    const first = Math.max(0, Math.min(top - (room >> 1), tree.visible.length - 1));
    const last = Math.min(tree.visible.length, top + room + (room >> 1) + 1);
    const count = Math.max(0, last - first);
    while (tree.pool.length > count) tree.pool.pop().element.remove();
    while (tree.pool.length < count) {
      const row = DiffRow.create();
      tree.pool.push(row);
      get("rows").append(row.element);
    }
    tree.pool.forEach((row, index) => DiffRow.fill(row, tree, first + index));
    get("rows").style.transform = `translateY(${Math.max(0, first) * tree.rowHeight}px)`;
    const there = tree.pool.some((row) => row.node === tree.active);
    if (there) get("tree").setAttribute("aria-activedescendant", `part-${tree.active}`);
    else get("tree").removeAttribute("aria-activedescendant");
  }

  function select(tree, node) {
    tree.active = node;
    const scroller = get("scroller");
    const top = tree.places.get(node) * tree.rowHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + tree.rowHeight > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + tree.rowHeight - scroller.clientHeight;
    }
    draw(tree);
    // Details that are open follow.
    if (!get("details").hidden) tree.handlers.open(node);
  }

  /** Make the first row that matches the text the active one. */
  function first(tree) {
    const node = tree.visible.find((one) => tree.model.matches(one, tree.text));
    if (node !== undefined) select(tree, node);
    get("tree").focus({ preventScroll: true });
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

  function clicked(tree, event) {
    const element = event.target.closest(".row");
    const row = tree.pool.find((one) => one.element === element);
    if (!row) return;
    select(tree, row.node);
    if (event.target.closest(".twisty.open, .twisty.shut")) toggle(tree, row.node);
    else tree.handlers.open(row.node);
    get("tree").focus({ preventScroll: true });
  }

  function pressed(tree, event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !tree.visible.length) return;
    const { visible, places, active } = tree;
    const index = places.has(active) ? places.get(active) : -1;
    const page = Math.max(1, Math.floor(get("scroller").clientHeight / tree.rowHeight) - 1);
    const go = (to) => select(tree, visible[Math.max(0, Math.min(visible.length - 1, to))]);
    const current = Math.max(0, index);
    const node = visible[current];
    const steps = {
      ArrowDown: () => go(index + 1),
      ArrowUp: () => go(current - 1),
      PageDown: () => go(current + page),
      PageUp: () => go(current - page),
      Home: () => go(0),
      End: () => go(visible.length - 1),
      Enter: () => { select(tree, node); tree.handlers.open(node); },
      " ": () => { select(tree, node); tree.handlers.open(node); },
      ArrowRight: () => {
        if (!hasShown(tree, node)) return;
        if (tree.open.has(node)) go(current + 1);
        else toggle(tree, node);
      },
      ArrowLeft: () => {
        if (hasShown(tree, node) && tree.open.has(node)) toggle(tree, node);
        else if (tree.model.parts.parent[node] >= 0) select(tree, tree.model.parts.parent[node]);
      },
    };
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    steps[event.key]();
  }

  return { create, update, select, first, setAll };
})();
