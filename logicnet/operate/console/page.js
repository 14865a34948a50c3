// Panels are rendered anew every second: the link that had the focus gets it back, so that a keyboard works.
let focused = null;
addEventListener("focusin", (event) => {
  const link = event.target.closest("a[href]");
  focused = link && { panel: link.closest("[id]")?.id, href: link.getAttribute("href") };
});
addEventListener("pointerdown", () => (focused = null));
new MutationObserver(() => {
  if (!focused || document.activeElement !== document.body) return;
  const same = (link) => link.getAttribute("href") === focused.href;
  [...document.querySelectorAll(`#${CSS.escape(focused.panel)} a[href]`)].find(same)?.focus({ preventScroll: true });
}).observe(document, { childList: true, subtree: true });
