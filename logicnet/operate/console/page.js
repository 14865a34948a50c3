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

// A chart with a zoom by keyboard: arrows move what is shown, + and - narrow and widen it.
addEventListener("keydown", (event) => {
  const chart = event.target.matches?.(".chart.zoomed") && getElement(Number(event.target.id.slice(1)))?.chart;
  const shown = chart && chart.getOption()?.dataZoom?.[0];
  if (!shown || event.ctrlKey || event.metaKey || event.altKey) return; // those are the browser's
  const { start, end } = shown;
  const width = end - start;
  const by = { ArrowLeft: [-0.25, -0.25], ArrowRight: [0.25, 0.25], "+": [0.25, -0.25], "-": [-0.5, 0.5] }[event.key];
  if (!by) return;
  event.preventDefault();
  if (event.key === "+" && width < 2) return;
  let [low, high] = [start + by[0] * width, end + by[1] * width];
  if (event.key.startsWith("Arrow")) {
    const back = Math.max(0, -low) - Math.max(0, high - 100);
    [low, high] = [low + back, high + back];
  }
  chart.dispatchAction({ type: "dataZoom", start: Math.max(0, low), end: Math.min(100, high) });
});
