// Where everything stands. Each open box is laid out by itself and then stands in the level above as one large node,
// so folding one box lays out again only the boxes around it. Levels go to dagre; one whose edges are so long that
// dagre would take seconds (many results used much later) goes to a plainer layout by depth.
// An edge never runs through a node: it crosses a rank upright, where the layout left room for it, turns only between
// two ranks, and passes into and out of boxes by ports, which are laid out like nodes; else it runs along the side.
import { Graph, layout as dagreLayout } from "@dagrejs/dagre";
import { entry, exit, isEntry, isExit, type Edge, type Hierarchy } from "./hierarchy";
import type { Node } from "./nodes";

export interface Place { node: Node; x: number; y: number; width: number; height: number; open: boolean; depth: number }
export interface Route {
  from: Node; to: Node; count: number; points: Point[];
  aside: boolean; // it says where something shared is used again, far from where it stands
}
export interface Layout { places: Map<Node, Place>; routes: Route[]; width: number; height: number }
export type Point = [x: number, y: number];
export type Size = [width: number, height: number];

interface Rank { top: number; bottom: number }
interface Level {
  at: Map<Node, Point>; // of children and ports
  ranks: Map<Node, Rank>;
  bends: Map<string, Point[]>; // where an edge crosses the ranks between its ends: in at the top, out at the bottom
  aside: Set<string>;
  size: Size;
}

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
    const level = arrange(withPorts(sizes, this.hierarchy.within(box)), this.hierarchy.within(box));
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

  /** Out of the boxes around the one, across the level at which they part, into those around the other. */
  private route({ from, to, source, count, again }: Edge, places: Map<Node, Place>): Route {
    const { hierarchy } = this;
    const [box, a, b] = hierarchy.parting(from, to);
    const start = places.get(from)!;
    const end = places.get(to)!;
    const points: Point[] = [[start.x + start.width / 2, start.y + start.height]];
    const boxOf = (node: Node) => this.firstBox + hierarchy.parent(node);
    for (let node = from; node !== a; node = boxOf(node)) {
      this.cross(hierarchy.parent(node), node, exit(source), places, points);
      const { y, height } = places.get(boxOf(node))!;
      points.push([points.at(-1)![0], y + height]);
    }
    const inward: Node[] = [];
    for (let node = to; node !== b; node = boxOf(node)) inward.unshift(node);
    const aside = this.cross(box, a, b, places, points, again);
    for (const node of inward) {
      const outer = places.get(boxOf(node))!;
      const port = this.position(hierarchy.parent(node), entry(source), places);
      turn(points, port, outer.y);
      this.cross(hierarchy.parent(node), entry(source), node, places, points);
    }
    turn(points, end.x + end.width / 2, end.y);
    return { from, to, count, points, aside };
  }

  /** How far a level is moved in the picture. */
  private origin(box: number, places: Map<Node, Place>): Point {
    const child = this.hierarchy.boxes[box].children[0];
    const { x, y } = places.get(child)!;
    const at = this.levels.get(box)!.level.at.get(child)!;
    return [x - at[0], y - at[1]];
  }

  /** Where a port is, from left to right; the lane at the side of the level where it has no such port. */
  private position(box: number, port: Node, places: Map<Node, Place>): number {
    return this.origin(box, places)[0] + (this.levels.get(box)!.level.at.get(port)?.[0] ?? -LANE);
  }

  /** Goes on from a child's bottom, or an entry, to just above another, or to an exit; whether by the side. */
  private cross(box: number, from: Node, to: Node, places: Map<Node, Place>, points: Point[], again = false): boolean {
    const { level } = this.levels.get(box)!;
    const [left, top] = this.origin(box, places);
    const [above, below] = [level.ranks.get(from), level.ranks.get(to)];
    const [x, y] = points.at(-1)!;
    const bends = level.bends.get(`${from} ${to}`);
    const next = above && below && Math.abs(below.top - above.bottom - ROW) < 1; // nothing stands between them
    const aside = again || !bends || level.aside.has(`${from} ${to}`);
    if (above) points.push([x, Math.max(y, top + above.bottom)]);
    if (aside && !next) {
      if (above) points.push([left - LANE, top + above.bottom + ROW]);
      if (below) points.push([left - LANE, top + below.top - ROW]);
    } else {
      for (const [bendX, bendY] of bends ?? []) turn(points, left + bendX, top + bendY);
    }
    const port = to < 0 ? this.position(box, to, places) : undefined;
    if (below && port !== undefined) turn(points, port, top + below.top);
    else if (below) points.push([NaN, top + below.top]); // where it goes on is known by what comes next
    return aside;
  }
}

