// What the reader is looking at: the event, the chosen node, the open boxes. The components draw this and change it
// only by the methods here; programs do so through window.wengert (main.tsx).
import type { Trace } from "./format";
import { Hierarchy } from "./hierarchy";
import { Layouts, type Layout, type Place, type Size } from "./layout";
import { Nodes, type Node } from "./nodes";
import { Replay } from "./replay";
import { find } from "./search";
import { bytes, counted, operationName, place, short, tuple, valueName } from "./words";

const NODE_HEIGHT = 42;
const FIRST_VIEW = 48; // nodes that are shown at first, about
const MOST_SHOWN = 1000; // what "unfold all" stops at

export class Session {
  readonly nodes: Nodes;
  readonly hierarchy: Hierarchy;
  readonly replay: Replay;
  readonly last: number; // the last event
  readonly longest: number; // nanoseconds that any operation took, in one direction
  event = 0;
  playing = false;
  speed = 2; // events a second
  selected: Node | undefined;
  open = new Set<number>();
  layout: Layout;
  notice = ""; // what happened to a wish that has no other answer
  wanted: Node[] = []; // what the camera should bring into view, and has not yet
  hits: Node[] = []; // what was searched for and found
  refit = false; // whether boxes were folded or unfolded since the picture was drawn
  anchor: { node: Node; before: Place } | undefined; // a box just folded, which is to stay where it is
  private readonly layouts: Layouts;
  private readonly watchers = new Set<() => void>();
  private timer = 0;

