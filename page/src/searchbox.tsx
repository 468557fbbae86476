// The search field with the list of what it finds.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Node } from "./nodes";
import type { Session } from "./session";

const MOST_LISTED = 200;

/** Arrow keys choose from the list, Enter goes there and then on to the next, with Shift to the one before. */
export function SearchBox({ session }: { session: Session }) {
  const [words, setWords] = useState("");
  const [active, setActive] = useState(0);
  const [gone, setGone] = useState(-1); // where Enter went last
  const [open, setOpen] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const { hits } = session;
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }),
    [active, open]);
  const type = (text: string) => {
    session.search(text);
    setWords(text);
    setActive(0);
    setGone(-1);
    setOpen(text.trim() !== "");
  };
  const go = (index: number) => {
    setActive(index);
    setGone(index);
    setOpen(false);
    session.select(hits[index]);
  };
  const keydown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const next = (from: number, step: number) => (from + step + hits.length) % hits.length;
    if (hits.length === 0) return;
    if (by !== 0) {
      if (open) setActive(next(active, by));
      setOpen(true);
    } else if (event.key === "Enter") {
      go(active !== gone ? active : next(gone, event.shiftKey ? -1 : 1));
    } else {
      return;
    }
    event.preventDefault();
  };
  const count = hits.length.toLocaleString("en");
  return (
    <search>
      <div>
        <input type="search" list={undefined} data-testid="search" role="combobox"
          aria-label="Search names, operations, layers and code"
          aria-expanded={open && hits.length > 0} aria-controls="hits" aria-autocomplete="list"
          aria-activedescendant={open && hits.length > 0 ? `hit${active}` : undefined}
          placeholder="Search  /" value={words} onBlur={() => setOpen(false)}
          onInput={(event) => type(event.currentTarget.value)} onKeyDown={keydown} />
        {open && hits.length > 0 && (
          <ul id="hits" role="listbox" aria-label="Found" data-testid="hits" ref={list}>
            {hits.slice(0, Math.max(MOST_LISTED, active + 1)).map((node, index) => (
              <li key={node} id={`hit${index}`} role="option" aria-selected={index === active}
                onPointerDown={(event) => { event.preventDefault(); go(index); }}>
                {session.name(node)} <small>{what(session, node)}</small>
              </li>
            ))}
            {hits.length > MOST_LISTED && <li class="faint">and {hits.length - MOST_LISTED} more</li>}
          </ul>
        )}
      </div>
      <output aria-live="polite">
        {words.trim() && (gone < 0 ? `${count} found` : `${gone + 1} of ${count}`)}</output>
    </search>
  );
}

/** What tells a hit from others of its name. */
function what(session: Session, node: Node): string {
  const { hierarchy, nodes, trace } = session;
  const index = nodes.index(node);
  const inside = hierarchy.around(node)[0];
  const where = inside === undefined ? "" : ` in ${hierarchy.boxes[inside].title}`;
  switch (nodes.kind(node)) {
    case "value": return trace.values[index].role + where;
    case "operation": return (session.detail(node) || "operation") + where;
    case "box": return hierarchy.boxes[index].note + where;
  }
}