/** Goes on to a point; one left open before takes its place from left to right. */
function turn(points: Point[], x: number, y: number): void {
  const last = points.at(-1)!;
  if (Number.isNaN(last[0])) last[0] = x;
  points.push([x, y]);
}

/** The children with the ways into their box before them, and the ways out after them. */
function withPorts(sizes: Map<Node, Size>, edges: Edge[]): Map<Node, Size> {
  const port = (node: Node): [Node, Size] => [node, [0, 0]];
  return new Map([
    ...edges.filter(({ from }) => from < 0).map(({ from }) => port(from)), ...sizes,
    ...edges.filter(({ to }) => to < 0).map(({ to }) => port(to)),
  ]);
}

function arrange(sizes: Map<Node, Size>, edges: Edge[]): Level {
  const [near, far] = withoutShared([...sizes.keys()], edges);
  const ranks = depths([...sizes.keys()], near);
  const work = near.reduce((sum, { from, to }) => sum + Math.abs(ranks.get(to)! - ranks.get(from)!), 0);
  const level = work > MOST_WORK ? byDepth(sizes, near, ranks) : byDagre(sizes, near, ranks);
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
      rounds.push({ from: last, to: edge.to, source: last, count: 0, again: false });
      last = edge.to;
    });
  }
  const keys = new Map([...rounds, ...near].map((edge) => [`${edge.from} ${edge.to}`, edge]));
  return [[...keys.values()], far];
}

function byDagre(sizes: Map<Node, Size>, edges: Edge[], depth: Map<Node, number>): Level {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: COLUMN, ranksep: ROW, edgesep: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [node, [width, height]] of sizes) graph.setNode(String(node), { width, height });
  for (const { from, to, count } of edges) graph.setEdge(String(from), String(to), { weight: Math.min(count + 1, 4) });
  holdPorts(graph, depth);
  dagreLayout(graph);
  const place = (node: Node) => graph.node(String(node)) as { x: number; y: number };
  const rows = Map.groupBy(sizes.keys(), (node) => Math.round(place(node).y)); // a rank has one middle
  const first = Math.min(...[...rows].map(([y, row]) => y - halfHeight(row, sizes)));
  const at = new Map<Node, Point>();
  const ranks = new Map<Node, Rank>();
  const rankAt = new Map<number, Rank>();
  for (const [y, row] of rows) {
    const half = halfHeight(row, sizes);
    const rank = { top: y - half - first, bottom: y + half - first };
    rankAt.set(y, rank);
    for (const node of row) {
      const [width, height] = sizes.get(node)!;
      at.set(node, [place(node).x - width / 2, y - height / 2 - first]);
      ranks.set(node, rank);
    }
  }
  const bends = new Map<string, Point[]>();
  const aside = new Set<string>();
  for (const { from, to } of edges) {
    const key = `${from} ${to}`;
    const { points } = graph.edge(String(from), String(to)) as { points: { x: number; y: number }[] };
    // The ends are put on the nodes themselves, and between ranks an edge needs no bend at all.
    bends.set(key, points.slice(1, -1).flatMap(({ x, y }): Point[] => {
      const rank = rankAt.get(Math.round(y));
      return rank ? [[x, rank.top], [x, rank.bottom]] : [];
    }));
    if (ranks.get(from)!.bottom > ranks.get(to)!.top) aside.add(key); // an edge back
  }
  const across = [...bends.values()].flat().map(([x]) => x);
  const { width: wide = 0 } = graph.graph() as { width?: number };
  const [left, right] = [Math.min(0, ...across.map((x) => x - LANE)), Math.max(wide, ...across.map((x) => x + LANE))];
  for (const point of [...at.values(), ...[...bends.values()].flat()]) point[0] -= left;
  const width = right - left;
  const height = Math.max(0, ...[...ranks.values()].map(({ bottom }) => bottom));
  return { at, ranks, bends, aside, size: sizes.size > 0 ? [width, height] : [0, 0] };
}