  constructor(readonly trace: Trace) {
    this.nodes = new Nodes(trace);
    this.hierarchy = new Hierarchy(trace, this.nodes);
    this.replay = new Replay(trace, this.nodes);
    this.layouts = new Layouts(this.hierarchy, this.nodes.firstBox, (node) => this.size(node));
    this.last = Math.max(trace.events.length - 1, 0);
    this.longest = trace.operations.reduce((most, { forward_ns, backward_ns }) =>
      Math.max(most, forward_ns, backward_ns), 1);
    this.openFirst();
    this.layout = this.layouts.of(this.open);
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private changed(): void { for (const watcher of this.watchers) watcher(); }

  // Time

  go(event: number): void {
    this.event = Math.max(0, Math.min(this.last, Math.round(event)));
    this.wanted = this.replay.actors(this.event);
    this.notice = "";
    this.changed();
  }

  step(by: number): void {
    this.stop();
    this.go(this.event + by);
  }

  togglePlay(): void {
    if (this.playing) {
      this.stop();
    } else {
      this.playing = true;
      if (this.event === this.last) this.go(0);
      this.tick();
    }
    this.changed();
  }

  setSpeed(speed: number): void { this.speed = speed; this.changed(); }

  private stop(): void {
    this.playing = false;
    clearTimeout(this.timer);
  }

  /** Beyond what a screen shows in a second, several events at once. */
  private tick(): void {
    const stride = Math.max(1, Math.round(this.speed / 30));
    this.timer = window.setTimeout(() => {
      if (this.event >= this.last) this.stop();
      this.go(this.event + (this.playing ? stride : 0));
      if (this.playing) this.tick();
    }, (1000 * stride) / this.speed);
  }

  toBackward(): void {
    const starts = this.trace.events.flatMap((event, k) => (event[0] === "start" ? [k] : []));
    const next = starts.find((start) => start > this.event) ?? starts[0];
    this.stop();
    if (next === undefined) this.say("This trace has no backward pass.");
    else this.go(next);
  }

  toNextOfSelected(): void {
    const node = this.selected;
    if (node === undefined) return this.say("Choose a node first: N goes to the next event of the chosen node.");
    const concerned = (k: number) => [...this.replay.actors(k), ...this.usedAt(k)]
      .some((actor) => actor === node || this.isInside(actor, node));
    for (let k = this.event + 1; k <= this.last; k++) {
      if (concerned(k)) {
        this.stop();
        return this.go(k);
      }
    }
    return this.say(`Nothing more happens to ${this.name(node)} after this event.`);
  }

  /** The values that an operation takes and gives at an event. */
  private usedAt(k: number): Node[] {
    const event = this.trace.events[k];
    if (event[0] !== "forward") return [];
    const { inputs, outputs } = this.trace.operations[event[1]];
    return [...inputs, ...outputs];
  }

  private isInside(node: Node, box: Node): boolean {
    return box >= this.nodes.firstBox && this.hierarchy.around(node).includes(this.nodes.index(box));
  }

  // Choosing

  select(node: Node): void {
    const boxes = this.hierarchy.around(node).filter((box) => !this.open.has(box));
    this.selected = node;
    this.wanted = [node];
    if (boxes.length > 0) this.setOpen(new Set([...this.open, ...boxes]));
    this.changed();
  }

  deselect(): void {
    this.selected = undefined;
    this.changed();
  }

  search(words: string): Node[] {
    this.hits = find(this, words);
    this.changed();
    return this.hits;
  }

  toAnomaly(): void {
    const { anomaly } = this.trace;
    if (!anomaly) return;
    this.stop();
    this.go(anomaly.event);
    this.select(this.nodes.operation(anomaly.operation));
  }

  // Folding

  toggle(box: number): void {
    const node = this.nodes.box(box);
    const before = this.layout.places.get(node);
    const open = new Set(this.open);
    if (!open.delete(box)) open.add(box);
    this.setOpen(open);
    this.refit = true;
    if (before) this.anchor = { node, before };
    this.changed();
  }

  foldAll(): void {
    this.setOpen(new Set());
    this.wanted = [];
    this.changed();
  }

  unfoldAll(): void {
    const rest = this.openUpTo(MOST_SHOWN);
    this.setOpen(this.open);
    this.say(rest > 0 ? `Unfolded until about ${MOST_SHOWN} nodes were shown; boxes that stay folded: ${rest}.` : "");
  }

  /** Opens whole levels of layers, as many as can be read; groups only where there is nothing beside them. */
  private openFirst(): void {
    const { boxes } = this.hierarchy;
    let shown = boxes[0].children.length;
    for (let level = this.inner(0); level.length > 0; level = level.flatMap((box) => this.inner(box))) {
      level = level.filter((box) => boxes[box].layer >= 0 || level.length === 1);
      shown += level.reduce((sum, box) => sum + boxes[box].children.length - 1, 0);
      if (shown > FIRST_VIEW) return;
      for (const box of level) this.open.add(box);
    }
  }

  private inner(box: number): number[] {
    return this.hierarchy.boxes[box].children.filter((child) => this.nodes.kind(child) === "box")
      .map((child) => this.nodes.index(child));
  }

  /** Opens boxes, the outer ones first, while no more than so many nodes are shown; the number left closed. */
  private openUpTo(most: number): number {
    const { boxes } = this.hierarchy;
    const children = (box: number) => boxes[box].children;
    let shown = children(0).length;
    let level = this.inner(0);
    this.open = new Set();
    while (level.length > 0) {
      const fits = level.filter((box) => {
        const more = children(box).length - 1;
        if (shown + more > most) return false;
        shown += more;
        return true;
      });
      for (const box of fits) this.open.add(box);
      level = fits.flatMap((box) => this.inner(box));
    }
    return boxes.length - 1 - this.open.size;
  }

  private setOpen(open: Set<number>): void {
    this.open = open;
    this.layout = this.layouts.of(open);
  }

  say(notice: string): void {
    this.notice = notice;
    this.changed();
  }

  // Names and sizes

  name(node: Node): string {
    const index = this.nodes.index(node);
    switch (this.nodes.kind(node)) {
      case "value": return valueName(this.trace, index);
      case "operation": return operationName(this.trace, index);
      case "box": return this.hierarchy.boxes[index].title;
    }
  }

  /** The second line of a node; of a box with what is kept in it at this event. */
  detail(node: Node, kept?: number): string {
    const index = this.nodes.index(node);
    switch (this.nodes.kind(node)) {
      case "value": {
        const { name, dtype, shape } = this.trace.values[index];
        return name ? `${dtype} ${tuple(shape)}` : `${valueName(this.trace, index)} · ${dtype}`;
      }
      case "operation": return place(this.trace, this.trace.operations[index].line);
      case "box": {
        const { note, operations } = this.hierarchy.boxes[index];
        const held = kept ?? this.keptIn(index);
        return [...(note ? [note] : []), counted(operations, "operation"), `${bytes(held)} kept`].join(" · ");
      }
    }
  }

  /** What the operations in a box keep at this event. */
  keptIn(box: number): number { return this.replay.kept(this.hierarchy.operationsIn(box), this.event); }

  private size(node: Node): Size {
    const kind = this.nodes.kind(node);
    // A scalar has room for its gradient as a sum: 0.5 + 1.5 → 2.
    const scalar = kind === "value" && this.trace.values[node].shape.length === 0;
    const least = kind === "operation" ? 96 : kind === "box" || scalar ? 172 : 128;
    const most = kind === "box" ? this.hierarchy.boxes[this.nodes.index(node)].keptBytes : 0;
    const title = kind === "value" && !this.trace.values[node].name ? "" : this.name(node);
    // Rough widths of letters; what is longer is cut off with an ellipsis (scene.tsx).
    return [Math.min(Math.max(least, title.length * 7.2 + 44, this.detail(node, most).length * 6.2 + 28), 250),
      NODE_HEIGHT];
  }

  /** A value's numbers on the graph: a scalar's, else nothing. */
  numberOf(value: number): string {
    const summary = this.trace.summaries[this.replay.numbers(value, this.event)];
    return summary !== undefined && typeof summary !== "object" ? short(summary) : "";
  }
}
