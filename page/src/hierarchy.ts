// Boxes within boxes: layers as the program nested them, a box for what each backward pass recorded, and boxes made
// here where a level would have too many children to read. Which are open is not known here (session.ts).
import type { Trace } from "./format";
import { Nodes, type Node } from "./nodes";
import { place, valueName } from "./words";

export interface Box {
  parent: number;
  title: string;
  note: string;
  layer: number; // -1 where it is no layer
  children: Node[];
  operations: number; // these four: of everything inside, however deep
  values: number;
  keptBytes: number;
  nanoseconds: number;
}
export interface Edge {
  from: Node; to: Node;
  source: Node; // the value or operation that it comes from, where `from` is a box around that or a port
  count: number; // of the uses it stands for; 0 where it only says what comes later
  again: boolean; // it only leads to where an input is used again, outside of the box that it is drawn in
}

const MOST_CHILDREN = 150; // a level with more is split
const MOST_PORTS = 6; // a level with more ways in, or out, has none: its edges run along its side

/** Where what `source` gives comes into a box, and where it leaves one: places in the level of that box. */
export const entry = (source: Node): Node => -2 * source - 1;
export const exit = (source: Node): Node => -2 * source - 2;
export const isEntry = (node: Node): boolean => node < 0 && node % 2 !== 0;
export const isExit = (node: Node): boolean => node < 0 && node % 2 === 0;

export class Hierarchy {
  readonly boxes: Box[] = [];
  readonly users: number[][]; // for each value, the operations it goes into
  private readonly inside: number[][] = [];
  private readonly home: Int32Array; // for each value and operation, its box
  private readonly order: Float64Array; // the same, in the order in which a reader meets them
  private readonly passBox = new Map<number, number>(); // for each pass that recorded something, its box
  private readonly edges: Edge[][]; // for each box, the edges between its children

  constructor(private readonly trace: Trace, private readonly nodes: Nodes) {
    this.users = usersOf(trace);
    this.home = new Int32Array(nodes.firstBox);
    this.order = this.readingOrder();
    this.addBox(-1, trace.title, "", -1);
    this.settle();
    this.fill();
    for (let box = 0; box < this.boxes.length; box++) this.split(box); // what a split adds is split in its turn
    this.count(0);
    this.edges = this.levelEdges();
  }

  /** The box that holds this node; -1 for the root. */
  parent(node: Node): number {
    return node < this.nodes.firstBox ? this.home[node] : this.boxes[this.nodes.index(node)].parent;
  }

  /** The boxes around a node, the innermost first, without the root. */
  around(node: Node): number[] {
    const found = [];
    for (let box = this.parent(node); box > 0; box = this.boxes[box].parent) found.push(box);
    return found;
  }

  /** What stands for a node in the picture: itself, or the outermost closed box around it. */
  shown(node: Node, open: Set<number>): Node {
    let seen = node;
    for (const box of this.around(node)) if (!open.has(box)) seen = this.nodes.box(box);
    return seen;
  }

  /** The operations in a box, however deep. */
  operationsIn(box: number): number[] {
    return this.inside[box] ??= this.boxes[box].children.flatMap((child) => {
      const index = this.nodes.index(child);
      const kind = this.nodes.kind(child);
      return kind === "box" ? this.operationsIn(index) : kind === "operation" ? [index] : [];
    });
  }

  /** Edges between children of a box, those between their insides included. */
  within(box: number): Edge[] { return this.edges[box]; }

  /** Every edge of the picture: between shown nodes, with the number of uses it stands for. */
  shownEdges(open: Set<number>): Edge[] {
    const standIn = this.boxes.map((_, box) => this.shown(this.nodes.box(box), open));
    const shown = (node: Node) => {
      const box = this.home[node];
      return box === 0 || (open.has(box) && standIn[box] === this.nodes.box(box)) ? node : standIn[box];
    };
    const merged = new EdgeList();
    this.eachUse((from, to) => merged.add(shown(from), shown(to), 1, this.isAgain(from, to), from));
    return merged.all();
  }

