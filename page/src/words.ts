// Numbers and names in words.
import type { Scalar, Summary, Trace } from "./format";

/** A number in at most `digits` significant digits. */
export function short(number: Scalar, digits = 4): string {
  return typeof number === "number" ? String(Number(number.toPrecision(digits))) : String(number);
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const power = Math.min(Math.floor(Math.log10(count) / 3), 4);
  return `${short(count / 1000 ** power, 3)} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

export function duration(nanoseconds: number): string {
  if (nanoseconds < 1e3) return `${nanoseconds} ns`;
  if (nanoseconds < 1e6) return `${short(nanoseconds / 1e3, 3)} µs`;
  if (nanoseconds < 1e9) return `${short(nanoseconds / 1e6, 3)} ms`;
  return `${short(nanoseconds / 1e9, 3)} s`;
}

export function counted(count: number, noun: string): string {
  const many = noun.endsWith("s") ? `${noun}es` : noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count.toLocaleString("en")} ${count === 1 ? noun : many}`;
}

/** A shape as Python writes it. */
export function tuple(shape: number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

export function shapeOf(summary: Summary): number[] {
  return typeof summary === "object" ? summary.shape : [];
}

/** Numbers where there are few, otherwise the shape. */
export function brief(summary: Summary | undefined, most = 4, digits = 4): string {
  if (summary === undefined) return "?";
  if (typeof summary !== "object") return short(summary, digits);
  const { data, shape } = summary;
  return data && data.length <= most ? nested(data.map((number) => short(number, digits)), shape) : tuple(shape);
}

function nested(items: string[], shape: number[]): string {
  if (shape.length === 0) return items[0];
  const size = items.length / shape[0];
  const rows = Array.from({ length: shape[0] }, (_, i) =>
    nested(items.slice(i * size, (i + 1) * size), shape.slice(1)));
  return `[${rows.join(", ")}]`;
}

export function place(trace: Trace, line: number): string {
  return line < 0 ? "" : `${trace.lines[line].file}:${trace.lines[line].line}`;
}

export function operationName(trace: Trace, operation: number): string {
  return trace.rules[trace.operations[operation].rule].name;
}

export function valueName(trace: Trace, index: number): string {
  const value = trace.values[index];
  if (value.name) return value.name;
  return value.maker >= 0 ? `result of ${operationName(trace, value.maker)}` : `${value.role} ${tuple(value.shape)}`;
}

export interface NotFinite { kind: "NaN" | "Inf"; text: string }

/** Whether a summary has entries that are not finite, and how many. */
export function notFinite(summary: Summary | undefined): NotFinite | undefined {
  if (summary === undefined) return undefined;
  const numbers = typeof summary === "object" ? summary.data ?? [] : [summary];
  const stats = typeof summary === "object" ? summary.stats : undefined;
  const nans = stats?.nans ?? numbers.filter((number) => number === "NaN").length;
  const infinite = stats?.infs ?? numbers.filter((number) => typeof number === "string").length - nans;
  if (nans + infinite === 0) return undefined;
  const size = shapeOf(summary).reduce((a, b) => a * b, 1);
  const of = (count: number, kind: string) =>
    (count > 0 ? [size > 1 ? `${count.toLocaleString("en")} ${kind}` : kind] : []);
  const counts = [...of(nans, "NaN"), ...of(infinite, "infinite")].join(" and ");
  return { kind: nans > 0 ? "NaN" : "Inf", text: size > 1 ? `${counts} of ${counted(size, "entry")}` : counts };
}

/** The input or output that an operation calls by this name, or undefined where it is something else. */
export function valueCalled(trace: Trace, operation: number, name: string): number | undefined {
  const { inputs, outputs } = trace.operations[operation];
  if (name === "out") return outputs[0];
  return inputs.find((_, position) => inputName(trace, operation, position) === name);
}

/** What an operation calls by a name, with the name it has elsewhere: y (x1). */
export function bothNames(trace: Trace, name: string, value: number | undefined): string {
  if (value === undefined || valueName(trace, value) === name) return name;
  return `${name} (${valueName(trace, value)})`;
}

export function listed(items: string[]): string {
  return items.length > 1 ? `${items.slice(0, -1).join(", ")} and ${items.at(-1)}` : items[0] ?? "";
}

/** What the rule calls its input at this position; inputs beyond the last name are numbered. */
export function inputName(trace: Trace, operation: number, position: number): string {
  const names = trace.rules[trace.operations[operation].rule].inputs;
  if (names.length >= trace.operations[operation].inputs.length) return names[position];
  const last = names.length - 1;
  return position < last ? names[position] : `${names[last] ?? "input"}[${position - Math.max(last, 0)}]`;
}

/** The same number with its place in the file it was made at: multiply (train.py:3). */
export function operationAt(trace: Trace, operation: number): string {
  const at = place(trace, trace.operations[operation].line);
  return operationName(trace, operation) + (at && ` (${at})`);
}

/** A further term of a sum, with its sign as one would write it by hand: − 0.5. */
export function plus(term: string): string {
  return term.startsWith("-") ? `− ${term.slice(1)}` : `+ ${term}`;
}
