// Builds the console into chalicelib/console/dist: hashed files and the page that names them.
//   node build.mjs [--out FOLDER]
// A word that one language has and another has not stops the build.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const flag = process.argv.indexOf("--out");
const out = path.resolve(flag > 0 ? process.argv[flag + 1] : path.join(here, "../chalicelib/console/dist"));
const fresh = `${out}.new`;

async function words(language) {
  const file = `${fresh}/words-${language}.mjs`;
  await build({ entryPoints: [path.join(here, `src/words/${language}.ts`)], outfile: file, format: "esm", logLevel: "error" });
  const found = (await import(`${pathToFileURL(file).href}?${Date.now()}`))[language];
  await rm(file);
  return found;
}

async function checkWords() {
  const [ja, en] = await Promise.all([words("ja"), words("en")]);
  const faults = [];
  for (const [one, other, name] of [[ja, en, "en"], [en, ja, "ja"]]) {
    for (const key of Object.keys(one)) if (!(key in other) || !String(other[key]).trim()) faults.push(`${name} lacks ${key}`);
  }
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const key of Object.keys(ja)) if (key in en && places(ja[key]) !== places(en[key])) faults.push(`${key} has other places`);
  if (faults.length) {
    console.error(faults.join("\n"));
    process.exit(1);
  }
}

// The phone is drawn by the simulator's own renderer: its styles stay within the phone, its few words
// and what stands for a missing picture are ours.
const page = path.join(here, "../chalicelib/local/line/page");
const phone = {
  name: "phone",
  setup(build_) {
    build_.onResolve({ filter: /^\.\/(words|scenes)\.js$/ }, (asked) =>
      asked.importer.startsWith(page) ? { path: path.join(here, "src/phone", asked.path.replace(".js", ".ts")) } : undefined,
    );
    build_.onLoad({ filter: /\/line\/page\/.*\.css$/ }, async (asked) => {
      if (asked.path.endsWith("/tokens.css")) return undefined;
      const text = (await readFile(asked.path, "utf8")).replace(/@keyframes \w+ \{(?:[^{}]|\{[^{}]*\})*\}/g, "");
      return { contents: `.phone-wall {\n${text}\n}`, loader: "css" };
    });
  },
};

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
await checkWords();
const made = await build({
  absWorkingDir: here,
  // The canvas in pieces, none larger than a piece may be: what draws without React, and what lays out.
  entryPoints: { app: "src/main.tsx", flow: "@xyflow/system", layout: "@dagrejs/dagre" },
  outdir: fresh,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "safari16"],
  jsx: "automatic",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  plugins: [phone],
  metafile: true,
  logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"' },
});
const files = Object.entries(made.metafile.outputs).map(([name, output]) => ({ name: path.basename(name), output }));
const entry = files.find((file) => file.output.entryPoint === "src/main.tsx");
const first = new Set([entry.name]);
for (const name of first) {
  const { output } = files.find((file) => file.name === name);
  for (const used of output.imports) if (used.kind === "import-statement") first.add(path.basename(used.path));
}
const styles = files.filter((file) => file.name.endsWith(".css")).map((file) => file.name);
const html = (await readFile(path.join(here, "index.html"), "utf8"))
  .replace("<!--styles-->", styles.map((name) => `<link rel="stylesheet" href="__TODOKU_PREFIX__/console/${name}">`).join(""))
  .replace(
    "<!--scripts-->",
    [...first].slice(1).map((name) => `<link rel="modulepreload" href="__TODOKU_PREFIX__/console/${name}">`).join("") +
      `<script type="module" src="__TODOKU_PREFIX__/console/${entry.name}"></script>`,
  );
await writeFile(path.join(fresh, "index.html"), html);
await writeFile(path.join(fresh, "first.json"), JSON.stringify({ first: [...first], styles, build: createHash("sha256").update(html).digest("hex").slice(0, 12) }));
await rm(out, { recursive: true, force: true });
await rename(fresh, out);
