// What took how long, by service, operation and statement: tables that sort, and filter the timeline.
const ReportTables = (() => {
  "use strict";

  const { make, refill, sortHeading, compare, duration } = Page;
  /** Rows that are put into the document at once. */
  const MOST = 500;

  /** Which columns of a table are texts; the numbers that follow are FIGURES. */
  const TEXTS = { services: ["Service"], operations: ["Service", "Operation"], statements: ["Service", "Summary", "Statement"] };
  const FIGURES = ["Count", "Errors", "Total", "Own time", "Median", "95 %", "Slowest"];
  const HINTS = {
    Total: "Sum of the durations; spans inside each other count each", "Own time": "Time in which no span below ran",
    "95 %": "95 of 100 were not slower",
  };

  /** `pick(name, row)` is called when a reader chooses a row of the report's data. */
  function create(panel, name, pick) {
    return { panel, name, pick, by: TEXTS[name].length + 3, descending: true, rows: [], model: null, all: false };
  }

  function show(table, model) {
    table.model = model;
    table.rows = model.report.tables[table.name];
    render(table);
  }

  function render(table) {
    const { model, rows, name } = table;
    const texts = TEXTS[name];
    if (!rows.length) {
      table.panel.replaceChildren(make("p", { className: "empty faint", textContent: `This trace has no ${name}.` }));
      return;
    }
    const sorted = sort(rows, table.by, table.descending, (value, column) => textOf(model, value, column, texts));
    const own = Math.max(1, ...rows.map((row) => row[texts.length + 3]));
    const shown = table.all ? sorted : sorted.slice(0, MOST);
    const body = make("tbody", {}, ...shown.map((row) => bodyRow(table, row, own)));
    const element = make("table", { className: `figures ${name}` },
      make("caption", { className: "hidden", textContent: `By ${name}; choosing a row shows its spans` }),
      make("thead", {}, make("tr", {}, ...[...texts, ...FIGURES].map((title, column) => heading(table, title, column)))),
      body);
    refill(table.panel, make("div", { className: "wide" }, element), ...more(table, sorted.length - shown.length));
  }

  function more(table, left) {
    if (!left) return [];
    const button = make("button", { type: "button", textContent: `Show ${left.toLocaleString("en")} more` });
    button.addEventListener("click", () => { table.all = true; render(table); });
    return [button];
  }

  function heading(table, title, column) {
    const sorted = column === table.by;
    const number = column >= TEXTS[table.name].length;
    const order = sorted ? (table.descending ? "descending" : "ascending") : "none";
    return sortHeading({ title, hint: HINTS[title], number }, order, () => {
      table.descending = sorted ? !table.descending : number;
      table.by = column;
      render(table);
    });
  }

  function bodyRow(table, row, own) {
    const { model, name } = table;
    const texts = TEXTS[name];
    const service = model.services[row[0]];
    const cells = texts.map((title, column) => {
      const text = textOf(model, row[column], column, texts);
      if (column) return make("td", { className: column === 2 ? "mono statement" : "name" }, make("bdi", { textContent: text || "—" }));
      return make("th", { scope: "row", className: `chip s${service.slot}` }, make("bdi", { textContent: text }));
    });
    const button = make("button", { type: "button", className: "plain", title: "Show these spans" }, ...cells[texts.length > 1 ? 1 : 0].childNodes);
    button.addEventListener("click", (event) => { event.stopPropagation(); table.pick(name, row); });
    cells[texts.length > 1 ? 1 : 0].append(button);
    const figures = row.slice(texts.length).map((value, column) => figure(value, column, own, service.slot));
    const element = make("tr", {}, ...cells, ...figures);
    element.addEventListener("click", () => {
      if (String(getSelection()) === "") table.pick(name, row);
    });
    return element;
  }

  function figure(value, column, own, slot) {
    if (column < 2) {
      return make("td", { className: `number${column && value ? " bad" : ""}`, textContent: column && !value ? "" : value.toLocaleString("en") });
    }
    const cell = make("td", { className: "number", textContent: duration(value) });
    if (column === 3) {
      const share = make("i", { className: `share s${slot}` });
      share.style.width = `${(100 * value) / own}%`;
      cell.append(share);
      cell.classList.add("shares");
    }
    return cell;
  }

  function textOf(model, value, column, texts) {
    return column === 0 ? model.services[value].name : column < texts.length ? model.strings[value] : value;
  }

  /** Rows by a column; those that are equal stay as they were. */
  function sort(rows, by, descending, value) {
    const keyed = rows.map((row, place) => ({ row, place, key: value(row[by], by) }));
    const sign = descending ? -1 : 1;
    keyed.sort((one, other) => sign * compare(one.key, other.key) || one.place - other.place);
    return keyed.map(({ row }) => row);
  }

  return { create, show, sort };
})();
