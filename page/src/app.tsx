// The page as a whole: header, banner, graph, time axis, inspector; and the keys that work everywhere.
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { Inspector, Link, Rankings } from "./inspector";
import { Scene } from "./scene";
import type { Session } from "./session";
import { Timeline } from "./timeline";
import { operationName, place } from "./words";

export function App({ session }: { session: Session }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => session.watch(() => redraw(undefined)), []);
  useEffect(() => keysFor(session), []);
  return (
    <div class="app">
      <header class="top">
        <h1>{session.trace.title}<small>Wengert trace</small></h1>
        <Search session={session} />
        <ThemeButton />
      </header>
      {session.trace.anomaly && <Banner session={session} />}
      <main>
        <Scene session={session} />
        <Timeline session={session} />
      </main>
      <aside aria-label="Details">
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
            ? <Link session={session} node={nodes.value(value)}>{name}</Link> : name} = {text || "?"}</span>
        ))}
        {at && ` (${at})`}
      </p>
      <button data-testid="anomaly-go" onClick={() => session.toAnomaly()}>Go there</button>
    </div>
  );
}

/** Enter goes to the next of what was found, with Shift to the one before. */
function Search({ session }: { session: Session }) {
  const [words, setWords] = useState("");
  const [place, setPlace] = useState(-1);
  const hits = useRef<number[]>([]);
  const type = (text: string) => {
    hits.current = session.find(text);
    setWords(text);
    setPlace(-1);
  };
  const keydown = (event: KeyboardEvent) => {
    const count = hits.current.length;
    if (event.key !== "Enter" || count === 0) return;
    const next = place < 0 && event.shiftKey ? count - 1 : (place + (event.shiftKey ? -1 : 1) + count) % count;
    setPlace(next);
    session.select(hits.current[next]);
  };
  const count = hits.current.length.toLocaleString("en");
  return (
    <search>
      <input type="search" data-testid="search" aria-label="Search names, operations, layers and code"
        placeholder="Search  /" value={words}
        onInput={(event) => type(event.currentTarget.value)} onKeyDown={keydown} />
      <output aria-live="polite">{words.trim() && (place < 0 ? `${count} found` : `${place + 1} of ${count}`)}</output>
    </search>
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
