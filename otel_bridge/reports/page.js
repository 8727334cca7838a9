// What the scripts of every page use. Each script file is one constant with the functions that it offers.
const Page = (() => {
  "use strict";

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
    let region = document.getElementById("said");
    if (!region) {
      region = make("div", { id: "said", className: "hidden", role: "status" });
      document.body.append(region);
    }
    region.textContent = text;
  }

  return { data, make, duration, count, copyButton, say };
})();
