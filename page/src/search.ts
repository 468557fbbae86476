// What a reader's words find, the likeliest first.
import type { Trace } from "./format";
import type { Hierarchy } from "./hierarchy";
import type { Node, Nodes } from "./nodes";
import type { Replay } from "./replay";
import { notFinite, operationName, place } from "./words";

/** What is searched: a session has it. */
interface Searched { trace: Trace; nodes: Nodes; replay: Replay; hierarchy: Hierarchy; name(node: Node): string }

/**
 * Names that are these words, then names that begin with them, operations, layers by kind and path, names as they are
 * shown ("result of relu"), and code lines last; "nan" and "inf" also find what is not finite.
 */
export function find(session: Searched, text: string): Node[] {
  const { trace, nodes, replay, hierarchy } = session;
  const words = text.trim().toLowerCase();
  if (!words) return [];
  const found: Node[][] = [];
  const add = (rank: number, node: Node) => (found[rank] ??= []).push(node);
  const has = (name: string) => name.toLowerCase().includes(words);
  const rank = (names: string[], within: number) => {
    const lower = names.map((name) => name.toLowerCase());
    return lower.includes(words) ? 0 : lower.some((name) => name.startsWith(words)) ? 1
      : lower.some((name) => name.includes(words)) ? within : -1;
  };
  for (const value of replay.suspects) {
    const summaries = [trace.values[value].summary, replay.gradient(value, Infinity).total];
    if (summaries.some((index) => notFinite(trace.summaries[index])?.kind.toLowerCase() === words)) add(0, value);
  }
  trace.values.forEach((value, index) => {
    const at = value.name ? rank([value.name], 2) : -1;
    if (at >= 0) add(at, nodes.value(index));
    else if (has(session.name(nodes.value(index)))) add(5, nodes.value(index));
  });
  trace.operations.forEach((operation, index) => {
    const at = rank([operationName(trace, index)], 3);
    const line = trace.lines[operation.line];
    if (at >= 0) add(at, nodes.operation(index));
    else if (line && (has(line.text) || has(place(trace, operation.line)))) add(6, nodes.operation(index));
  });
  hierarchy.boxes.forEach(({ title, note, layer }, index) => {
    const at = layer >= 0 ? rank([title, note], 4) : -1;
    if (at >= 0) add(at, nodes.box(index));
  });
  return [...new Set(found.flat())];
}
