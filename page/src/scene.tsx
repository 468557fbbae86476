// The graph, as SVG: each node is an element that can be focused, named and found, which a canvas has not. To stay
// quick, only what is near the screen is in the document, quiet edges share a few paths, small text is left out, and
// moving about changes one attribute until something new comes into view.
import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { memo } from "preact/compat";
import { Camera, type Rectangle } from "./camera";
import type { Place, Point, Route } from "./layout";
import type { Node } from "./nodes";
import type { Session } from "./session";
import { Legend } from "./legend";
import { sum } from "./sentences";
import { tuple, valueName } from "./words";

const READABLE = 0.35; // text is left out below this scale

/** The graph with its buttons. */
export function Scene({ session }: { session: Session }) {
  const svg = useRef<SVGSVGElement>(null);
  const world = useRef<SVGGElement>(null);
  const drawn = useRef({ region: { x: 0, y: 0, width: 0, height: 0 }, readable: true });
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [focus, setFocus] = useState<Node | undefined>();

  const camera = useMemo(() => new Camera(() => {
    const { x, y, scale } = camera.view;
    world.current?.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    const { region, readable } = drawn.current;
    if (!contains(region, camera.seen()) || readable !== scale >= READABLE) {
      drawn.current = { region: around(camera.seen()), readable: scale >= READABLE };
      redraw(undefined);
    }
  }), []);

  useEffect(() => {
    const off = camera.attach(svg.current!);
    camera.open(session.layout);
    let width = svg.current!.clientWidth;
    const resized = new ResizeObserver(() => {
      camera.shift((svg.current!.clientWidth - width) / 2, 0);
      width = svg.current!.clientWidth;
    });
    resized.observe(svg.current!);
    return () => { off(); resized.disconnect(); };
  }, []);

  useEffect(() => {
    const { anchor, wanted, layout } = session;
    session.anchor = undefined;
    session.wanted = [];
    const refit = session.refit && !camera.isSet;
    session.refit = false;
    const after = anchor && layout.places.get(anchor.node);
    if (refit) {
      camera.open(layout);
      if (anchor) camera.show(shownPlace(session, anchor.node));
    } else if (anchor && after) {
      const { scale } = camera.view;
      camera.shift((anchor.before.x - after.x) * scale, (anchor.before.y - after.y) * scale);
    }
    if (wanted.length > 0) camera.show(together(wanted.map((node) => shownPlace(session, node)), camera.seen()));
  });

  const { region, readable } = drawn.current;
  const places = [...session.layout.places.values()].filter((place) => overlap(place, region));
  const chosen = session.selected === undefined ? undefined
    : session.hierarchy.shown(session.selected, session.open);
  useEffect(() => { if (chosen !== undefined) setFocus(chosen); }, [chosen]); // there Tab enters the graph
  const stop = focus !== undefined && session.layout.places.has(focus)
    ? focus : session.layout.places.keys().next().value;

  const focusOn = (node: Node) => {
    setFocus(node);
    camera.show(header(session.layout.places.get(node)!));
    // The element may only now come into view.
    requestAnimationFrame(() =>
      svg.current?.querySelector<SVGGElement>(`[data-node="${node}"]`)?.focus({ preventScroll: true }));
  };
  const act = (node: Node) => {
    setFocus(node);
    if (session.nodes.kind(node) !== "box") return session.select(node);
    session.selected = node;
    session.toggle(session.nodes.index(node));
    focusOn(node);
  };
  const keydown = (event: KeyboardEvent) => {
    const node = Number((event.target as Element).getAttribute("data-node") ?? NaN);
    if (event.shiftKey || Number.isNaN(node)) return;
    if (event.key === "Enter" || event.key === " ") {
      act(node);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const order = [...session.layout.places.values()].sort((a, b) => a.y - b.y || a.x - b.x);
      const next = order[order.findIndex((place) => place.node === node) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) focusOn(next.node);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const focused = (event: FocusEvent) => {
    const place = session.layout.places.get(Number((event.target as Element).getAttribute("data-node") ?? NaN));
    if (place && !camera.isPressed()) camera.show(header(place));
  };
  const click = (event: MouseEvent) => {
    const target = (event.target as Element).closest("[data-node]");
    if (camera.dragged) return;
    if (target) act(Number(target.getAttribute("data-node")));
    else session.deselect();
  };

  useEffect(() => keysFor(camera, session), []);

  const actors = session.replay.actors(session.event).map((node) => session.hierarchy.shown(node, session.open));
  const backward = session.trace.events[session.event]?.[0] !== "forward";
  const seen = (node: Node) => session.hierarchy.shown(node, session.open);
  const hits = new Set(session.hits.map(seen));
  const trouble = new Map(session.replay.suspects.map((value): [Node, string] =>
    [seen(value), session.replay.trouble(value, session.event)]).filter(([, kind]) => kind));
  return (
    <section class="graph" aria-label="Graph">
      <svg ref={svg} data-testid="graph" role="group" onClick={click} onKeyDown={keydown} onFocusIn={focused}
        aria-label="The program as a graph. Up and down arrows go from node to node, Enter chooses, folds and unfolds.">
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="3.6" markerHeight="3.6" orient="auto">
            <path d="M0 0L8 4L0 8Z" />
          </marker>
        </defs>
        <g ref={world} transform={`translate(${camera.view.x} ${camera.view.y}) scale(${camera.view.scale})`}
          class={readable ? "" : "far"}>
          {places.filter((place) => place.open).map((place) => (
            <Frame key={place.node} place={place} chosen={session.selected === place.node} />
          ))}
          <QuietEdges routes={session.layout.routes} region={region} />
          {places.filter((place) => place.open).map((place) => (
            <Head key={place.node} session={session} place={place} stop={stop === place.node}
              hit={hits.has(place.node)} />
          ))}
          {places.filter((place) => !place.open).map((place) => {
            const lit = actors.includes(place.node);
            return (
              <Shape key={place.node} place={place} readable={readable} stop={stop === place.node}
                {...look(session, place.node)} hit={hits.has(place.node)} trouble={trouble.get(place.node) ?? ""}
                chosen={place.node === chosen} class={lit ? (backward ? "now back" : "now") : ""} />
            );
          })}
          <g class="chosen-edges" aria-hidden="true">
            {session.layout.routes.filter(({ from, to }) => from === session.selected || to === session.selected)
              .map(({ from, to, points }) => <path key={`${from} ${to}`} d={path(points)} />)}
          </g>
          <LitEdges session={session} backward={backward} />
        </g>
      </svg>
      <div class="zoom" role="toolbar" aria-label="View">
        <button aria-label="Zoom in" title="Zoom in (+)" onClick={() => camera.zoomBy(1.3)}>+</button>
        <button aria-label="Zoom out" title="Zoom out (−)" onClick={() => camera.zoomBy(1 / 1.3)}>−</button>
        <button title="Show everything (0)" onClick={() => camera.fit(session.layout)}>Fit</button>
        {session.hierarchy.boxes.length > 1 && (
          <>
            <button onClick={() => { session.foldAll(); camera.open(session.layout); }}>Fold all</button>
            <button onClick={() => { session.unfoldAll(); camera.open(session.layout); }}>Unfold all</button>
          </>
        )}
      </div>
      <Legend />
    </section>
  );
}

/** + − 0 and the arrows with Shift, wherever the focus is, except where one writes. */
function keysFor(camera: Camera, session: Session): () => void {
  const step = 80;
  const moves: Record<string, [number, number]> = {
    ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
  };
  const keydown = (event: KeyboardEvent) => {
    const writing = (event.target as Element).matches("input[type=search], select");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && moves[event.key]) camera.panBy(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") camera.zoomBy(1.3);
    else if (event.key === "-") camera.zoomBy(1 / 1.3);
    else if (event.key === "0") camera.fit(session.layout);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", keydown);
  return () => document.removeEventListener("keydown", keydown);
}

interface Look {
  title: string; detail: string; tone: string; label: string; testid: string;
  grad: boolean; shut: boolean;
}

/** How a node is told on the graph at this event. */
function look(session: Session, node: Node): Look {
  const { nodes, replay, event, trace, hierarchy } = session;
  const index = nodes.index(node);
  const testid = `node-${nodes.key(node)}`;
  switch (nodes.kind(node)) {
    case "value": {
      const value = trace.values[index];
      const status = replay.status(node, event);
      const number = status === "later" && value.role !== "constant" ? "" : session.numberOf(index);
      const unnamed = number || (value.shape.length > 0 ? tuple(value.shape) : valueName(trace, index));
      const title = value.name ? value.name + (number && ` = ${number}`) : unnamed;
      const grad = replay.gradient(index, event).total >= 0;
      const detail = grad ? `∂ ${sum(trace, replay, index, event, " → ")}` : session.detail(node);
      return { title, detail, tone: `value ${value.role} ${status}`, testid, grad, shut: false,
        label: `${value.role} ${session.name(node)}, ${WORDS[status]}${grad ? `, gradient ${detail.slice(2)}` : ""}` };
    }
    case "operation": {
      const status = replay.status(node, event);
      const grad = replay.isReached(index, event);
      const tape = trace.operations[index].recorded ? "" : "untaped";
      return { title: session.name(node), detail: session.detail(node), tone: `operation ${status} ${tape}`,
        testid, grad, shut: false,
        label: `operation ${session.name(node)}, ${status === "gone" ? "what it kept is let go" : WORDS[status]}` };
    }
    case "box": {
      const box = hierarchy.boxes[index];
      const detail = session.detail(node);
      return { title: box.title, detail, tone: "box", grad: false, shut: true,
        testid: box.layer >= 0 ? `layer-${box.layer}` : `box-${index}`, label: `${box.title}, folded, ${detail}` };
    }
  }
}

const WORDS = { later: "not there yet", present: "there", gone: "dropped" };
const GLYPHS: Record<string, string> = { parameter: "◆", leaf: "●", constant: "○" };

interface ShapeProps extends Look {
  place: Place; readable: boolean; stop: boolean; class: string; chosen: boolean; hit: boolean; trouble: string;
}

const Shape = memo(function Shape(props: ShapeProps) {
  const { place: { node, x, y, width, height }, tone, title, detail, grad, chosen, shut, readable } = props;
  const value = tone.startsWith("value");
  const round = value ? height / 2 : shut ? 8 : 3;
  const glyph = shut ? "▸" : GLYPHS[tone.split(" ")[1]];
  const inner = tone.includes("parameter") || chosen;
  return (
    <g data-node={node} data-testid={props.testid} role="button" tabindex={props.stop ? 0 : -1}
      aria-label={props.label + (props.trouble && `, has ${props.trouble}`)}
      aria-current={chosen ? "true" : undefined} aria-expanded={shut ? "false" : undefined}
      class={`node ${tone} ${grad ? "grad" : ""} ${chosen ? "chosen" : ""} ${props.hit ? "hit" : ""} ${props.class}`}
      transform={`translate(${x} ${y})`}>
      {props.hit && <rect class="found" x="-5" y="-5" width={width + 10} height={height + 10} rx={round + 4} />}
      {shut && <rect class="behind" x="4" y="4" width={width} height={height} rx={round} />}
      <rect class="face" width={width} height={height} rx={round} />
      {inner && <rect class="inner" x="3" y="3" width={width - 6} height={height - 6} rx={Math.max(round - 3, 1)} />}
      {readable && (
        <text x={width / 2} text-anchor="middle">
          <tspan class="title" x={width / 2} y="18">
            {glyph && <tspan class="glyph">{glyph} </tspan>}{cut(title, (width - 34) / 7.2)}</tspan>
          <tspan class="detail" x={width / 2} y="33">{cut(detail, (width - 18) / 6)}</tspan>
        </text>
      )}
      {props.trouble && (
        <g class="trouble" transform={`translate(${width - 12} 0)`}>
          <path d="M-18 0L-12 -9H12L18 0L12 9H-12Z" />
          {readable && <text y="4" text-anchor="middle">{props.trouble}</text>}
        </g>
      )}
    </g>
  );
}, sameProps);

function Frame({ place: { x, y, width, height, depth }, chosen }: { place: Place; chosen: boolean }) {
  return (
    <g class={`frame ${depth % 2 ? "odd" : ""} ${chosen ? "chosen" : ""}`} transform={`translate(${x} ${y})`}>
      <rect class="face" width={width} height={height} rx="10" />
    </g>
  );
}

/** The head of an open box, over the edges that come into it. */
function Head({ session, place, stop, hit }: { session: Session; place: Place; stop: boolean; hit: boolean }) {
  const { node, x, y, width, depth } = place;
  const index = session.nodes.index(node);
  const box = session.hierarchy.boxes[index];
  const testid = box.layer >= 0 ? `layer-${box.layer}` : `box-${index}`;
  return (
    <g data-node={node} data-testid={testid} role="button" tabindex={stop ? 0 : -1} aria-expanded="true"
      class={`head ${depth % 2 ? "odd" : ""} ${hit ? "hit" : ""}`} transform={`translate(${x} ${y})`}
      aria-label={`${box.title}, unfolded, ${session.detail(node)}`}>
      <rect class="grip" x="1" y="1" width={width - 2} height="25" rx="9" />
      <text x="12" y="18">
        <tspan class="glyph">▾ </tspan><tspan class="title">{cut(box.title, (width - 40) / 7.2)}</tspan>
        <tspan class="note" dx="8">{cut(box.note, Math.max(0, (width - 52) / 7.2 - box.title.length))}</tspan>
      </text>
    </g>
  );
}

const QuietEdges = memo(function QuietEdges({ routes, region }: { routes: Route[]; region: Rectangle }) {
  const near = routes.filter(({ points }) => overlap(hull(points), region));
  const paths = (from: Route[]) => from.map(({ points }) => path(points)).join("");
  const tips = near.map(({ points }) => `M${at(points.at(-1)!)}l-3.5 -6h7z`).join("");
  return (
    <g class="edges" aria-hidden="true">
      <path class="edge" d={paths(near.filter(({ count, aside }) => count === 1 && !aside))} />
      <path class="edge many" d={paths(near.filter(({ count, aside }) => count > 1 && !aside))} />
      <path class="edge aside" d={paths(near.filter(({ aside }) => aside))} />
      <path class="tips" d={tips} />
    </g>
  );
}, sameProps);

/** The edges along which something moves now, with its direction. */
function LitEdges({ session, backward }: { session: Session; backward: boolean }) {
  const shown = (node: Node) => session.hierarchy.shown(node, session.open);
  const moves = session.replay.movement(session.event).map(({ from, to }) => ({ from: shown(from), to: shown(to) }))
    .filter(({ from, to }) => from !== to); // inside a folded box nothing is seen to move
  const { routes } = session.layout;
  const lit = moves.flatMap(({ from, to }) => {
    const route = routes.find((route) => [route.from, route.to].includes(from) && [route.from, route.to].includes(to));
    return route ? [route.from === from ? route.points : route.points.toReversed()] : [];
  });
  return (
    <g class={backward ? "lit back" : "lit"} aria-hidden="true">
      {lit.map((points, index) => <path key={`${session.event} ${index}`} d={path(points)} marker-end="url(#arrow)" />)}
    </g>
  );
}

function shownPlace(session: Session, node: Node): Rectangle {
  return header(session.layout.places.get(session.hierarchy.shown(node, session.open))!);
}

/** Of an open box, its head: the whole of it may be larger than the screen. */
function header(place: Place): Rectangle { return place.open ? { ...place, height: 60 } : place; }

/** A rectangle around all of them, or the first alone where they are too far apart to be seen together. */
function together(places: Rectangle[], seen: Rectangle): Rectangle {
  const all = hull(places.flatMap(({ x, y, width, height }): Point[] => [[x, y], [x + width, y + height]]));
  return all.width < 0.8 * seen.width && all.height < 0.8 * seen.height ? all : places[0];
}

/** Upright lines, and between them curves that leave and arrive upright. */
function path(points: Point[]): string {
  const [start, ...rest] = points.filter((point, i) => i === 0 || at(point) !== at(points[i - 1]));
  let text = `M${at(start)}`;
  let before = start;
  for (const point of rest) {
    const middle = (before[1] + point[1]) / 2;
    text += Math.abs(before[0] - point[0]) < 1 ? `L${at(point)}`
      : `C${at([before[0], middle])} ${at([point[0], middle])} ${at(point)}`;
    before = point;
  }
  return text;
}

function at([x, y]: Point): string { return `${Math.round(x)} ${Math.round(y)}`; }

function cut(text: string, letters: number): string {
  if (text.length <= letters) return text;
  return letters < 3 ? "" : `${text.slice(0, Math.floor(letters) - 1)}…`;
}

function hull(points: Point[]): Rectangle {
  const [left, top] = [Math.min(...points.map(([x]) => x)), Math.min(...points.map(([, y]) => y))];
  const [right, bottom] = [Math.max(...points.map(([x]) => x)), Math.max(...points.map(([, y]) => y))];
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;
}

function contains(outer: Rectangle, inner: Rectangle): boolean {
  return outer.x <= inner.x && outer.y <= inner.y
    && outer.x + outer.width >= inner.x + inner.width && outer.y + outer.height >= inner.y + inner.height;
}

/** The screen and half of it more on each side. */
function around({ x, y, width, height }: Rectangle): Rectangle {
  return { x: x - width / 2, y: y - height / 2, width: 2 * width, height: 2 * height };
}

function sameProps(a: object, b: object): boolean {
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return Object.keys(other).every((name) => one[name] === other[name]);
}
