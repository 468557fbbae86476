// The page as a whole: header, banner, graph, time axis, inspector; and the keys that work everywhere.
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { isNarrow } from "./camera";
import { Inspector, Link } from "./inspector";
import { Rankings } from "./rankings";
import { Scene } from "./scene";
import type { Session } from "./session";
import { Timeline } from "./timeline";
import { SearchBox } from "./searchbox";
import { bothNames, operationName, place } from "./words";

export function App({ session }: { session: Session }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => session.watch(() => redraw(undefined)), []);
  useEffect(() => keysFor(session), []);
  const aside = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (session.selected === undefined) return;
    aside.current!.scrollTop = 0;
    // Where all stands below each other, it is the page that scrolls.
    if (isNarrow()) aside.current!.querySelector("header")?.scrollIntoView({ block: "nearest" });
  }, [session.selected]);
  return (
    <div class="app">
      <header class="top">
        <h1>{session.trace.title}<small>Wengert trace</small></h1>
        <SearchBox session={session} />
        <Keys />
        <ThemeButton />
      </header>
      {session.trace.anomaly && <Banner session={session} />}
      <main>
        <Scene session={session} />
        <Timeline session={session} />
      </main>
      <aside aria-label="Details" ref={aside}>
        <Inspector session={session} />
        <Rankings session={session} />
      </aside>
    </div>
  );
}

function Banner({ session }: { session: Session }) {
  const { trace, nodes } = session;
  const { kind, operation, index, inputs } = trace.anomaly!;
  const at = place(trace, trace.operations[operation].line);
  return (
    <div class="banner" role="alert">
      <p>
        <strong>{kind} was born in {operationName(trace, operation)}</strong>
        {index.length > 0 && ` at [${index.join(", ")}]`}
        {inputs.length > 0 && ", from "}
        {inputs.map(({ name, value, text }, i) => (
          <span key={i}>{i > 0 && " and "}{value >= 0
            ? <Link session={session} node={nodes.value(value)}>{bothNames(trace, name, value)}</Link>
            : name} = {text || "?"}</span>
        ))}
        {at && ` (${at})`}
      </p>
      <button data-testid="anomaly-go" onClick={() => session.toAnomaly()}>Go there</button>
    </div>
  );
}

/** What the keyboard does; the browser shows and hides it. */
function Keys() {
  const keys = [
    ["Space", "play or pause"], ["← →", "step"], ["Home End", "first and last event"],
    ["B", "to the start of backward"],
    ["N", "next event of the chosen node"], ["↑ ↓", "from node to node, once the focus is in the graph"],
    ["Enter", "choose a node; fold or unfold a box"], ["Esc", "choose nothing"],
    ["/", "search; ↑ ↓ and Enter go through what is found"], ["+ − 0", "zoom, show everything"],
    ["Shift ← → ↑ ↓", "move the graph"],
    ["?", "these keys"],
  ];
  return (
    <>
      <button popovertarget="keys" title="What the keyboard does (?)">Keys</button>
      <div id="keys" popover="auto" aria-label="Keys">
        <dl>{keys.map(([key, does]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{does}</dd></div>)}</dl>
      </div>
    </>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  useEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
  const other = theme === "dark" ? "light" : "dark";
  return <button class="theme" onClick={() => setTheme(other)}>{other === "dark" ? "Dark" : "Light"}</button>;
}

/** Keys of the time axis and of the search, wherever the focus is; a control keeps those that it needs itself. */
function keysFor(session: Session): () => void {
  const does: Record<string, () => void> = {
    ArrowRight: () => session.step(1),
    ArrowLeft: () => session.step(-1),
    Home: () => session.step(-Infinity),
    End: () => session.step(Infinity),
    " ": () => session.togglePlay(),
    n: () => session.toNextOfSelected(),
    b: () => session.toBackward(),
    "/": () => document.querySelector<HTMLInputElement>("input[type=search]")!.focus(),
    "?": () => document.getElementById("keys")!.togglePopover(),
    Escape: () => session.deselect(),
  };
  const keydown = (event: KeyboardEvent) => {
    const target = event.target as Element;
    const modified = event.ctrlKey || event.metaKey || event.altKey
      || (event.shiftKey && event.key.startsWith("Arrow"));
    if (modified || event.defaultPrevented) return;
    if (target.matches("input[type=search], select") && event.key !== "Escape") return;
    if (event.key === " " && target.closest("button, summary")) return;
    const act = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    if (event.key === "Escape" && target instanceof HTMLInputElement) target.blur();
    act();
    event.preventDefault();
  };
  document.addEventListener("keydown", keydown);
  return () => document.removeEventListener("keydown", keydown);
}