  /** The level at which two nodes part, and the child of it that each is in. */
  parting(from: Node, to: Node): [box: number, from: Node, to: Node] {
    const path = (node: Node) => [node, ...this.around(node).map((box) => this.nodes.box(box))];
    const [a, b] = [path(from), path(to)];
    while (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-1)) { a.pop(); b.pop(); }
    return [this.parent(a.at(-1)!), a.at(-1)!, b.at(-1)!];
  }

  private eachUse(see: (from: Node, to: Node) => void): void {
    this.trace.operations.forEach((operation, index) => {
      for (const value of operation.inputs) see(value, this.nodes.operation(index));
      for (const value of operation.outputs) see(this.nodes.operation(index), value);
    });
  }

  private isAgain(from: Node, to: Node): boolean {
    if (from >= this.nodes.values || this.trace.values[from].maker >= 0 || this.home[from] === 0) return false;
    return this.home[to] !== this.home[from] && !this.around(to).includes(this.home[from]);
  }

  private addBox(parent: number, title: string, note: string, layer: number): number {
    this.boxes.push({ parent, title, note, layer, children: [], operations: 0, values: 0, keptBytes: 0,
      nanoseconds: 0 });
    return this.boxes.length - 1;
  }

  /** Three steps for each operation: what enters there first, the operation, what it makes. */
  private readingOrder(): Float64Array {
    const order = new Float64Array(this.nodes.firstBox);
    this.trace.values.forEach((value, index) => {
      const first = this.users[index][0] ?? this.trace.operations.length;
      order[index] = value.maker >= 0 ? 3 * value.maker + 2 : 3 * first;
    });
    for (let index = 0; index < this.trace.operations.length; index++) {
      order[this.nodes.operation(index)] = 3 * index + 1;
    }
    return order;
  }

  /** Gives every operation and value its box. */
  private settle(): void {
    const { operations, values, layers, passes } = this.trace;
    const layerBox = new Map<number, number>();
    const ofLayer = (layer: number): number => {
      if (layer < 0) return 0;
      let box = layerBox.get(layer);
      if (box === undefined) {
        const { path, kind, parent } = layers[layer];
        box = this.addBox(ofLayer(parent), path || kind, path && path !== kind ? kind : "", layer);
        layerBox.set(layer, box);
      }
      return box;
    };
    const ofPass = (pass: number): number => {
      let box = this.passBox.get(pass);
      if (box === undefined) {
        box = this.addBox(0, `backward pass ${pass + 1} — recorded`, place(this.trace, passes[pass].line), -1);
        this.passBox.set(pass, box);
      }
      return box;
    };
    operations.forEach(({ in_pass, layer }, index) => {
      this.home[this.nodes.operation(index)] = in_pass >= 0 ? ofPass(in_pass) : ofLayer(layer);
    });
    values.forEach((value, index) => {
      this.home[index] = value.maker >= 0 ? this.home[this.nodes.operation(value.maker)] : this.homeOfInput(index);
    });
  }

  /**
   * Parameters and scalars live with those who use them, in the first round where there are several; data comes from
   * outside of all layers.
   */
  private homeOfInput(value: number): number {
    const { role, shape } = this.trace.values[value];
    const outside = this.users[value].filter((user) => this.trace.operations[user].in_pass < 0);
    const users = outside.length > 0 ? outside : this.users[value];
    const local = role === "parameter" || shape.length === 0 || outside.length === 0;
    if (!local || users.length === 0) return 0;
    const homes = users.map((user) => this.home[this.nodes.operation(user)]);
    const outermost = (box: number): number => this.boxes[box].parent > 0 ? outermost(this.boxes[box].parent) : box;
    return homes.filter((home) => outermost(home) === outermost(homes[0])).reduce((a, b) => this.common(a, b));
  }

  private common(a: number, b: number): number {
    const seen = new Set<number>();
    for (let box = a; box >= 0; box = this.boxes[box].parent) seen.add(box);
    let box = b;
    while (!seen.has(box)) box = this.boxes[box].parent;
    return box;
  }

  /** Children of every box, in reading order. */
  private fill(): void {
    const first = new Float64Array(this.boxes.length).fill(Infinity);
    for (let node = 0; node < this.nodes.firstBox; node++) {
      this.boxes[this.home[node]].children.push(node);
      for (let box = this.home[node]; box >= 0; box = this.boxes[box].parent) {
        first[box] = Math.min(first[box], this.order[node]);
      }
    }
    const order = (node: Node) => node < this.nodes.firstBox ? this.order[node] : first[this.nodes.index(node)];
    this.boxes.forEach((box, index) => { if (index > 0) this.boxes[box.parent].children.push(this.nodes.box(index)); });
    for (const box of this.boxes) box.children.sort((a, b) => order(a) - order(b));
  }

  /** Where a box has too many children, puts runs of them into boxes of their own. */
  private split(box: number): void {
    const { children } = this.boxes[box];
    if (children.length <= MOST_CHILDREN) return;
    const units = this.units(children);
    const groups = rounds(units) ?? sameLine(units)
      ?? runs(units.length > 1 ? units : children.map((child) => this.units([child])[0]));
    this.boxes[box].children = groups.map(({ label, units: members }) => {
      const inside = members.flatMap((unit) => unit.children);
      return inside.length === 1 ? inside[0] : this.nodes.box(this.wrap(box, inside, label, members[0].line));
    });
    this.split(box);
  }

  private wrap(parent: number, children: Node[], label: string, line: number): number {
    const box = this.addBox(parent, label || this.span(children), place(this.trace, line), -1);
    this.boxes[box].children = children;
    for (const child of children) {
      if (child < this.nodes.firstBox) this.home[child] = box;
      else this.boxes[this.nodes.index(child)].parent = box;
    }
    return box;
  }

  /** A title for a run: its ends. */
  private span(children: Node[]): string {
    const boxes = children.filter((child) => this.nodes.kind(child) === "box")
      .map((child) => this.boxes[this.nodes.index(child)]);
    if (boxes.length > 0) return boxes.length > 1 ? `${boxes[0].title} … ${boxes.at(-1)!.title}` : boxes[0].title;
    const operations = children.filter((child) => this.nodes.kind(child) === "operation")
      .map((child) => this.nodes.index(child));
    if (operations.length > 0) return `operations ${operations[0] + 1} – ${operations.at(-1)! + 1}`;
    return `${valueName(this.trace, children[0])} … ${valueName(this.trace, children.at(-1)!)}`;
  }

  /** An operation stays with what it makes and with what it is the first to use. */
  private units(children: Node[]): Unit[] {
    const units: Unit[] = [];
    let last = -1;
    for (const child of children) {
      const step = Math.floor(this.firstOrder(child) / 3);
      if (step !== last) units.push({ children: [], line: this.trace.operations[step]?.line ?? -1 });
      units.at(-1)!.children.push(child);
      last = step;
    }
    return units;
  }

  private firstOrder(node: Node): number {
    while (node >= this.nodes.firstBox) node = this.boxes[this.nodes.index(node)].children[0];
    return this.order[node];
  }

  private count(box: number): Box {
    const total = this.boxes[box];
    for (const child of total.children) {
      const index = this.nodes.index(child);
      switch (this.nodes.kind(child)) {
        case "value": total.values += 1; break;
        case "operation": {
          const operation = this.trace.operations[index];
          total.operations += 1;
          total.keptBytes += operation.kept_bytes;
          total.nanoseconds += operation.forward_ns + operation.backward_ns;
          break;
        }
        case "box": {
          const inner = this.count(index);
          total.operations += inner.operations;
          total.values += inner.values;
          total.keptBytes += inner.keptBytes;
          total.nanoseconds += inner.nanoseconds;
        }
      }
    }
    return total;
  }

  private levelEdges(): Edge[][] {
    const lists = this.boxes.map(() => new EdgeList());
    this.eachUse((from, to) => {
      const [box, a, b] = this.parting(from, to);
      lists[box].add(a, b, 1, this.isAgain(from, to));
      for (let inner = from; inner !== a; inner = this.nodes.box(this.parent(inner))) {
        lists[this.parent(inner)].add(inner, exit(from), 1, false);
      }
      for (let inner = to; inner !== b; inner = this.nodes.box(this.parent(inner))) {
        lists[this.parent(inner)].add(entry(from), inner, 1, false);
      }
    });
    // What a pass recorded comes after the value at which the pass began.
    let pass = -1;
    for (const event of this.trace.events) {
      if (event[0] === "start") pass = event[1];
      const recorded = event[0] === "seed" ? this.passBox.get(pass) : undefined;
      if (recorded === undefined) continue;
      const [box, a, b] = this.parting(event[1], this.nodes.box(recorded));
      lists[box].add(a, b, 0, false);
    }
    return lists.map((list) => withFewPorts(list.all()));
  }
}

