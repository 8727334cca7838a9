// Newer data of a trace that is still arriving, from the server that the page came from.
const ReportLive = (() => {
  "use strict";

  const OFTEN = 2000;
  const SELDOM = 10000;

  /** `version()` names the data that is shown; `update(report)` takes newer; `tell(text)` says how it is going. */
  function start(path, version, update, tell) {
    let wait = OFTEN;
    let timer = 0;
    let asking = false;
    let paused = false;
    const later = () => {
      clearTimeout(timer);
      if (!document.hidden && !paused) timer = setTimeout(ask, wait);
    };
    const ask = async () => {
      if (asking) return;
      asking = true;
      try {
        const url = new URL(path, document.baseURI);
        url.searchParams.set("known", version());
        const answer = await fetch(url, { cache: "no-store" });
        if (answer.status === 200) {
          update(await answer.json());
          wait = OFTEN;
          tell("live");
        } else {
          wait = Math.min(SELDOM, wait * 1.5);
          tell(answer.status === 204 ? "live" : "no longer updated");
        }
      } catch {
        wait = SELDOM;
        tell("server not reached");
      }
      asking = false;
      later();
    };
    document.addEventListener("visibilitychange", () => {
      wait = OFTEN;
      if (document.hidden) clearTimeout(timer);
      else if (!paused) ask();
    });
    /** Ask no more, or go on. */
    const pause = (on) => {
      paused = on;
      wait = OFTEN;
      tell(on ? "paused" : "live");
      if (on) clearTimeout(timer);
      else ask();
    };
    tell("live");
    later();
    return { ask, pause };
  }

  return { start };
})();
