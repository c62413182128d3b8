// The scan of a signed form never leaves this computer: only its sha256 goes into the form.
"use strict";
const line = document.querySelector("[data-hash]");
if (line && window.crypto && window.crypto.subtle) {
  const chooser = line.querySelector("input");
  const field = document.getElementById(line.dataset.hash);
  line.hidden = false;
  chooser.addEventListener("change", async () => {
    const file = chooser.files[0];
    if (!file) return;
    const digest = await window.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    field.value = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
}
