// The traces that are to be compared: ticked in the list, and remembered from page to page of it.
const Picks = (() => {
  "use strict";

  const KEPT = "otel-bridge.compare";
  const IDENTITY = /^[0-9a-f]{32}$/;
  const DIGITS = /^[0-9]{1,20}$/;

  /** Each has a key (the trace's id), the time of its start, and what people call it. */
  let picks = [];

  function read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
      return kept.filter((one) => IDENTITY.test(one.key) && DIGITS.test(one.start)).slice(-2);
    } catch {
      return [];
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(picks));
    } catch {
      // Then they are forgotten with this page.
    }
    show();
  }

  function toggle(row, on) {
    picks = picks.filter((one) => one.key !== row.dataset.key);
    if (on) picks.push({ key: row.dataset.key, start: row.dataset.start, what: row.dataset.what });
    picks = picks.slice(-2);
    keep();
  }

  /** The older one is A: what changed since then is what people ask. */
  function ordered() {
    return [...picks].sort((a, b) => (BigInt(a.start) < BigInt(b.start) ? -1 : 1));
  }

  function show() {
    const chosen = new Set(picks.map((one) => one.key));
    for (const box of document.querySelectorAll("#rows .pick input")) box.checked = chosen.has(box.value);
    const list = document.getElementById("picked");
    if (!list) return;
    const items = ordered().map((one, index) => {
      const away = Page.make("button", { type: "button", textContent: "×", "aria-label": `Do not compare ${one.what}` });
      away.addEventListener("click", () => {
        picks = picks.filter((other) => other.key !== one.key);
        keep();
        document.querySelector(`#rows [value="${one.key}"]`)?.focus();
      });
      const when = new Date(Number(BigInt(one.start) / 1000000n)).toISOString().slice(11, 19);
      const name = picks.length > 1 ? ["A", "B"][index] : "";
      const text = Page.make("span", { className: "text", title: one.key, textContent: `${one.what}, ${when}` });
      return Page.make("li", {}, name ? Page.make("b", { textContent: name }) : null, text, away);
    });
    list.replaceChildren(...items);
    const button = document.getElementById("do-compare");
    button.disabled = picks.length !== 2;
    button.textContent = picks.length === 2 ? "Compare" : "Compare two";
    button.classList.toggle("go", picks.length === 2);
  }

  function start() {
    const form = document.getElementById("compare");
    if (!form) return;
    picks = read();
    document.getElementById("rows").addEventListener("change", (event) => {
      toggle(event.target.closest("tr"), event.target.checked);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [a, b] = ordered();
      location.assign(`/diff/${a.key}/${b.key}`);
    });
    show();
  }

  return { start, show };
})();
