// Draws every chart of the page. A chart is a JSON block with data-chart naming the element it is drawn into.
// `ast` makes Vega interpret its expressions instead of compiling them, so that the page needs no 'unsafe-eval'.
(() => {
  "use strict";
  const config = {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: {
      labelColor: "currentColor", titleColor: "currentColor", tickColor: "currentColor", domainColor: "currentColor",
      gridColor: "currentColor", gridOpacity: 0.12, domainOpacity: 0.4, tickOpacity: 0.4,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 10,
    },
    text: { color: "currentColor", fontSize: 12 },
    rule: { color: "currentColor" },
  };
  const draw = async block => {
    const place = document.getElementById(block.dataset.chart);
    try {
      await vegaEmbed(place, JSON.parse(block.textContent),
        { mode: "vega-lite", renderer: "svg", actions: false, ast: true, config });
    } catch (error) {
      place.textContent = `This chart could not be drawn (${error.message}); the table below holds its numbers.`;
    }
  };
  document.querySelectorAll("script[data-chart]").forEach(draw);
})();
