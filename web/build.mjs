// Bundles src/ into the package. The first line of the bundle names the sources it was made of, so that a
// test can tell without node whether it is up to date.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";

const digest = createHash("sha256");
for (const name of readdirSync("src").sort()) digest.update(readFileSync(`src/${name}`));

await build({
  entryPoints: ["src/main.ts"],
  outfile: "../rayloom/baking/page/viewer.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  banner: { js: `// Built from web/src (sha256 ${digest.digest("hex")}) by npm run build; do not edit.` },
});
