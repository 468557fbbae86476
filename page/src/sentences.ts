// What happens at an event, said in sentences.
import type { Trace } from "./format";
import type { Replay } from "./replay";
import {
  brief, bytes, counted, listed, notFinite, operationAt, operationName, plus, valueCalled, valueName,
} from "./words";

/** What happens at an event in plain words, with what it does to memory and whether a number stops being finite. */
export function sentence(trace: Trace, replay: Replay, k: number): string {
  return [happening(trace, replay, k), trouble(trace, replay, k), memory(trace, replay, k)].filter(Boolean).join(" ");
}

function memory(trace: Trace, replay: Replay, k: number): string {
  const change = replay.change(k);
  if (change === 0 || trace.events.length === 0) return "";
  const event = trace.events[k];
  if (event[0] === "dropped" && trace.values[event[1]].bytes === -change) return ""; // it was said already
  const size = `${change > 0 ? "+" : "−"}${bytes(Math.abs(change))}`;
  switch (event[0]) {
    case "forward": return change > 0 ? `Memory: ${size}, what it takes, gives and keeps.`
      : `Memory: ${size} since the event before.`;
    case "seed": case "contribution": case "grad": return change > 0 ? `A gradient is made: ${size}.`
      : `Memory: ${size} since the event before.`;
    default: return `Memory: ${size} since the event before.`;
  }
}

/** Where a number is not finite: whether it is born here, or came in already. */
function trouble(trace: Trace, replay: Replay, k: number): string {
  const event = trace.events[k];
  if (event?.[0] !== "forward" && event?.[0] !== "contribution") return "";
  const { inputs, outputs } = trace.operations[event[1]];
  const bad = (summary: number) => notFinite(trace.summaries[summary]);
  const numbers = (values: number[]) => values.map((value) => replay.numbers(value, k));
  const made = event[0] === "forward" ? numbers(outputs) : [event[4]];
  const met = event[0] === "forward" ? numbers(inputs)
    : [...replay.arrived(event[1], k), ...numbers(inputs), ...numbers(outputs)];
  const found = made.map(bad).find((each) => each !== undefined);
  if (!found) return "";
  return `${found.kind} is ${met.some(bad) ? "passed on" : "born here"}: ${found.text}.`;
}

function happening(trace: Trace, replay: Replay, k: number): string {
  const event = trace.events[k];
  if (event === undefined) return "Nothing happened while this trace was recorded.";
  const summary = (index: number) => brief(trace.summaries[index]);
  switch (event[0]) {
    case "forward": return forward(trace, replay, event[1], k);
    case "start": {
      const recorded = trace.passes[event[1]].create_graph
        ? " It is recorded itself, so that it can be differentiated." : "";
      return `Backward pass ${event[1] + 1} begins.${recorded}`;
    }
    case "seed": return `The pass starts at ${valueName(trace, event[1])} with the gradient ${summary(event[2])}.`;
    case "backward": {
      const arrived = event[2].filter((index) => index >= 0).map(summary);
      const all = arrived.join(" and ") || "nothing";
      return `Backward reaches ${operationAt(trace, event[1])}: all that arrived at its output is ${all}.`;
    }
    case "contribution": {
      const [, operation, position, value, part] = event;
      const name = valueName(trace, value);
      return `${operationName(trace, operation)} sends ${summary(part)} to ${name} as its input ${position}; `
        + `${name}’s gradient is now ${sum(trace, replay, value, k, " = ")}.`;
    }
    case "grad": {
      const name = valueName(trace, event[1]);
      return event[2] < 0
        ? `${name}.grad is set to ${summary(event[3])}.`
        : `${name}.grad was ${summary(event[2])}; with what this pass adds it becomes ${summary(event[3])}.`;
    }
    case "changed":
      return `${valueName(trace, event[1])} has new numbers, written by the program: ${summary(event[2])}.`;
    case "freed": {
      const { kept, kept_bytes } = trace.operations[event[1]];
      const held = kept.map((name) => {
        const value = valueCalled(trace, event[1], name);
        return value === undefined ? name : valueName(trace, value);
      });
      if (held.length === 0) return `${operationAt(trace, event[1])} held nothing that could be let go.`;
      return `${operationAt(trace, event[1])} lets go of ${listed([...new Set(held)])} (${bytes(kept_bytes)}); `
        + "what nobody else holds is dropped.";
    }
    case "dropped": {
      const size = bytes(trace.values[event[1]].bytes);
      return `Nobody holds ${valueName(trace, event[1])} any more: its array is dropped (${size}).`;
    }
    case "end": return `Backward pass ${event[1] + 1} ends.`;
  }
}

function forward(trace: Trace, replay: Replay, index: number, k: number): string {
  const operation = trace.operations[index];
  const named = (value: number) => {
    const { name } = trace.values[value];
    const number = brief(trace.summaries[replay.numbers(value, k)]);
    return name ? `${name}${number.startsWith("(") ? "" : " ="} ${number}` : number;
  };
  const list = (values: number[], noun: string) =>
    values.length > 4 ? counted(values.length, noun) : values.map(named).join(" and ");
  const [inputs, outputs] = [list(operation.inputs, "input"), list(operation.outputs, "output")];
  const where = operation.in_pass >= 0 ? `Recorded in pass ${operation.in_pass + 1}: ` : "";
  const off = operation.recorded ? "" : " It is computed without being recorded: no gradient flows through it.";
  return `${where}${operationAt(trace, index)} takes ${inputs || "nothing"} and gives ${outputs}.${off}`;
}

/** A gradient as the sum of what came: 0.5 + 1.5 → 2. The earlier parts stand as one number where they are many. */
export function sum(trace: Trace, replay: Replay, value: number, k: number, equals: string): string {
  const { seed, parts, total } = replay.gradient(value, k);
  const text = (summary: number) => brief(trace.summaries[summary], 2, 3);
  const terms = [...(seed >= 0 ? [seed] : []), ...parts.map((part) => part.part)];
  if (terms.length <= 1) return text(total);
  if (text(total).startsWith("(")) return `the sum of ${terms.length} parts`; // an array, in brief its shape
  const shown = terms.length <= 3 ? terms : [parts.at(-2)!.total, terms.at(-1)!];
  const [first, ...rest] = shown.map(text);
  return [first, ...rest.map(plus)].join(" ") + equals + text(total);
}
