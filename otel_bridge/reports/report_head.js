// The top of the page: which trace this is, what is wrong with it, and what can be filtered.
const ReportHead = (() => {
  "use strict";

  const { make, refill, duration, count, copyButton } = Page;
  const get = (id) => document.getElementById(id);
  /** Failures that are listed before the reader asks for more. */
  const FIRST_FAILURES = 4;
  /** Toggles of services that are there before the reader asks for more, and how many of either come then. */
  const FIRST_SERVICES = 30;
  const STEP = 100;
  /** How many there are now. */
  let mostServices = FIRST_SERVICES;
  let mostFailures = FIRST_FAILURES;

  /** `missing` is the id of a span that the address names and the trace has not, or "". */
  function show(model, settings, missing, jump) {
    const { trace } = model.report;
    title(model);
    const services = model.services.length;
    get("facts").replaceChildren(...[
      make("li", {}, make("b", { textContent: duration(trace.duration) })),
      make("li", { textContent: count(trace.spans, "span") }),
      make("li", { textContent: count(services, "service") }),
      make("li", { className: trace.errors ? "bad" : "", textContent: count(trace.errors, "error") }),
      trace.spans ? make("li", { textContent: `started ${trace.started}` }) : null,
    ].filter(Boolean));
    identities(trace);
    const notes = [
      ...(model.count ? [] : ["This trace has no spans."]),
      ...(missing ? [`The span ${missing}, which the address names, is not here.`] : []),
      ...model.report.notes,
    ];
    get("notes").replaceChildren(...notes.map((note) => make("p", { className: "note", textContent: note })));
    elsewhere(trace, settings);
    failures(model, jump);
  }

  function title(model) {
    const root = model.count ? 0 : -1;
    if (root < 0) {
      get("title").textContent = `Trace ${model.report.trace.base}`;
      return;
    }
    const service = ReportModel.serviceOf(model, root);
    get("title").title = `${service.name} ${ReportModel.nameOf(model, root)}`;
    get("title").replaceChildren(
      make("span", { className: `chip s${service.slot}` }, make("bdi", { textContent: service.name })), " ",
      make("bdi", { textContent: ReportModel.nameOf(model, root) }));
  }

  function identity(name, text) {
    return make("li", { className: "identity" }, `${name} `, make("code", { textContent: text }), copyButton(text, name));
  }

  /** Both ids; on a small screen they take a line only when asked for. They stay as they are when data arrives. */
  function identities(trace) {
    if (get("ids").childElementCount) return;
    get("ids").replaceChildren(identity("base id", trace.base), identity("trace id", trace.id));
    const narrow = matchMedia("(max-width: 44rem)");
    const fit = () => { get("identities").open = !narrow.matches; };
    narrow.addEventListener("change", fit);
    fit();
  }

  function elsewhere(trace, settings) {
    if (get("elsewhere").childElementCount) return;
    get("elsewhere").replaceChildren(...[
      settings.live ? make("span", { id: "live", className: "live", role: "status" }) : null,
      settings.home ? make("a", { href: settings.home, textContent: "All traces" }) : null,
      trace.link ? make("a", { href: trace.link, rel: "noreferrer", target: "_blank", textContent: "Open in Jaeger" }) : null,
    ].filter(Boolean));
  }

  /**
   * What failed first: spans below which nothing failed, each with how many above it failed with it. Alike ones
   * are one entry. [{row, rows, above}, ...]
   */
  function origins(model) {
    const found = new Map();
    for (const [row, failure] of model.failures) {
      if (model.errorsBelow[row]) continue;
      const key = [model.service[row], model.name[row], failure.type, failure.message].join();
      const entry = found.get(key) || { row, rows: [], above: 0 };
      let above = model.parent[row];
      if (!entry.rows.length) for (; above >= 0; above = model.parent[above]) entry.above += ReportModel.isError(model, above) ? 1 : 0;
      entry.rows.push(row);
      found.set(key, entry);
    }
    return [...found.values()].sort((one, other) => model.start[one.row] - model.start[other.row]);
  }

  function failures(model, jump) {
    const section = get("failures");
    const found = origins(model);
    section.hidden = !found.length;
    const shown = found.slice(0, mostFailures);
    const list = make("ul", {}, ...shown.map((entry) => failure(model, entry, jump)));
    const left = found.length - shown.length;
    const more = make("button", { type: "button", className: "more", textContent: `${left.toLocaleString("en")} more` });
    more.addEventListener("click", () => { mostFailures += STEP; failures(model, jump); });
    refill(section, list, ...(left ? [more] : []));
  }

  function failure(model, { row, rows, above }, jump) {
    const service = ReportModel.serviceOf(model, row);
    const { type, message } = model.failures.get(row);
    const what = [model.strings[type], model.strings[message]].filter(Boolean).join(": ");
    const button = make("button", { type: "button", className: "plain", title: what },
      make("span", { className: "tag bad", textContent: "error" }),
      make("span", { className: `chip s${service.slot}`, textContent: service.name }),
      make("b", { className: "name", textContent: ReportModel.nameOf(model, row) }),
      make("span", { className: "what", textContent: what }));
    let next = 0;
    // Of alike ones each click leads to the next.
    button.addEventListener("click", () => jump(rows[next++ % rows.length]));
    const about = [rows.length > 1 ? `${rows.length.toLocaleString("en")} times` : "", above ? `${count(above, "span")} above failed, too` : ""];
    return make("li", {}, button, make("span", { className: "faint", textContent: about.filter(Boolean).join(", ") }));
  }

  /** The toggles of services and kinds; `change(filter)` is called with what is then wanted. */
  function filters(model, filter, change) {
    const counts = new Map();
    const add = (key) => counts.set(key, (counts.get(key) || 0) + 1);
    for (let row = 0; row < model.count; row++) {
      add(`service ${model.service[row]}`);
      add(`kind ${model.kind[row]}`);
    }
    const toggle = (set, number, text, className, key) => {
      const button = make("button", { type: "button", className, title: text, "aria-pressed": String(filter[set].has(number)) },
        make("bdi", { className: "name", textContent: text }), make("span", { className: "faint", textContent: ` ${counts.get(key).toLocaleString("en")}` }));
      button.dataset.key = key;
      button.addEventListener("click", () => {
        const chosen = new Set(filter[set]);
        if (!chosen.delete(number)) chosen.add(number);
        change({ ...filter, [set]: chosen });
      });
      return button;
    };
    const services = model.services.map(({ name, slot }, number) => ({ name, slot, number }))
      .filter(({ number }) => counts.has(`service ${number}`))
      .filter(({ number }, place) => place < mostServices || filter.services.has(number))
      .map(({ name, slot, number }) => toggle("services", number, name, `chip s${slot}`, `service ${number}`));
    const left = model.services.length - services.length;
    const more = make("button", { type: "button", className: "more", textContent: `${left.toLocaleString("en")} more services` });
    more.addEventListener("click", () => { mostServices += STEP; filters(model, filter, change); });
    const kinds = model.kinds.map((kind, number) => (counts.has(`kind ${number}`) ? toggle("kinds", number, kind, "kind", `kind ${number}`) : null));
    refill(get("filters"), ...services, ...(left > 0 ? [more] : []), make("span", { className: "gap" }), ...kinds.filter(Boolean), ...picked(model, filter, change));
  }

  function picked(model, filter, change) {
    if (!filter.pick) return [];
    const name = model.strings[filter.pick.text === undefined ? filter.pick.name : filter.pick.summary];
    const button = make("button", { type: "button", className: "picked", "aria-pressed": "true", title: "Remove this filter" },
      make("bdi", { textContent: `${model.services[filter.pick.service].name} ${name}` }), " ×");
    button.addEventListener("click", () => change({ ...filter, pick: null }));
    return [button];
  }

  return { show, filters, origins };
})();
