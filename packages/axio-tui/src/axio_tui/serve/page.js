// The keys belong to the terminal from the beginning, and again when the button has come and gone.
"use strict";
addEventListener("load", () => {
  const keys = document.querySelector(".xterm-helper-textarea");
  keys?.focus();
  addEventListener("focus", () => keys?.focus());
  new MutationObserver(() => {
    if (document.body.classList.contains("-closed")) document.querySelector(".closed button").focus();
  }).observe(document.body, { attributeFilter: ["class"] });
});
