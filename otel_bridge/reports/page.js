// What the scripts of every page use. Each script file is one constant with the functions that it offers.
const Page = (() => {
  "use strict";

  const COLLATOR = new Intl.Collator("en");
  /** Items that are added to a listing at once. */
  const STEP = 100;
  // There before it speaks, or its first words go unheard.
  const region = make("div", { id: "said", className: "hidden", role: "status" });
  document.body.append(region);

  /** The value that the page was given under this name. */
  function data(name) {
    const element = document.getElementById(name);
    return element ? JSON.parse(element.textContent) : null;
  }

  /**
   * An element. Names in `properties` that are properties of elements (className, textContent, onclick, title,
   * hidden) are set as such, all others as attributes; null and undefined leave one out. Texts become text nodes:
   * nothing is ever read as HTML.
   */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === null || value === undefined) continue;
      if (name in element && !name.startsWith("aria")) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  /** Set a text, but leave one alone that is the same: a screen reader would say it again. */
  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  /** Put other children into an element. The focus stays on what comes in the place of what had it. */
  function refill(element, ...children) {
    const able = () => [...element.querySelectorAll("a[href], button, summary")];
    const said = (one) => one.getAttribute("aria-label") || one.dataset.key || one.textContent;
    const before = able();
    const focused = before.indexOf(document.activeElement);
    element.replaceChildren(...children);
    if (focused < 0) return;
    const after = able();
    (after.find((one) => said(one) === said(before[focused])) || after[Math.min(focused, after.length - 1)])?.focus({ preventScroll: true });
  }

  /**
   * Put what `node(item)` makes of the first items into a list, and return it with a button for as many hundreds
   * more as the reader wants: a span may carry a hundred thousand of anything.
   */
  function listing(list, items, most, node) {
    list.append(...items.slice(0, most).map(node));
    if (items.length <= most) return [list];
    const button = make("button", { type: "button", className: "more" });
    const label = (next) => {
      button.textContent = `${(items.length - next).toLocaleString("en")} more`;
      button.onclick = () => {
        list.append(...items.slice(next, next + STEP).map(node));
        if (next + STEP < items.length) label(next + STEP);
        else button.remove();
      };
    };
    label(most);
    return [list, button];
  }

  /** Have tabs answer keys and the pointer; `choose(id)` is called with that of a tab. Returns what chooses one. */
  function tabs(list, choose) {
    const all = [...list.querySelectorAll("[role=tab]")];
    const pick = (chosen) => {
      for (const tab of all) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
      }
    };
    all.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab.id));
      tab.addEventListener("keydown", (event) => {
        const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: all.length - 1 };
        if (!Object.hasOwn(to, event.key)) return;
        event.preventDefault();
        const next = all[(to[event.key] + all.length) % all.length];
        next.click();
        next.focus();
      });
    });
    return (id) => pick(document.getElementById(id));
  }

  /** The heading of a column that sorts: `order` is "ascending", "descending" or "none". */
  function sortHeading({ title, hint, number }, order, sort) {
    const button = make("button", { type: "button", textContent: title, title: hint });
    button.addEventListener("click", sort);
    return make("th", { scope: "col", className: number ? "number" : "", "aria-sort": order }, button);
  }

  /** Numbers by size, texts as people sort them. */
  function compare(one, other) {
    return typeof one === "string" ? COLLATOR.compare(one, other) : one - other;
  }

  /** Nanoseconds with three significant digits, as otel_bridge.reports.units.duration writes them. */
  function duration(ns) {
    if (ns < 0) return "-" + duration(-ns);
    if (ns < 1000) return ns ? `${Math.round(ns)} ns` : "0";
    if (ns < 999500) return `${threeDigits(ns / 1e3)} µs`;
    if (ns < 999500000) return `${threeDigits(ns / 1e6)} ms`;
    if (ns < 59.95e9) return `${threeDigits(ns / 1e9)} s`;
    const seconds = Number(fixed(ns / 1e9, 0));
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
    const minutes = Number(fixed(ns / 6e10, 0));
    return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  }

  function threeDigits(value) {
    return fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  }

  /** Like toFixed, but a tie goes to the even neighbour, as in Python: 4.125 becomes 4.12. */
  function fixed(value, digits) {
    const isTie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1;
    if (!isTie) return value.toFixed(digits);
    const low = Math.floor(value * 10 ** digits);
    return ((low + (low % 2)) / 10 ** digits).toFixed(digits);
  }

  function twoDigits(value) {
    return String(value).padStart(2, "0");
  }

  /** "1 span", "1,234 spans". */
  function count(number, noun) {
    return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  }

  /** A button that copies a text and says that it did. */
  function copyButton(text, what) {
    const button = make("button", { type: "button", className: "copy", textContent: "Copy", "aria-label": `Copy ${what}` });
    button.addEventListener("click", async () => {
      const done = await copy(text, button);
      button.textContent = done ? "Copied" : "Failed";
      say(done ? `${what} copied` : `${what} could not be copied`);
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    return button;
  }

  async function copy(text, origin) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // No clipboard for pages by plain HTTP: the older way, through a selection.
      const area = make("textarea", { value: text, className: "hidden", readOnly: true });
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      origin.focus();
      return done;
    }
  }

  /** Have a screen reader say something that is only seen. */
  function say(text) {
    region.textContent = text;
  }

  return { data, make, setText, refill, listing, tabs, sortHeading, compare, duration, count, copyButton, say };
})();