function halfHeight(row: Node[], sizes: Map<Node, Size>): number {
  return Math.max(...row.map((node) => sizes.get(node)![1])) / 2;
}

/** Ways in stand in the first rank, ways out in the last: tied to a point above, or below, all the others. */
function holdPorts(graph: Graph, depth: Map<Node, number>): void {
  const [tight, loose] = [{ weight: 1000 }, { weight: 0 }];
  const last = Math.max(...depth.values());
  if ([...depth.keys()].some(isEntry)) graph.setNode("above", { width: 0, height: 0 });
  if ([...depth.keys()].some(isExit)) graph.setNode("below", { width: 0, height: 0 });
  for (const [node, rank] of depth) {
    const name = String(node);
    const [above, below] = [isEntry(node) ? tight : loose, isExit(node) ? tight : loose];
    if (graph.hasNode("above") && (isEntry(node) || rank === 0)) graph.setEdge("above", name, above);
    if (graph.hasNode("below") && (isExit(node) || rank === last)) graph.setEdge(name, "below", below);
  }
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
    if (!fed.has(from) && from >= 0) lowest.set(from, Math.min(lowest.get(from) ?? Infinity, ranks.get(to)! - 1));
  }
  for (const [node, rank] of lowest) ranks.set(node, rank);
  return ranks;
}

/** Rows by depth, each ordered by where its inputs stand, long rows broken. */
function byDepth(sizes: Map<Node, Size>, edges: Edge[], depthOf: Map<Node, number>): Level {
  const MOST_IN_ROW = 12;
  const rows: Node[][] = [];
  for (const [node, depth] of depthOf) if (node >= 0) (rows[depth] ??= []).push(node); // no ports: by the side
  const inputs = new Map<Node, Node[]>();
  for (const { from, to } of edges) inputs.set(to, [...(inputs.get(to) ?? []), from]);
  const centre = new Map<Node, number>();
  const pull = (node: Node) => {
    const known = (inputs.get(node) ?? []).map((input) => centre.get(input)).filter((x) => x !== undefined);
    return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : 0;
  };
  const at = new Map<Node, Point>();
  const ranks = new Map<Node, Rank>();
  const bends = new Map<string, Point[]>();
  let [y, reach] = [0, 0];
  for (const row of rows.filter(Boolean).flatMap((row) => pieces(row.sort((a, b) => pull(a) - pull(b)), MOST_IN_ROW))) {
    const width = row.reduce((sum, node) => sum + sizes.get(node)![0] + COLUMN, -COLUMN);
    const rank = { top: y, bottom: y + Math.max(...row.map((node) => sizes.get(node)![1])) };
    let x = -width / 2;
    for (const node of row) {
      at.set(node, [x, y]);
      ranks.set(node, rank);
      // Only what comes from the row above reaches it without passing others.
      for (const input of inputs.get(node) ?? []) {
        if (ranks.get(input)?.bottom === rank.top - ROW) bends.set(`${input} ${node}`, []);
      }
      centre.set(node, x + sizes.get(node)![0] / 2);
      x += sizes.get(node)![0] + COLUMN;
    }
    y = rank.bottom + ROW;
    reach = Math.max(reach, width);
  }
  for (const [node, [x, top]] of at) at.set(node, [x + reach / 2, top]);
  return { at, ranks, bends, aside: new Set(), size: [reach, Math.max(y - ROW, 0)] };
}

function pieces<T>(list: T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / length) }, (_, i) => list.slice(i * length, (i + 1) * length));
}
