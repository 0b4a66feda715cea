// eslint's recommended rules. What it needs lies where eslint itself does: in .venv/js, see node.py.

import { createRequire } from "node:module";

const require = createRequire(process.argv[1]);
const js = require("@eslint/js");
const globals = require("globals");

export default [
  { ...js.configs.recommended, files: ["**/*.js", "**/*.mjs"] },
  { files: ["assets/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["assets/vote/*.js"], languageOptions: { ecmaVersion: 2019 } }, // phones of 2019
  // import() is of 2020 in the standard, and in browsers since spring 2019.
  { files: ["assets/vote/frame.js"], languageOptions: { ecmaVersion: 2020 } },
  { files: ["tests/**/*.mjs"], languageOptions: { globals: globals.node } },
];
