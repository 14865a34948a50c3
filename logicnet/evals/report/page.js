// `echarts` is defined before this. Colours are written as var(--name), which ECharts does not resolve.
const charts = JSON.parse(document.getElementById("charts").textContent);
function coloured(value, style) {
  if (typeof value === "string") return value.replace(/^var\((--\w+)\)$/, (_, name) => style.getPropertyValue(name).trim());
  if (Array.isArray(value)) return value.map((one) => coloured(one, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, style)]));
}
function draw() {
  const style = getComputedStyle(document.documentElement);
  for (const [id, options] of Object.entries(charts)) {
    const place = document.getElementById(id);
    try {
      (echarts.getInstanceByDom(place) ?? echarts.init(place, null, { renderer: "svg" })).setOption(coloured(options, style), true);
    } catch (error) {
      place.textContent = `This chart could not be drawn: ${error.message}`;
    }
  }
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", () => Object.keys(charts).forEach((id) => echarts.getInstanceByDom(document.getElementById(id))?.resize()));
