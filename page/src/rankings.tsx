// What holds the most bytes, and what took the longest.
import { useState } from "preact/hooks";
import { Link } from "./inspector";
import type { Node } from "./nodes";
import type { Session } from "./session";
import { bytes, duration } from "./words";

export function Rankings({ session }: { session: Session }) {
  const { trace, nodes, replay, hierarchy, event } = session;
  const [ranks] = useState(() => {
    const held = [
      ...trace.values.map((value, index) => ({ node: nodes.value(index), amount: value.bytes, what: "value" })),
      ...trace.operations.map((operation, index) =>
        ({ node: nodes.operation(index), amount: operation.kept_bytes, what: "keeps" })),
    ];
    const took = trace.operations.map(({ forward_ns, backward_ns }, index) => ({
      node: nodes.operation(index), amount: forward_ns + backward_ns, forward_ns, backward_ns,
    }));
    return { held: largest(held), took: largest(took) };
  });
  const state = (node: Node) => ({ later: "not yet", present: "alive", gone: "let go" })[replay.status(node, event)];
  /** The layer, which tells nodes of one name apart; where there is none, the code line. */
  const where = (node: Node) => {
    const box = hierarchy.around(node)[0];
    if (box !== undefined) return hierarchy.boxes[box].title;
    return nodes.kind(node) === "operation" ? session.detail(node) : "";
  };
  return (
    <section class="rankings" aria-label="Most memory and slowest">
      <details open data-testid="most-memory">
        <summary>Most memory</summary>
        <table>
          <tbody>{ranks.held.map(({ node, amount, what }) => (
            <tr key={node}>
              <td title={`${session.name(node)} ${where(node)}`}>
                <Link session={session} node={node} /> <small>{where(node)}</small></td>
              <td class="state"><small>{what}, {state(node)}</small></td><td class="amount">{bytes(amount)}</td>
            </tr>
          ))}</tbody>
        </table>
      </details>
      <details open data-testid="slowest">
        <summary>Slowest</summary>
        <table>
          <thead><tr><th scope="col" /><th scope="col">forward</th><th scope="col">backward</th></tr></thead>
          <tbody>{ranks.took.map(({ node, forward_ns, backward_ns }) => (
            <tr key={node}>
              <td title={`${session.name(node)} ${where(node)}`}>
                <Link session={session} node={node} /> <small>{where(node)}</small></td>
              <td class="amount">{duration(forward_ns)}</td>
              <td class="amount">{backward_ns > 0 ? duration(backward_ns) : "–"}</td>
            </tr>
          ))}</tbody>
        </table>
      </details>
      <p class="faint">
        Of the whole trace. An operation may keep the very array that a value has: then both are listed with it.
      </p>
    </section>
  );
}

function largest<T extends { amount: number }>(all: T[]): T[] {
  return all.filter(({ amount }) => amount > 0).sort((a, b) => b.amount - a.amount).slice(0, 10);
}
