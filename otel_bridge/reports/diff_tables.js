// Tables that sort: where the time went, and all operations.
const DiffTables = (() => {
  "use strict";

  const { make, refill, sortHeading, compare, duration } = Page;
  /** Rows that are shown at first. */
  const FIRST = 12;

  /** A change of a duration, with its sign. */
  function signed(ns) {
    return ns > 0 ? `+${duration(ns)}` : ns < 0 ? `−${duration(-ns)}` : "·";
  }

  function tone(value) {
    return value > 0 ? "slower" : value < 0 ? "faster" : "equal";
  }

  /** A bar to the left or right of the middle. */
  function bar(value, largest) {
    const stroke = make("i", { className: tone(value) });
    stroke.style.width = `${largest ? (50 * Math.abs(value)) / largest : 0}%`;
    return make("div", { className: "two-sided", "aria-hidden": "true" }, stroke);
  }

  /**
   * A table. Columns: { title, hint, value(row), text(value, row), number }; a column with `bar` is drawn as one.
   * `total`, if given, is a row of cells for the foot.
   */
  function show(panel, { label, columns, rows, by, total, left }) {
    const state = { by, descending: true, all: rows.length <= FIRST + 3 };
    const largest = Math.max(1, ...rows.map((row) => Math.abs(columns[by].value(row))));
    const sorted = () => {
      const { value } = columns[state.by];
      const order = state.by === by ? (row) => Math.abs(value(row)) : value;
      return [...rows].sort((one, other) => (state.descending ? -1 : 1) * compare(order(one), order(other)));
    };
    const heading = (column, index) => {
      const order = state.by !== index ? "none" : state.descending ? "descending" : "ascending";
      return sortHeading(column, order, () => {
        state.descending = state.by === index ? !state.descending : Boolean(column.number);
        state.by = index;
        draw();
      });
    };
    const cell = (column, row) => {
      const value = column.value(row);
      const content = column.element ? column.element(row) : document.createTextNode(column.text(value, row));
      const kind = column.number ? `number ${column.toned ? tone(value) : ""}` : "name";
      return make(column.number ? "td" : "th", column.number ? { className: kind } : { className: kind, scope: "row" }, content);
    };
    const draw = () => {
      const found = state.all ? sorted() : sorted().slice(0, FIRST);
      const head = make("tr", {}, ...columns.map(heading), make("td", { className: "bars" }));
      const body = found.map((row) => make("tr", {},
        ...columns.map((column) => cell(column, row)),
        make("td", { className: "bars" }, bar(columns[by].value(row), largest))));
      const table = make("table", { "aria-label": label }, make("thead", {}, head), make("tbody", {}, ...body));
      if (total) {
        table.append(make("tfoot", {}, make("tr", {}, make("th", { scope: "row", textContent: total[0] }),
          ...total.slice(1).map((text, index) => make("td", { className: `number ${index === 2 ? tone(total.delta) : ""}`, textContent: text })),
          make("td", {}))));
      }
      refill(panel, table);
      if (!state.all) {
        const more = make("button", { type: "button", textContent: `Show all ${rows.length.toLocaleString("en")}` });
        more.addEventListener("click", () => { state.all = true; draw(); panel.querySelector("thead button").focus(); });
        panel.append(more);
      }
      if (left) panel.append(make("p", { className: "faint", textContent: left }));
    };
    draw();
  }

  return { show, signed, tone, bar };
})();
