// The item page works without this. While somebody types it says so to the others, shows the words as the resident
// will read them, counts long lines, and tells when the item has changed meanwhile. It never moves the focus.
(() => {
  "use strict";
  const page = document.querySelector("[data-item]");
  if (!page) return;
  const news = document.getElementById("news");
  const form = document.querySelector("form[data-claim]");
  const PING = 60_000;
  let version = page.dataset.version;
  let last = 0;

  const tell = (words) => {
    if (news.textContent === words) return;
    news.textContent = words;
    news.hidden = !words;
  };

  // Only the own claim makes a new version that this page may save against; anything else is a change by others.
  const moved = (now, own) => {
    if (own && now.mine && Number(now.version) === Number(version) + 1) {
      version = String(now.version);
      for (const field of document.querySelectorAll(`form[action^="${page.dataset.item.replace(/now$/, "")}"] [name=version]`)) {
        field.value = version;
      }
    }
    if (String(now.version) !== version) tell(page.dataset.changed);
    else if (now.who && !now.mine) tell(`${page.dataset.busy} ${now.who}`);
    else tell("");
  };

  const claim = async () => {
    if (Date.now() - last < PING) return;
    last = Date.now();
    const sent = new URLSearchParams();
    for (const name of ["csrf", "version"]) sent.set(name, form.elements[name].value);
    try {
      const answer = await fetch(form.dataset.claim, {
        method: "POST", body: sent, headers: { Accept: "application/json" }, redirect: "error",
      });
      if (answer.ok) moved(await answer.json(), true);
    } catch {
      // Nothing is lost: saving checks the version again.
    }
  };

  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(page.dataset.item, { headers: { Accept: "application/json" }, redirect: "error" });
      if (answer.ok) moved(await answer.json(), false);
    } catch {
      // The next look tells.
    }
  };

  const read = (field) => {
    const longest = Number(field.dataset.longest);
    const long = field.value.split("\n").some((line) => [...line].length > longest);
    let mark = field.parentElement.querySelector(".long");
    if (long && !mark) {
      mark = document.createElement("span");
      mark.className = "long";
      mark.setAttribute("role", "status");
      mark.textContent = `${page.dataset.long} (> ${longest})`;
      field.parentElement.append(mark);
    } else if (!long && mark) {
      mark.remove();
    }
    const preview = document.getElementById("preview");
    if (preview && preview.lang === field.lang) preview.textContent = field.value;
  };

  if (form) {
    form.addEventListener("input", (event) => {
      if (!event.target.matches("textarea[data-longest]")) return;
      read(event.target);
      claim();
    });
  }
  // When the desk heard that the item moved, and when somebody comes back to the page.
  document.addEventListener("phr:moved", look);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("focus", look);
})();
