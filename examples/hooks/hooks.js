// The library is fetched when the first chart is there, and once.
let fetching;
const library = () =>
  (fetching ??= new Promise((resolve, reject) => {
    const onload = () => {
      // Its legend writes `style` attributes, which a strict policy forbids.
      Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
      resolve(Dygraph);
    };
    const script = document.createElement("script");
    document.head.append(Object.assign(script, { src: "/library/dygraph.js", onload, onerror: reject }));
  }));

const charts = new WeakMap();
const pointsOf = (element) => JSON.parse(element.dataset.points).map(([second, level]) => [new Date(second * 1000), level]);

const coloursOf = (element) => {
  const { color, borderColor, outlineColor } = getComputedStyle(element);
  return { colors: [color], gridLineColor: borderColor, axisLineColor: borderColor, axisLabelColor: outlineColor };
};

alive.hooks.Tide = {
  async mounted(element, hook) {
    const Dygraph = await library();
    const look = async (start, end) => {
      const { mean } = await hook.call("look", start / 1000, end / 1000);
      element.title = `${mean.toFixed(2)} m on average`;
    };
    const chart = new Dygraph(element, pointsOf(element), {
      ...coloursOf(element), labels: ["time", "level"], valueRange: [0, 4], strokeWidth: 2,
      animatedZooms: false, axisLabelFontSize: 13, zoomCallback: look,
    });
    charts.set(element, chart);
    matchMedia("(prefers-color-scheme: dark)").onchange = () => chart.updateOptions(coloursOf(element));
    hook.handle("show", ({ start, end }) => {
      chart.updateOptions({ dateWindow: [start * 1000, end * 1000] });
      look(start * 1000, end * 1000);
    });
  },
  updated: (element) => charts.get(element)?.updateOptions({ file: pointsOf(element) }),
  destroyed: (element) => charts.get(element)?.destroy(),
};
