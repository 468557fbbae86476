// The trace as Python writes it: its types, and how it is decoded and checked. All ids are indices; -1 is none.

export type Scalar = number | boolean | "NaN" | "Infinity" | "-Infinity";
export interface Histogram { low: number; high: number; counts: number[] }
export interface Picture { rows: number; columns: number; low: number; high: number; data: string; note?: string }
export interface Statistics {
  min: Scalar | null; max: Scalar | null; mean: Scalar | null; std: Scalar | null; // null where nothing is finite
  zeros: number; nans: number; infs: number;
}
export interface ArraySummary {
  shape: number[]; data?: Scalar[]; stats?: Statistics; histogram?: Histogram; image?: Picture;
  bad?: number[]; note?: string;
}
export type Summary = Scalar | ArraySummary;

export interface Line { file: string; line: number; function: string; text: string }
export interface Layer { path: string; kind: string; parent: number }
export interface Formula { inputs: number[]; text: string }
export interface Rule { name: string; inputs: string[]; options: string[]; forward: string; formulas: Formula[] }
export interface Value {
  name: string; role: "parameter" | "leaf" | "constant" | "result"; shape: number[]; dtype: string; bytes: number;
  maker: number; position: number; summary: number;
}
export interface Operation {
  rule: number; inputs: number[]; outputs: number[]; options: Record<string, string>; layer: number; line: number;
  in_pass: number; of: number; recorded: boolean; kept: string[]; kept_bytes: number;
  forward_ns: number; backward_ns: number;
}
export interface Pass { create_graph: boolean; line: number }
export type TraceEvent =
  | ["forward", operation: number, ns: number, live: number]
  | ["start", pass: number, ns: number, live: number]
  | ["seed", value: number, summary: number, live?: number]
  | ["backward", operation: number, arrived: number[], ns: number, live: number]
  | ["contribution", operation: number, position: number, value: number, part: number, total: number,
    live?: number]
  | ["grad", value: number, before: number, after: number, live?: number]
  | ["changed", value: number, summary: number, live?: number] // a leaf that an optimizer wrote to
  | ["freed", operation: number, live: number]
  | ["dropped", value: number, live: number]
  | ["end", pass: number, ns: number, live: number];
export interface Anomaly {
  event: number; kind: "NaN" | "Inf"; operation: number; value: number; index: number[];
  inputs: { name: string; value: number; text: string }[];
}
export interface Trace {
  format: 1; title: string; wengert: string; lines: Line[]; layers: Layer[]; rules: Rule[]; values: Value[];
  operations: Operation[]; passes: Pass[]; events: TraceEvent[]; summaries: Summary[]; anomaly: Anomaly | null;
  note?: string;
}

/** What is wrong with a trace, in a sentence for the reader. */
export class TraceError extends Error {}

function damaged(what: string): TraceError {
  return new TraceError(`The trace in this file is damaged: ${what}.`);
}

/** The trace in base64(gzip(JSON)), checked so that no index in it leads nowhere. */
export async function decode(text: string): Promise<Trace> {
  let trace: unknown;
  try {
    const packed = atob(text);
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
    trace = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  } catch {
    throw new TraceError("The trace in this file is damaged or cut short: it could not be unpacked.");
  }
  return checked(trace);
}

function checked(data: unknown): Trace {
  const trace = data as Trace;
  if (trace?.format !== 1) {
    const found = trace?.format ?? "unknown";
    throw new TraceError(`This page reads traces of format 1, and this one is of format ${found}.`);
  }
  const lists = ["lines", "layers", "rules", "values", "operations", "passes", "events", "summaries"] as const;
  for (const list of lists) {
    if (!Array.isArray(trace[list])) throw damaged(`it has no list “${list}”`);
  }
  try {
    checkIndices(trace);
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw damaged("an entry in it lacks a part");
  }
  return trace;
}

function checkIndices(trace: Trace): void {
  const within = (list: "lines" | "layers" | "rules" | "values" | "operations" | "passes" | "events" | "summaries",
    lowest: number, ...indices: number[]) => {
    for (const index of indices) {
      if (!Number.isInteger(index) || index < lowest || index >= trace[list].length) {
        throw damaged(`it has no entry ${index} in its list “${list}”`);
      }
    }
  };
  trace.layers.forEach((layer, index) => {
    within("layers", -1, layer.parent);
    // A layer stands after the one around it, so that no chain of parents can be endless.
    if (layer.parent >= index) throw damaged(`layer ${index} is inside itself`);
  });
  for (const value of trace.values) {
    within("operations", -1, value.maker);
    within("summaries", -1, value.summary);
  }
  for (const operation of trace.operations) {
    within("rules", 0, operation.rule);
    within("values", 0, ...operation.inputs, ...operation.outputs);
    within("layers", -1, operation.layer);
    within("lines", -1, operation.line);
    within("passes", -1, operation.in_pass);
    within("operations", -1, operation.of);
  }
  for (const pass of trace.passes) within("lines", -1, pass.line);
  for (const event of trace.events) {
    switch (event[0]) {
      case "forward": case "freed": within("operations", 0, event[1]); break;
      case "start": case "end": within("passes", 0, event[1]); break;
      case "dropped": within("values", 0, event[1]); break;
      case "seed": case "changed": within("values", 0, event[1]); within("summaries", -1, event[2]); break;
      case "grad": within("values", 0, event[1]); within("summaries", -1, event[2], event[3]); break;
      case "backward": within("operations", 0, event[1]); within("summaries", -1, ...event[2]); break;
      case "contribution":
        within("operations", 0, event[1]); within("values", 0, event[3]); within("summaries", -1, event[4], event[5]);
        break;
      default: throw damaged(`it has an event “${event[0]}”, which this page does not know`);
    }
  }
  if (trace.anomaly) {
    within("events", 0, trace.anomaly.event);
    within("operations", 0, trace.anomaly.operation);
    within("values", -1, trace.anomaly.value, ...trace.anomaly.inputs.map((input) => input.value));
  }
}
