/**
 * Builds Alive into the Python package. `--check` only compares what is committed with what would be built.
 *
 * esbuild bundles and minifies, then terser; together they are smaller than either. Not terser's `unsafe_comps`:
 * it turned `!(undefined > x)` into `undefined <= x`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const TARGET = new URL("../asok/static/", import.meta.url);
const MODULES = ["alive", "effects", "reset", "reload", "refresh"];
const CORE_LIMIT = 2048;
const TOTAL_LIMIT = 8192;

const bundle = async (name) => {
  const core = name === "alive";
  const { outputFiles } = await build({
    entryPoints: [new URL(`src/${name}.js`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: core ? "iife" : "esm",
    target: "es2022",
    external: core ? [] : ["./reset.js", "./reload.js"],
    logLevel: "error",
  });
  const { code } = await minify(outputFiles[0].text, {
    module: !core,
    toplevel: true,
    compress: { passes: 6, ecma: 2020, unsafe_arrows: true, pure_getters: true },
    format: { ecma: 2020, ascii_only: true },
  });
  return code + "\n";
};

const gzip = (text) => gzipSync(text, { level: 9 }).length;
const built = new Map();
for (const name of MODULES) built.set(name, await bundle(name));

let total = 0;
console.log("file         min  gzip  brotli");
for (const [name, text] of built) {
  total += gzip(text);
  const sizes = [text.length, gzip(text), brotliCompressSync(text).length];
  console.log(`${(name + ".js").padEnd(10)}${sizes.map((size) => String(size).padStart(6)).join("")}`);
}
console.log(`all, gzip      ${String(total).padStart(7)}`);

const failures = [];
if (gzip(built.get("alive")) > CORE_LIMIT) failures.push(`alive.js is over ${CORE_LIMIT} bytes gzip`);
if (total > TOTAL_LIMIT) failures.push(`all together are over ${TOTAL_LIMIT} bytes gzip`);
for (const [name, text] of built) {
  const file = new URL(`${name}.js`, TARGET);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) failures.push(`asok/static/${name}.js is not what the sources give`);
}
for (const failure of failures) console.error(`build: ${failure}`);
process.exitCode = failures.length ? 1 : 0;
