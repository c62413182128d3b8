// Web push for this browser: shown only where the browser can do it; without script the form is not there.
"use strict";
const panel = document.querySelector("[data-push]");

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "="));
  return Uint8Array.from(plain, (character) => character.codePointAt(0));
}

async function subscribe(form) {
  const worker = await navigator.serviceWorker.register("/me/push.js", { scope: "/me/" });
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(panel.dataset.push) });
  form.elements.subscription.value = JSON.stringify(made);
  form.submit();
}

if (panel && "serviceWorker" in navigator && "PushManager" in window) {
  panel.hidden = false;
  const form = panel.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    subscribe(form).catch(() => { panel.querySelector("[role=status]").hidden = false; });
  });
}