function withFewPorts(edges: Edge[]): Edge[] {
  const entries = new Set(edges.filter(({ from }) => from < 0).map(({ from }) => from));
  const exits = new Set(edges.filter(({ to }) => to < 0).map(({ to }) => to));
  return edges.filter(({ from, to }) =>
    (from >= 0 || entries.size <= MOST_PORTS) && (to >= 0 || exits.size <= MOST_PORTS));
}

function usersOf(trace: Trace): number[][] {
  const users: number[][] = trace.values.map(() => []);
  trace.operations.forEach((operation, index) => {
    for (const value of new Set(operation.inputs)) users[value].push(index);
  });
  return users;
}

class EdgeList {
  private readonly found = new Map<number, Edge>();

  add(from: Node, to: Node, count: number, again: boolean, source = from): void {
    if (from === to) return;
    const key = from * 2 ** 26 + to; // exact: there are far fewer than 2 ** 24 nodes, and twice as many ports
    const edge = this.found.get(key);
    if (!edge) this.found.set(key, { from, to, source, count, again });
    else Object.assign(edge, { count: edge.count + count, again: edge.again && again });
  }

  all(): Edge[] { return [...this.found.values()]; }
}

interface Unit { children: Node[]; line: number }
interface Group { label: string; units: Unit[] }

