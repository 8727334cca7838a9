// A trace that is not there: asks until it is, and becomes its page then.
const Waiting = (() => {
  "use strict";

  /** Milliseconds after which nobody is thought to wait any more. */
  const LONG = 600000;

  function start(path) {
    const find = (id) => document.getElementById(id);
    let since = Date.now();
    let isOver = false;
    const status = (text) => {
      const shown = isOver ? "no longer asking" : { live: "waiting" }[text] ?? text;
      if (find("live").textContent !== shown) find("live").textContent = shown;
      find("live").classList.toggle("on", !isOver);
    };
    const asking = ReportLive.start(path, () => "0-", () => location.reload(), status);
    const tick = () => {
      const seconds = Math.floor((Date.now() - since) / 1000);
      find("waited").textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
      if (isOver || seconds * 1000 < LONG) return;
      isOver = true;
      asking.pause(true);
      clearInterval(timer);
      find("again").hidden = false;
    };
    let timer = setInterval(tick, 1000);
    find("again").addEventListener("click", () => {
      isOver = false;
      since = Date.now();
      find("again").hidden = true;
      timer = setInterval(tick, 1000);
      asking.pause(false);
    });
    find("waiting").hidden = false;
  }

  return { start };
})();

Waiting.start(Page.data("settings").live);
