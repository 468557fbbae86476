// Where everything stands. Each open box is laid out by itself and then stands in the level above as one large node,
// so folding one box lays out again only the boxes around it. Levels go to dagre; one whose edges are so long that
// dagre would take seconds (many results used much later) goes to a plainer layout by depth.
import { Graph, layout as dagreLayout } from "@dagrejs/dagre";
import type { Edge, Hierarchy } from "./hierarchy";
import type { Node } from "./nodes";

export interface Place { node: Node; x: number; y: number; width: number; height: number; open: boolean; depth: number }
export interface Route {
  from: Node; to: Node; count: number; points: Point[];
  aside: boolean; // it says where something shared is used again, far from where it stands
}
export interface Layout { places: Map<Node, Place>; routes: Route[]; width: number; height: number }
export type Point = [x: number, y: number];
export type Size = [width: number, height: number];

interface Level { at: Map<Node, Point>; bends: Map<string, Point[]>; aside: Set<string>; size: Size }

const MARGIN = 14;
const HEADER = 30; // above the inside of an open box
const ROW = 34; // between one rank and the next
const COLUMN = 18;
const LANE = 10; // left of a level, where the edges of what is shared run down together
const MOST_USES = 4; // what is used more often is shared: it does not pull all its users to itself
const MOST_WORK = 1200; // ranks crossed by edges, above which dagre is too slow

export class Layouts {
  private readonly levels = new Map<number, { signature: string; level: Level }>();

  constructor(private readonly hierarchy: Hierarchy, private readonly firstBox: number,
    private readonly size: (node: Node) => Size) {}

  /** The layout with these boxes open. */
  of(open: Set<number>): Layout {
    const places = new Map<Node, Place>();
    const [width, height] = this.level(0, open).size;
    this.put(0, open, 0, 0, 0, places);
    const routes = this.hierarchy.shownEdges(open).map((edge) => this.route(edge, places));
    return { places, routes, width, height };
  }

  private isOpen(node: Node, open: Set<number>): boolean {
    return node >= this.firstBox && open.has(node - this.firstBox);
  }

  private level(box: number, open: Set<number>): Level {
    const signature = this.signature(box, open);
    const known = this.levels.get(box);
    if (known?.signature === signature) return known.level;
    const sizes = new Map(this.hierarchy.boxes[box].children.map((child): [Node, Size] => {
      if (!this.isOpen(child, open)) return [child, this.size(child)];
      const [width, height] = this.level(child - this.firstBox, open).size;
      const [least] = this.size(child);
      return [child, [Math.max(width + 2 * MARGIN, least), height + HEADER + MARGIN]];
    }));
    const level = arrange(sizes, this.hierarchy.within(box));
    this.levels.set(box, { signature, level });
    return level;
  }

  /** Which boxes inside are open, however deep. */
  private signature(box: number, open: Set<number>): string {
    const inside = this.hierarchy.boxes[box].children.filter((child) => this.isOpen(child, open));
    return inside.map((child) => `${child}(${this.signature(child - this.firstBox, open)})`).join();
  }

  private put(box: number, open: Set<number>, left: number, top: number, depth: number,
    places: Map<Node, Place>): void {
    const { at } = this.level(box, open);
    for (const child of this.hierarchy.boxes[box].children) {
      const [x, y] = [left + at.get(child)![0], top + at.get(child)![1]];
      if (!this.isOpen(child, open)) {
        const [width, height] = this.size(child);
        places.set(child, { node: child, x, y, width, height, open: false, depth });
        continue;
      }
      const inner = this.level(child - this.firstBox, open).size;
      const width = Math.max(inner[0] + 2 * MARGIN, this.size(child)[0]);
      places.set(child, { node: child, x, y, width, height: inner[1] + HEADER + MARGIN, open: true, depth });
      this.put(child - this.firstBox, open, x + (width - inner[0]) / 2, y + HEADER, depth + 1, places);
    }
  }

  /** From node to node, by the bends that the level at which they part has for it. */
  private route({ from, to, count, again }: Edge, places: Map<Node, Place>): Route {
    const [box, a, b] = this.hierarchy.parting(from, to);
    const start = places.get(from)!;
    const end = places.get(to)!;
    const points: Point[] = [[start.x + start.width / 2, start.y + start.height]];
    const { level } = this.levels.get(box)!;
    const outer = places.get(a)!;
    const [left, top] = [outer.x - level.at.get(a)![0], outer.y - level.at.get(a)![1]];
    const aside = again || level.aside.has(`${a} ${b}`);
    if (aside) points.push([left - LANE, start.y + start.height + ROW / 2], [left - LANE, end.y - ROW / 2]);
    else for (const [x, y] of level.bends.get(`${a} ${b}`) ?? []) points.push([left + x, top + y]);
    points.push([end.x + end.width / 2, end.y]);
    return { from, to, count, points, aside };
  }
}

function arrange(sizes: Map<Node, Size>, edges: Edge[]): Level {
  const [near, far] = withoutShared([...sizes.keys()], edges);
  const ranks = depths([...sizes.keys()], near);
  const work = near.reduce((sum, { from, to }) => sum + Math.abs(ranks.get(to)! - ranks.get(from)!), 0);
  const level = work > MOST_WORK ? byDepth(sizes, near, ranks) : byDagre(sizes, near);
  for (const { from, to } of far) level.aside.add(`${from} ${to}`);
  return level;
}

