// One numbering for all that the graph can show: values first, then operations, then boxes.
import type { Trace } from "./format";

export type Node = number;
export type Kind = "value" | "operation" | "box";

export class Nodes {
  readonly values: number;
  readonly firstBox: number;

  constructor(trace: Trace) {
    this.values = trace.values.length;
    this.firstBox = this.values + trace.operations.length;
  }

  value(index: number): Node { return index; }
  operation(index: number): Node { return this.values + index; }
  box(index: number): Node { return this.firstBox + index; }

  kind(node: Node): Kind {
    return node < this.values ? "value" : node < this.firstBox ? "operation" : "box";
  }

  /** The index in its own list. */
  index(node: Node): number {
    return node < this.values ? node : node < this.firstBox ? node - this.values : node - this.firstBox;
  }

  /** The key by which programs name a node, and back: v3, o2, b1. */
  key(node: Node): string { return this.kind(node)[0] + this.index(node); }

  parse(key: string): Node {
    const index = Number(key.slice(1));
    return key[0] === "v" ? this.value(index) : key[0] === "o" ? this.operation(index) : this.box(index);
  }
}
