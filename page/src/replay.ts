// The state at event k, as a pure function of k. Nothing is replayed: where everything happens is looked up once, in
// lists in the order of time, and each question is then a search in one of them, as quick at the last event as at the
// first.
import type { Trace } from "./format";
import { Nodes, type Node } from "./nodes";
import { notFinite } from "./words";

export interface Part { event: number; operation: number; position: number; part: number; total: number }
export interface Gradient { seed: number; parts: Part[]; total: number } // summaries; -1 where there is none
export type Status = "later" | "present" | "gone";

const NEVER = Infinity;
const NOTHING: number[] = [];

export class Replay {
  readonly live: Float64Array; // bytes alive at each event
  readonly suspects: number[]; // values that are not finite, or whose gradient is not, at some event
  private readonly starts: number[] = []; // events at which a pass begins
  private readonly made: Float64Array; // for each node, the event at which it comes to be
  private readonly gone: Float64Array; // the event at which its array, or what it kept, is let go
  private readonly received = new Map<number, number[]>(); // value: its seeds and contributions
  private readonly written = new Map<number, number[]>(); // value: the events that wrote its .grad
  private readonly changed = new Map<number, number[]>(); // value: the events that gave it new numbers
  private readonly reached = new Map<number, number[]>(); // operation: the events at which backward came to it

  constructor(private readonly trace: Trace, private readonly nodes: Nodes) {
    this.made = new Float64Array(nodes.firstBox).fill(NEVER);
    this.gone = new Float64Array(nodes.firstBox).fill(NEVER);
    this.live = new Float64Array(trace.events.length);
    trace.events.forEach((event, k) => {
      let live = this.live[k - 1] ?? 0;
      switch (event[0]) {
        case "forward": this.forward(event[1], k); live = event[3]; break;
        case "start": this.starts.push(k); live = event[3]; break;
        case "seed": append(this.received, event[1], k); this.make(event[1], k); live = event[3] ?? live; break;
        case "backward": append(this.reached, event[1], k); live = event[4]; break;
        case "contribution": append(this.received, event[3], k); live = event[6] ?? live; break;
        case "grad": append(this.written, event[1], k); live = event[4] ?? live; break;
        case "changed": append(this.changed, event[1], k); live = event[3] ?? live; break;
        case "freed": this.gone[nodes.operation(event[1])] = k; live = event[2]; break;
        case "dropped": this.gone[nodes.value(event[1])] = k; live = event[2]; break;
        case "end": live = event[3]; break;
      }
      this.live[k] = live;
    });
    this.suspects = this.findSuspects();
  }

  status(node: Node, k: number): Status {
    return this.gone[node] <= k ? "gone" : this.made[node] <= k ? "present" : "later";
  }

  /** The pass that runs at event k or ran last, by its first event; -1 before the first pass. */
  passStart(k: number): number { return latest(this.starts, k); }

  /** Whether backward has come to this operation in the pass of event k. */
  isReached(operation: number, k: number): boolean { return this.arrival(operation, k) >= 0; }

  /** The gradients that have come to the outputs of an operation by event k, in the pass of that event. */
  arrived(operation: number, k: number): number[] {
    const event = this.trace.events[this.arrival(operation, k)];
    const all = event?.[0] === "backward" ? event[2] : NOTHING;
    return this.trace.operations[operation].outputs.map((value, i) =>
      all[i] >= 0 ? all[i] : this.gradient(value, k).total);
  }

  /** By how many bytes an event changes what is alive. */
  change(k: number): number { return k > 0 ? this.live[k] - this.live[k - 1] : this.live[0] ?? 0; }

  /** What of a value is not finite at event k: its numbers, or what has come back to it. */
  trouble(value: number, k: number): string {
    const { summaries } = this.trace;
    const own = this.made[value] <= k ? notFinite(summaries[this.numbers(value, k)]) : undefined;
    return (own ?? notFinite(summaries[this.gradient(value, k).total]))?.kind ?? "";
  }