/**
 * The edges that the layout follows, and those it must not: where an input is used again in later rounds, and where
 * something used very often meets what has its place already. In place of the former, each round follows the last.
 */
function withoutShared(nodes: Node[], edges: Edge[]): [near: Edge[], far: Edge[]] {
  const order = new Map(nodes.map((node, index) => [node, index]));
  const inOrder = edges.toSorted((a, b) => order.get(a.to)! - order.get(b.to)!);
  const uses = Map.groupBy(inOrder, ({ from }) => from);
  const isOften = (node: Node) => uses.get(node)!.length > MOST_USES;
  const placed = new Set(edges.filter(({ from, again }) => !again && !isOften(from)).map(({ to }) => to));
  const [near, far, rounds]: Edge[][] = [[], [], []];
  for (const [from, list] of uses) {
    let last = from;
    list.forEach((edge, index) => {
      const apart = edge.again || (index > 0 && isOften(from) && placed.has(edge.to));
      (apart ? far : near).push(edge);
      if (!edge.again) return;
      rounds.push({ from: last, to: edge.to, count: 0, again: false });
      last = edge.to;
    });
  }
  const keys = new Map([...rounds, ...near].map((edge) => [`${edge.from} ${edge.to}`, edge]));
  return [[...keys.values()], far];
}

function byDagre(sizes: Map<Node, Size>, edges: Edge[]): Level {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: COLUMN, ranksep: ROW, edgesep: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [node, [width, height]] of sizes) graph.setNode(String(node), { width, height });
  for (const { from, to, count } of edges) graph.setEdge(String(from), String(to), { weight: Math.min(count + 1, 4) });
  dagreLayout(graph);
  const at = new Map<Node, Point>();
  for (const [node, [width, height]] of sizes) {
    const { x, y } = graph.node(String(node)) as { x: number; y: number };
    at.set(node, [x - width / 2, y - height / 2]);
  }
  const bends = new Map(edges.map(({ from, to }): [string, Point[]] => {
    const { points } = graph.edge(String(from), String(to)) as { points: { x: number; y: number }[] };
    // The ends are put on the nodes themselves; an edge to the next rank needs no bend at all.
    const inner = points.length > 3 ? points.slice(1, -1) : [];
    return [`${from} ${to}`, inner.map(({ x, y }): Point => [x, y])];
  }));
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { at, bends, aside: new Set(), size: sizes.size > 0 ? [width, height] : [0, 0] };
}

/** The longest way to each node; sources go down to just above the first that uses them. Edges back are ignored. */
function depths(nodes: Node[], edges: Edge[]): Map<Node, number> {
  const order = new Map(nodes.map((node, index) => [node, index]));
  const onward = edges.filter(({ from, to }) => order.get(from)! < order.get(to)!);
  onward.sort((a, b) => order.get(a.to)! - order.get(b.to)!);
  const ranks = new Map(nodes.map((node) => [node, 0]));
  for (const { from, to } of onward) ranks.set(to, Math.max(ranks.get(to)!, ranks.get(from)! + 1));
  const fed = new Set(onward.map(({ to }) => to));
  const lowest = new Map<Node, number>();
  for (const { from, to } of onward) {
    if (!fed.has(from)) lowest.set(from, Math.min(lowest.get(from) ?? Infinity, ranks.get(to)! - 1));
  }
  for (const [node, rank] of lowest) ranks.set(node, rank);
  return ranks;
}

/** Rows by depth, each ordered by where its inputs stand, long rows broken. */
function byDepth(sizes: Map<Node, Size>, edges: Edge[], ranks: Map<Node, number>): Level {
  const MOST_IN_ROW = 12;
  const rows: Node[][] = [];
  for (const [node, rank] of ranks) (rows[rank] ??= []).push(node);
  const inputs = new Map<Node, Node[]>();
  for (const { from, to } of edges) inputs.set(to, [...(inputs.get(to) ?? []), from]);
  const centre = new Map<Node, number>();
  const pull = (node: Node) => {
    const known = (inputs.get(node) ?? []).map((input) => centre.get(input)).filter((x) => x !== undefined);
    return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : 0;
  };
  const at = new Map<Node, Point>();
  let [y, reach] = [0, 0];
  for (const row of rows.filter(Boolean).flatMap((row) => pieces(row.sort((a, b) => pull(a) - pull(b)), MOST_IN_ROW))) {
    const width = row.reduce((sum, node) => sum + sizes.get(node)![0] + COLUMN, -COLUMN);
    let x = -width / 2;
    for (const node of row) {
      at.set(node, [x, y]);
      centre.set(node, x + sizes.get(node)![0] / 2);
      x += sizes.get(node)![0] + COLUMN;
    }
    y += Math.max(...row.map((node) => sizes.get(node)![1])) + ROW;
    reach = Math.max(reach, width);
  }
  for (const [node, [x, top]] of at) at.set(node, [x + reach / 2, top]);
  return { at, bends: new Map(), aside: new Set(), size: [reach, Math.max(y - ROW, 0)] };
}

function pieces<T>(list: T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / length) }, (_, i) => list.slice(i * length, (i + 1) * length));
}
