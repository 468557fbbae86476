// Builds the trace page: one HTML file that needs nothing else, written to where the Python package reads it.
// Its head names the digest of the sources it was built from, so that a test can tell when it is out of date.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const page = import.meta.dirname;
const asset = join(page, "../src/wengert/visualize/trace_page.html");
const limit = 250_000; // bytes

function sources() {
  const inside = readdirSync(join(page, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(page.length + 1).replaceAll("\\", "/"));
  return ["package.json", "package-lock.json", "tsconfig.json", "build.mjs", ...inside].sort();
}

function digest() {
  const sum = createHash("sha256");
  for (const path of sources()) {
    sum.update(path).update("\0").update(readFileSync(join(page, path))).update("\0");
  }
  return sum.digest("hex");
}

async function bundle(entry) {
  const result = await build({
    entryPoints: [join(page, "src", entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    charset: "utf8",
  });
  return result.outputFiles[0].text.trim();
}

const parts = {
  SOURCE: digest(),
  STYLE: await bundle("style.css"),
  // Inside a script element nothing may look like its end.
  SCRIPT: (await bundle("main.tsx")).replaceAll("</script", "<\\/script"),
};
const template = readFileSync(join(page, "src/page.html"), "utf8");
const html = template.replace(/%(SOURCE|STYLE|SCRIPT)%/g, (_, name) => parts[name]);
const size = Buffer.byteLength(html);
if (size > limit) throw new Error(`the page has ${size} bytes, more than the ${limit} it may have`);
writeFileSync(asset, html);
console.log(`${asset}: ${size} bytes`);