/** Cut where a code line comes round again; undefined where no line divides the units well. */
function rounds(units: Unit[]): Group[] | undefined {
  const entries = new Map<number, number[]>();
  units.forEach((unit, index) => {
    if (index > 0 && unit.line === units[index - 1].line) return;
    if (!entries.has(unit.line)) entries.set(unit.line, []);
    entries.get(unit.line)!.push(index);
  });
  // The line entered least often is in the outermost loop.
  const candidates = [...entries.values()].filter((starts) => starts.length > 1).sort((a, b) => a.length - b.length);
  for (const starts of candidates) {
    const groups = cut(units, starts);
    if (!balanced(groups, units)) continue;
    const before = starts[0] > 0 ? 1 : 0;
    return groups.map((members, index) => ({
      label: index < before ? "before the loop" : `round ${index - before + 1} of ${starts.length}`,
      units: members,
    }));
  }
  return undefined;
}

/** Cut where the code line changes. */
function sameLine(units: Unit[]): Group[] | undefined {
  const groups = cut(units, units.flatMap((unit, index) =>
    (index > 0 && unit.line !== units[index - 1].line ? [index] : [])));
  return balanced(groups, units) ? groups.map((members) => ({ label: "", units: members })) : undefined;
}

/** Cut into runs of about the square root of their number. */
function runs(units: Unit[]): Group[] {
  const length = Math.ceil(Math.sqrt(units.length));
  const starts = units.flatMap((_, index) => (index % length === 0 ? [index] : []));
  return cut(units, starts).map((members) => ({ label: "", units: members }));
}

function cut(units: Unit[], starts: number[]): Unit[][] {
  const ends = [...starts, units.length];
  return [0, ...starts].map((start, index) => units.slice(start, ends[index])).filter((members) => members.length > 0);
}

function balanced(groups: Unit[][], units: Unit[]): boolean {
  return groups.length < 0.7 * units.length && Math.max(...groups.map((members) => members.length)) <= units.length / 2;
}
