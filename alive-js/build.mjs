/**
 * Builds Alive into the Python package and prints what it weighs; `--check` only compares with what is committed.
 *
 * esbuild bundles and minifies, then terser; together they are smaller than either. Not terser's `unsafe_comps`:
 * it turned `!(undefined > x)` into `undefined <= x`. `docs/decisions` tells where the limits come from.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const SOURCE = new URL("src/", import.meta.url);
const TARGET = new URL("../asok/static/", import.meta.url);
const CORE = "alive";
const MODULES = ["features", "keyed", "messages", "statics", "store", "refresh", "speller"];
/** Bytes after gzip -9. */
const LIMITS = { alive: 2037, features: 7670, keyed: 3960, messages: 8410, statics: 660, store: 2620, together: 23_260 };
/** What only a page under development loads. */
const DEVELOPMENT = ["refresh", "speller"];
/**
 * Properties that only our own files know, and their names in the built ones; `store`, `appState`, `more` are public.
 *
 * While a release is rolled out, a page may get some files of the old one and some of the new. So a name once given
 * keeps its meaning, and none is given twice.
 */
const SHORT = {
  components: "e", socket: "t", keep: "o", root: "n", token: "l", queue: "i", last: "a", held: "d", sent: "u",
  enqueue: "r", control: "c", around: "f", fire: "s", connect: "m", receive: "p", patch: "v", shown: "w", typed: "h",
  selector: "b", came: "g", went: "k", there: "S", age: "M", hinted: "$", fails: "O", timer: "E", go: "C", calls: "T",
  answers: "j", observer: "y", foreign: "x", inside: "z", inner: "L", element: "N", keyed: "V", gap: "B", tail: "D",
  outline: "R", hopeless: "W", fresh: "q", blocks: "A", runs: "F", giveUp: "_", place: "J", users: "U", come: "P",
  tolerate: "G", unasked: "H",
};
const OURS = new RegExp(`^(${Object.keys(SHORT).join("|")})$`);
/** As terser reads them. */
const CACHE = Object.fromEntries(Object.entries(SHORT).map(([name, short]) => [`$${name}`, short]));

/** @param {string} name  @returns {Promise<string>} */
const bundle = async (name) => {
  const core = name === CORE;
  const { outputFiles } = await build({
    entryPoints: [new URL(`${name}.js`, SOURCE).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: core ? "iife" : "esm",
    target: "es2022",
    external: core ? [] : MODULES.filter((module) => module !== name).map((module) => `./${module}.js`),
    tsconfigRaw: "{}",
    logLevel: "error",
  });
  const { code } = await minify(outputFiles[0].text, {
    module: !core,
    toplevel: true,
    compress: { passes: 6, ecma: 2020, unsafe_arrows: true, pure_getters: true },
    // `builtins`: the browser has some of these names too, on objects of its own that we never ask for them.
    // `undeclared`: also where they are read of `window.alive`.
    // `undeclared`: `window.alive.keep`, too.
    mangle: { properties: { regex: OURS, builtins: true, undeclared: true } },
    format: { ecma: 2020 },
    nameCache: { props: { props: CACHE } },
  });
  return /** @type {string} */ (code);
};

/** @param {string} text */
const sizes = (text) => ({
  min: Buffer.byteLength(text),
  gzip: gzipSync(text, { level: 9 }).length,
  brotli: brotliCompressSync(text).length,
});

const failures = [];
if (new Set(Object.values(SHORT)).size < Object.keys(SHORT).length) failures.push("two properties have one short name");
const built = new Map();
for (const name of [CORE, ...MODULES]) built.set(`${name}.js`, await bundle(name));

console.log("file            min   gzip  brotli");
/** All modules that a page in production may load. */
const total = { min: 0, gzip: 0, brotli: 0 };
for (const [file, text] of [...built, ["together", ""]]) {
  const size = text ? sizes(text) : total;
  console.log(file.padEnd(14) + [size.min, size.gzip, size.brotli].map((each) => String(each).padStart(7)).join(""));
  if (text && ![CORE, ...DEVELOPMENT].includes(file.slice(0, -3)))
    for (const unit of /** @type {(keyof total)[]} */ (Object.keys(total))) total[unit] += size[unit];
}

for (const [name, limit] of Object.entries(LIMITS)) {
  const { gzip } = name === "together" ? total : sizes(built.get(`${name}.js`));
  if (gzip > limit) failures.push(`${name}: ${gzip} bytes gzip, ${limit} are allowed`);
}

if (process.argv.includes("--check")) {
  const files = readdirSync(TARGET).filter((file) => file.endsWith(".js"));
  for (const file of new Set([...files, ...built.keys()]))
    if (!files.includes(file) || readFileSync(new URL(file, TARGET), "utf8") !== built.get(file))
      failures.push(`asok/static/${file} is not what the sources give`);
} else for (const [file, text] of built) writeFileSync(new URL(file, TARGET), text);

for (const failure of failures) console.error(`build: ${failure}`);
process.exitCode = failures.length ? 1 : 0;
