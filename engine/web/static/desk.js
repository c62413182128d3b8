"use strict";
// What the desk can do without: keys, and a word when something arrived. Every page works when this file is missing.

(() => {
  const words = (name) => document.querySelectorAll(`[data-do~="${name}"]`);
  const dialog = document.getElementById("keys");

  dialog?.querySelector("[data-close]").addEventListener("click", () => dialog.close());

  // The table of keys is the one the page shows; a person who switched single keys off has no table, and so no keys.
  const table = new Map();
  for (const row of document.querySelectorAll("#keys tr[data-press]")) {
    table.set(row.dataset.press, row.dataset.key);
  }
  const starts = new Set([...table.keys()].filter((press) => press.includes(" ")).map((press) => press.split(" ")[0]));
  let begun = "";
  let forget = 0;

  const rows = () => [...document.querySelectorAll("ol.waiting > .item")].filter((row) => row.querySelector("a.open"));
  const here = () => rows().findIndex((row) => row.contains(document.activeElement));

  const move = (step) => {
    const link = words(step > 0 ? "next" : "previous")[0];
    if (link) {
      link.click();
      return;
    }
    const all = rows();
    const next = here() < 0 ? (step > 0 ? 0 : all.length - 1) : here() + step;
    const turn = document.querySelector(step > 0 ? '.pages a[rel="next"]' : '.pages a[rel="prev"]');
    if (all[next]) {
      all[next].querySelector("a.open").focus();
      all[next].scrollIntoView({ block: "nearest" });
    } else if (turn && here() >= 0) {
      turn.click();
    }
  };

  const open = () => {
    const row = rows()[Math.max(here(), 0)];
    if (row) row.querySelector("a.open").click();
  };

  const select = () => {
    const box = rows()[here()]?.querySelector('.pick input');
    if (box) box.checked = !box.checked;
  };

  const show = (element) => {
    const details = element.closest("details");
    if (details) details.open = true;
    const target = element.matches("details, section, form, fieldset")
      ? element.querySelector("textarea, input:not([type=hidden]), select, button") || element
      : element;
    target.scrollIntoView({ block: "nearest" });
    target.focus();
    if (target === element && element.matches("input[type=search]")) element.select();
  };

  const act = (name) => {
    const element = words(name)[0];
    if (!element) return false;
    if (element.disabled) return true;
    if (element.matches("button, a")) {
      // A form that lacks something says what; the browser puts the cursor there.
      element.click();
    } else {
      show(element);
    }
    return true;
  };

  const acts = {
    next: () => move(1),
    previous: () => move(-1),
    open,
    select,
    keys: () => dialog && !dialog.open && dialog.showModal(),
    queue: () => location.assign("/queue"),
    search: () => act("search") || location.assign("/queue#q"),
  };

  const typing = (target) =>
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches("textarea, select") ||
      (target.matches("input") && !["checkbox", "radio", "button", "submit"].includes(target.type)));

  document.addEventListener("keydown", (event) => {
    // 229 is what a key is called while an input method composes with it.
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat && !"jk".includes(event.key)) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const pressed = begun ? `${begun} ${event.key}` : event.key;
    const alone = event.key;
    window.clearTimeout(forget);
    begun = "";
    const name = table.get(pressed) || table.get(alone);
    if (name) {
      event.preventDefault();
      (acts[name] || (() => act(name)))();
    } else if (starts.has(alone)) {
      begun = alone;
      forget = window.setTimeout(() => { begun = ""; }, 1500);
    }
  });

  // What arrived is told where it disturbs nobody: nothing moves, no focus changes.
  const live = document.getElementById("live");
  const told = document.getElementById("live-words");
  if (live && told && window.EventSource) {
    const item = location.pathname.match(/^\/advice\/(a-[a-z2-7]{13})$/)?.[1];
    const say = (kind) => {
      // An item's own page knows which changes are this person's own.
      if (kind === "here" && document.querySelector("[data-item]")) {
        document.dispatchEvent(new Event("phr:moved"));
        return;
      }
      const note = told.content.querySelector(`[data-kind="${kind}"]`);
      if (!note || live.querySelector(`[data-kind="${kind}"]`)) return;
      const made = note.cloneNode(true);
      for (const link of made.querySelectorAll('a[href=""]')) link.href = location.pathname + location.search;
      live.append(made);
    };
    const source = new EventSource(live.dataset.live);
    source.addEventListener("urgent", () => say("urgent"));
    source.addEventListener("decided", (event) => say(JSON.parse(event.data).id === item ? "here" : "decided"));
    source.addEventListener("moved", (event) => { if (JSON.parse(event.data).id === item) say("here"); });
    source.addEventListener("ended", () => {
      source.close();
      const made = document.createElement("p");
      made.textContent = live.dataset.ended;
      live.append(made);
    });
    window.addEventListener("pagehide", () => source.close());
  }
})();
