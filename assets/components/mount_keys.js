// Fetches the module that listens to the keys (assets/keys/).
/* global homeOf */

/**
 * @param {object} component  as Streamlit hands it
 * @param {{base: string, script: string, shortcuts: string[], drawing: number}} component.data
 */
export default function ({ data }) {
  const home = homeOf(data.base);
  import(home + data.script).then((keys) => keys.listen(data.shortcuts, data.drawing));
}
