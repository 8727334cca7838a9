// Which spans are wanted: filters hide the others, a search marks what it finds. No DOM here.
const ReportFilter = (() => {
  "use strict";

  const HIDDEN = 0;
  const MATCH = 1;
  const CONTEXT = 2;

  /** Nothing is filtered. Services and kinds are numbers; `pick` is a row of a table. */
  function empty() {
    return { services: new Set(), kinds: new Set(), errors: false, pick: null };
  }

  function isActive(filter) {
    return filter.services.size > 0 || filter.kinds.size > 0 || filter.errors || filter.pick !== null;
  }

  /** For each row HIDDEN, MATCH, or CONTEXT (above a match); null where nothing is filtered. */
  function apply(model, filter) {
    if (!isActive(filter)) return null;
    const shown = new Uint8Array(model.count);
    const picked = filter.pick ? picker(model, filter.pick) : null;
    for (let row = 0; row < model.count; row++) {
      if (filter.services.size && !filter.services.has(model.service[row])) continue;
      if (filter.kinds.size && !filter.kinds.has(model.kind[row])) continue;
      if (filter.errors && !ReportModel.isError(model, row)) continue;
      if (picked && !picked(row)) continue;
      shown[row] = MATCH;
      for (let above = model.parent[row]; above >= 0 && shown[above] === HIDDEN; above = model.parent[above]) {
        shown[above] = CONTEXT;
      }
    }
    return shown;
  }

  /**
   * Whether a row is of one operation, {service, name}, or statement, {service, summary, text}: the number of a
   * service, and those of texts.
   */
  function picker(model, pick) {
    if (pick.text === undefined) {
      return (row) => model.service[row] === pick.service && model.name[row] === pick.name;
    }
    const textKey = model.strings.indexOf("db.query.text");
    const summaryKey = model.strings.indexOf("db.query.summary");
    const nothing = model.strings.indexOf("");
    const value = (row, key, otherwise) => {
      const found = ReportModel.attribute(model, row, key);
      return found < 0 || found === nothing ? otherwise : found;
    };
    return (row) =>
      model.service[row] === pick.service &&
      (ReportModel.attribute(model, row, textKey) >= 0 || ReportModel.attribute(model, row, summaryKey) >= 0) &&
      value(row, textKey, nothing) === pick.text &&
      value(row, summaryKey, model.name[row]) === pick.summary;
  }

  function matches(shown) {
    return shown.reduce((sum, one) => sum + (one === MATCH), 0);
  }

  /**
   * The rows that hold the text in their name, service, id, attributes, events or failure, whatever its case; of
   * `key=value` those with an attribute whose key ends so and whose value begins so.
   */
  function search(model, text, shown) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const found = finder(model, wanted);
    const rows = [];
    for (let row = 0; row < model.count; row++) {
      if ((!shown || shown[row] === MATCH) && found(row)) rows.push(row);
    }
    return rows;
  }

  function finder(model, wanted) {
    const lower = lowered(model);
    const equals = wanted.indexOf("=");
    if (equals > 0) {
      const key = wanted.slice(0, equals).trim();
      const value = wanted.slice(equals + 1).trim();
      const inPairs = pairFinder(model, (name) => lower[name].endsWith(key), (text) => lower[text].startsWith(value));
      return (row) => inPairs(row) || lower[model.name[row]].includes(wanted) || anyValue(model, row, hits(lower, wanted));
    }
    const hit = hits(lower, wanted);
    const services = model.report.services.map(([name]) => hit[name]);
    return (row) =>
      hit[model.name[row]] || services[model.service[row]] || anyPair(model, row, hit) ||
      ReportModel.id(model, row).startsWith(wanted) || inFailure(model, row, hit) || inEvents(model, row, hit);
  }

  /** All texts in lower case, made once. */
  function lowered(model) {
    if (!model.lowered) model.lowered = model.strings.map((text) => text.toLowerCase());
    return model.lowered;
  }

  let lastHits = { lower: null, wanted: "", hit: null };

  function hits(lower, wanted) {
    if (lastHits.lower !== lower || lastHits.wanted !== wanted) {
      lastHits = { lower, wanted, hit: Uint8Array.from(lower, (text) => (text.includes(wanted) ? 1 : 0)) };
    }
    return lastHits.hit;
  }

  function anyValue(model, row, hit) {
    for (let place = model.offset[row]; place < model.offset[row + 1]; place++) if (hit[model.values[place]]) return true;
    return false;
  }

  function anyPair(model, row, hit) {
    return anyValue(model, row, hit) || model.report.keys[model.shape[row]].some((key) => hit[key]);
  }

  function pairFinder(model, isKey, isValue) {
    return (row) => {
      const keys = model.report.keys[model.shape[row]];
      return keys.some((key, place) => isKey(key) && isValue(model.values[model.offset[row] + place]));
    };
  }

  function inFailure(model, row, hit) {
    const failure = model.failures.get(row);
    return failure !== undefined && (hit[failure.type] || hit[failure.message]);
  }

  function inEvents(model, row, hit) {
    const events = model.events.get(row);
    return events !== undefined && events.some(([name, , , ...values]) => hit[name] || values.some((value) => hit[value]));
  }

  return { HIDDEN, MATCH, CONTEXT, empty, isActive, apply, matches, search };
})();
