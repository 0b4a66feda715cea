// Fetches the module that gives each figure its buttons (assets/live/figures.js).
/* global homeOf */

/**
 * @param {object} component  as Streamlit hands it
 * @param {{base: string, script: string, plotly: string}} component.data
 */
export default function ({ data }) {
  const home = homeOf(data.base);
  import(home + data.script).then((figures) => figures.watch(
    '[data-testid="stPlotlyChart"]', home + data.plotly));
}