  /** What the operations among these keep at event k, an array that several keep once, as far as is known. */
  kept(operations: number[], k: number): number {
    const counted = new Set<number>();
    let total = 0;
    for (const index of operations) {
      if (this.status(this.nodes.operation(index), k) !== "present") continue;
      const { rule, kept, inputs, outputs, kept_bytes } = this.trace.operations[index];
      const names = this.trace.rules[rule].inputs;
      let rest = kept_bytes;
      for (const name of kept) {
        const value = name === "out" ? outputs[0] : inputs[names.indexOf(name)];
        if (value === undefined) continue;
        const size = Math.min(this.trace.values[value].bytes, rest);
        rest -= size;
        if (!counted.has(value)) total += size;
        counted.add(value);
      }
      total += rest;
    }
    return Math.min(total, this.live[k] ?? 0);
  }

  /** What has come to a value in the pass of event k, in order. */
  gradient(value: number, k: number): Gradient {
    const start = this.passStart(k);
    const gradient: Gradient = { seed: -1, parts: [], total: -1 };
    if (start < 0) return gradient;
    for (const index of this.received.get(value) ?? NOTHING) {
      if (index < start) continue;
      if (index > k) break;
      const event = this.trace.events[index];
      if (event[0] === "seed") gradient.seed = gradient.total = event[2];
      if (event[0] === "contribution") {
        const [, operation, position, , part, total] = event;
        gradient.parts.push({ event: index, operation, position, part, total });
        gradient.total = total;
      }
    }
    return gradient;
  }

  /** The numbers of a value, of which a parameter has new ones after each step. */
  numbers(value: number, k: number): number {
    const event = this.trace.events[latest(this.changed.get(value) ?? NOTHING, k)];
    return event?.[0] === "changed" ? event[2] : this.trace.values[value].summary;
  }

  /** What stands in .grad at event k; -1 where nothing was written yet. */
  stored(value: number, k: number): number {
    const event = this.trace.events[latest(this.written.get(value) ?? NOTHING, k)];
    return event?.[0] === "grad" ? event[3] : -1;
  }

  /** What an event is about: the first is where the eye should go. */
  actors(k: number): Node[] {
    const event = this.trace.events[k];
    switch (event?.[0]) {
      case "forward": case "backward": case "freed": return [this.nodes.operation(event[1])];
      case "contribution": return [this.nodes.operation(event[1]), this.nodes.value(event[3])];
      case "seed": case "grad": case "changed": case "dropped": return [this.nodes.value(event[1])];
      default: return [];
    }
  }

  /** The uses along which something moves at an event, in the direction in which it moves. */
  movement(k: number): { from: Node; to: Node }[] {
    const event = this.trace.events[k];
    if (event?.[0] === "contribution") {
      return [{ from: this.nodes.operation(event[1]), to: this.nodes.value(event[3]) }];
    }
    if (event?.[0] !== "forward" && event?.[0] !== "backward") return [];
    const { inputs, outputs } = this.trace.operations[event[1]];
    const operation = this.nodes.operation(event[1]);
    if (event[0] === "backward") return outputs.map((value) => ({ from: value, to: operation }));
    return [
      ...inputs.map((value) => ({ from: value, to: operation })),
      ...outputs.map((value) => ({ from: operation, to: value })),
    ];
  }

  private findSuspects(): number[] {
    const { values, events, summaries } = this.trace;
    const found = new Set<number>();
    const bad = summaries.map((summary) => notFinite(summary) !== undefined);
    values.forEach(({ summary }, value) => { if (bad[summary]) found.add(value); });
    for (const event of events) {
      if ((event[0] === "changed" || event[0] === "seed") && bad[event[2]]) found.add(event[1]);
      if (event[0] === "contribution" && bad[event[5]]) found.add(event[3]);
    }
    return [...found];
  }

  private arrival(operation: number, k: number): number {
    const event = latest(this.reached.get(operation) ?? NOTHING, k);
    return event >= this.passStart(k) ? event : -1;
  }

  private forward(index: number, k: number): void {
    const { inputs, outputs } = this.trace.operations[index];
    this.make(this.nodes.operation(index), k);
    // What no operation made is there when it is first used.
    for (const value of [...inputs, ...outputs]) this.make(value, k);
  }

  private make(node: Node, k: number): void { this.made[node] = Math.min(this.made[node], k); }
}

function append(lists: Map<number, number[]>, key: number, item: number): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** The last of these rising numbers that is at most k; -1 where none is. */
function latest(rising: number[], k: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] <= k) low = middle + 1;
    else high = middle;
  }
  return rising[low - 1] ?? -1;
}
