// Keeps a page fresh: new alerts are announced, the list is fetched anew, and "5 min ago" stays true. Nothing else.
"use strict";
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];

  function ago(seconds) {
    for (const [size, name] of units) {
      if (seconds >= size) return `${Math.round(seconds / size)} ${name} ago`;
    }
    return "just now";
  }

  function tell() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const beside = time.nextElementSibling;
      if (beside && beside.classList.contains("ago")) {
        beside.textContent = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
      }
    }
  }

  let fetching = false;
  async function refresh(said) {
    const list = document.querySelector("[data-live]");
    const busy = list && list.contains(document.activeElement) && document.activeElement.closest("form");
    if (!list || fetching || busy) return;
    fetching = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (!fresh) return;
      const held = document.activeElement && list.contains(document.activeElement) && document.activeElement.getAttribute("href");
      list.replaceChildren(...fresh.childNodes);
      if (held) list.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
      const note = document.querySelector("[data-fresh]");
      if (note && said) note.textContent = said;
      document.title = page.title;
      tell();
    } catch (error) {
      // The console is away: the page stays as it is, and the next event or minute tries again.
    } finally {
      fetching = false;
    }
  }

  const clock = () => new Date().toISOString().slice(11, 19);
  const events = document.body.dataset.events;
  if (events && document.querySelector("[data-live]")) {
    const stream = new EventSource(events);
    let waiting = 0;
    stream.addEventListener("alert", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => refresh(`New alert at ${clock()} UTC; the list is up to date.`), 300);
    });
    setInterval(() => document.hidden || refresh(""), 60000);
    document.addEventListener("visibilitychange", () => document.hidden || refresh(""));
    addEventListener("pagehide", () => stream.close());
  }
  tell();
  setInterval(tell, 30000);
})();
