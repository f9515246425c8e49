"use strict";
const isMac = navigator.platform.startsWith("Mac");

// Ctrl+V pastes, as everywhere in a browser: the terminal would take it for a key of its own.
addEventListener("keydown", (event) => {
  const { ctrlKey, shiftKey, altKey, metaKey, key } = event;
  if (ctrlKey && key === "v" && !(shiftKey || altKey || metaKey || isMac)) event.stopPropagation();
}, true);

// The keys belong to the terminal once there is a connection, and to the button when that has ended.
addEventListener("load", () => {
  new MutationObserver(() => {
    const isClosed = document.body.classList.contains("-closed");
    document.querySelector(isClosed ? ".closed button" : ".xterm-helper-textarea")?.focus();
  }).observe(document.body, { attributeFilter: ["class"] });
});
