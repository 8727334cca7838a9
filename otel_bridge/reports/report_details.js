// All that is known of one span, or of a group of alike ones.
const ReportDetails = (() => {
  "use strict";

  const { make, refill, listing, duration, count, copyButton } = Page;
  /** Members of a group, and characters of a value, that are shown at once. */
  const MOST_MEMBERS = 20;
  const LONG = 600;
  /** Attributes, and events or links, that are shown before the reader asks for more. */
  const MOST_PAIRS = 200;
  const MOST_OTHERS = 50;
  /** What is shown: whose details, and how they read. */
  let shown = { id: "", text: "" };

  /**
   * Fill the panel. Handlers: jump(id) goes to another span, close() hides the panel; home is the address of the
   * list of traces, or null. Where nothing has changed it stays as it is, with what the reader has opened in it.
   */
  function show(panel, model, state, node, handlers) {
    const group = ReportModel.isGroup(model, node);
    const content = group ? ofGroup(model, state, node, handlers) : ofSpan(model, node, handlers);
    const id = `${group} ${ReportModel.id(model, ReportModel.rowOf(model, node))}`;
    const text = content.map((element) => element.textContent).join("\n");
    if (shown.id === id && shown.text === text) return;
    refill(panel, ...content);
    if (shown.id !== id) panel.scrollTop = 0;
    shown = { id, text };
  }

  function ofSpan(model, row, handlers) {
    const failure = model.failures.get(row);
    return [
      heading(model, row, handlers, ReportModel.nameOf(model, row)),
      tags(model, row),
      failure ? failureOf(model, failure) : null,
      facts(spanFacts(model, row, handlers)),
      section("Attributes", pairTable(ReportModel.attributes(model, row)), attributesCopy(model, row)),
      ...listing(make("div"), model.events.get(row) || [], MOST_OTHERS, (event) => eventOf(model, row, event)),
      ...listing(make("div"), model.links.get(row) || [], MOST_OTHERS, (link) => linkOf(model, link, handlers)),
      resource(model, row),
    ].filter(Boolean);
  }

  function heading(model, row, handlers, name, times = "") {
    const service = ReportModel.serviceOf(model, row);
    const close = make("button", { type: "button", className: "close", textContent: "×", title: "Close (Esc)" , "aria-label": "Close the details" });
    close.addEventListener("click", handlers.close);
    return make("div", { className: "top" },
      make("div", {},
        make("div", { className: `chip s${service.slot}`, textContent: service.name }),
        make("h2", {}, make("bdi", { textContent: name }), times)),
      close);
  }

  function tags(model, row) {
    const kind = model.kinds[model.kind[row]];
    const found = [
      kind === "unspecified" ? null : make("span", { className: "tag", textContent: kind }),
      ReportModel.isError(model, row) ? make("span", { className: "tag bad", textContent: "error" }) : null,
      ReportModel.isOrphan(model, row) ? make("span", { className: "tag", textContent: "parent missing" }) : null,
      ReportModel.isIncomplete(model, row) ? make("span", { className: "tag", textContent: "no end" }) : null,
    ].filter(Boolean);
    return found.length ? make("p", { className: "tagline" }, ...found) : null;
  }

  function failureOf(model, failure) {
    const [type, message] = [model.strings[failure.type], model.strings[failure.message]];
    if (!type && !message) return null;
    return make("div", { className: "failure" },
      type ? make("b", { textContent: type }) : null, message ? make("div", { textContent: message }) : null);
  }

  function spanFacts(model, row, handlers) {
    const span = model.duration[row];
    const share = span ? ` (${Math.round((100 * model.self[row]) / span)} %)` : "";
    const [worked, queued] = [model.worked, model.queued].map((parts) => length(parts.get(row) || []));
    const above = model.parent[row];
    const below = ReportModel.children(model, row).length;
    const id = ReportModel.id(model, row);
    return [
      ["Duration", ReportModel.isIncomplete(model, row) ? "not known: it has no end" : duration(span)],
      ["Own time", duration(model.self[row]) + share],
      worked ? ["Critical path", duration(worked) + goesOn(model, row)] : null,
      queued ? ["In the queue", `${duration(queued)} before it began`] : null,
      ["Started", `${duration(model.start[row])} after the trace · ${moment(model, row)}`],
      ["Parent", above >= 0 ? jumpTo(model, above, handlers) : missing(model, row)],
      ["Below", below ? `${count(below, "span")} (${(model.after[row] - row - 1).toLocaleString("en")} with all below)` : "nothing"],
      ["Span id", copyable(id, "span id")],
    ];
  }

  /** What of the critical path lies after the end of a span. */
  function goesOn(model, row) {
    const end = model.start[row] + model.duration[row];
    const after = length(model.worked.get(row).map((time) => Math.max(time, end)));
    return after ? `, ${duration(after)} of it after its end, where a thread of it went on` : "";
  }

  /** The sum of intervals. */
  function length(parts) {
    return parts.reduce((sum, time, index) => sum + (index % 2 ? time : -time), 0);
  }

  function missing(model, row) {
    return model.orphans.has(row) ? copyable(model.orphans.get(row), "id of the missing parent") : "none: a root";
  }

  /** When a span started, as otel_bridge.reports.units.moment writes it. */
  function moment(model, row) {
    const ns = BigInt(model.report.trace.start) + BigInt(Math.round(model.start[row]));
    const when = new Date(Number(ns / 1000000n));
    if (ns <= 0n || Number.isNaN(when.getTime())) return "at no known time";
    return `${when.toISOString().replace("T", " ").replace("Z", "")} UTC`;
  }

  function jumpTo(model, row, handlers) {
    const service = ReportModel.serviceOf(model, row);
    const button = make("button", { type: "button", className: `jump chip s${service.slot}` }, ReportModel.nameOf(model, row));
    // By its id: when data arrive rows get other numbers.
    const id = ReportModel.id(model, row);
    button.addEventListener("click", () => handlers.jump(id));
    return button;
  }

  function copyable(text, what) {
    return make("span", { className: "copyable" }, make("code", { textContent: text }), copyButton(text, what));
  }

  function facts(pairs) {
    return make("dl", { className: "pairs" }, ...pairs.filter(Boolean).flatMap(([name, value]) => [
      make("dt", { textContent: name }), make("dd", {}, value),
    ]));
  }

  function section(title, content, action = null) {
    if (!content) return null;
    return make("section", {}, make("div", { className: "subhead" }, make("h3", { textContent: title }), action), content);
  }

  function pairTable(pairs) {
    if (!pairs.length) return null;
    // A pair is one element, which the style looks through.
    const pair = ([key, value]) => make("div", {}, make("dt", {}, make("bdi", { textContent: key })), make("dd", {}, ...valueOf(value)));
    return make("div", {}, ...listing(make("dl", { className: "pairs mono" }), pairs, MOST_PAIRS, pair));
  }

  /** A value; of a long one the beginning, and a button that shows the rest. */
  function valueOf(text) {
    if (text.length <= LONG) return [make("bdi", { textContent: text || "(empty)" })];
    const shown = make("bdi", { textContent: `${text.slice(0, LONG)}…` });
    const more = make("button", { type: "button", className: "more", textContent: "Show all" });
    more.addEventListener("click", () => { shown.textContent = text; more.remove(); });
    return [shown, more];
  }

  function attributesCopy(model, row) {
    const pairs = ReportModel.attributes(model, row);
    return copyButton(pairs.map(([key, value]) => `${key}=${value}`.replaceAll("\r", "\\r").replaceAll("\n", "\\n")).join("\n"), "attributes");
  }

  function eventOf(model, row, [name, time, shape, ...values]) {
    const after = time - model.start[row];
    const when = after < 0 ? `${duration(-after)} before its start` : `${duration(after)} after its start`;
    return section(`Event: ${model.strings[name]}`,
      make("div", {}, make("p", { className: "faint", textContent: when }), pairTable(ReportModel.pairs(model, shape, values))));
  }

  function linkOf(model, [trace, span, shape, ...values], handlers) {
    const here = trace === model.report.trace.id && model.ids.has(span);
    const home = handlers.home;
    const elsewhere = home === null ? null : make("a", { href: new URL(`trace/${trace}#s${span}`, new URL(home, document.baseURI)).href, textContent: "Open that trace" });
    return section("Link", make("div", {},
      facts([
        here ? ["Span", jumpTo(model, model.ids.get(span), handlers)] : ["Trace", copyable(trace, "trace id")],
        here ? null : ["Span id", copyable(span, "span id")],
        here || !elsewhere ? null : ["", elsewhere],
      ]),
      pairTable(ReportModel.pairs(model, shape, values))));
  }

  function resource(model, row) {
    const { columns } = model.report;
    const [shape, ...values] = columns.resources[columns.resource[row]];
    const scope = model.strings[columns.scope[row]];
    const pairs = ReportModel.pairs(model, shape, values);
    if (scope) pairs.push(["instrumentation scope", scope]);
    return section("Process", pairTable(pairs));
  }

  function ofGroup(model, state, node, handlers) {
    const rows = ReportModel.items(model, state, node);
    const times = rows.map((row) => model.duration[row]).sort((one, other) => one - other);
    const total = times.reduce((sum, time) => sum + time, 0);
    const slowest = [...rows].sort((one, other) => model.duration[other] - model.duration[one]).slice(0, MOST_MEMBERS);
    return [
      heading(model, rows[0], handlers, ReportModel.nameOf(model, rows[0]), ` ×${rows.length.toLocaleString("en")}`),
      facts([
        ["Together", duration(total)],
        ["Median", duration(times[Math.floor((times.length - 1) / 2)])],
        ["Slowest", duration(times[times.length - 1])],
        ["Started", `${duration(model.start[rows[0]])} after the trace`],
      ]),
      section(rows.length > MOST_MEMBERS ? `The ${MOST_MEMBERS} slowest` : "Slowest first",
        make("ul", { className: "members" }, ...slowest.map((row) =>
          make("li", {}, jumpTo(model, row, handlers), make("span", { className: "number", textContent: duration(model.duration[row]) }))))),
      section("Attributes of the first", pairTable(ReportModel.attributes(model, rows[0]))),
    ].filter(Boolean);
  }

  return { show };
})();
