// All that is known about the chosen node at this event. Whatever is named here leads to its node.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Node } from "./nodes";
import { Picture } from "./pictures";
import type { Session } from "./session";
import {
  bothNames, brief, bytes, counted, duration, inputName, listed, place, plus, tuple, valueCalled,
} from "./words";

interface Part { session: Session }

export function Inspector({ session }: Part) {
  const { selected, nodes } = session;
  return (
    <section class="inspector" data-testid="inspector" aria-label="Chosen node">
      {selected === undefined ? <Overview session={session} />
        : nodes.kind(selected) === "value"
          ? <ValuePart key={selected} session={session} index={nodes.index(selected)} />
        : nodes.kind(selected) === "operation"
          ? <OperationPart key={selected} session={session} index={nodes.index(selected)} />
        : <BoxPart key={selected} session={session} index={nodes.index(selected)} />}
    </section>
  );
}

function Overview({ session: { trace } }: Part) {
  return (
    <>
      <h2>This trace</h2>
      <p>
        {counted(trace.operations.length, "operation")}, {counted(trace.values.length, "value")},
        {" "}{counted(trace.passes.length, "backward pass")}, {counted(trace.events.length, "event")}.
      </p>
      <p class="faint">Choose a node to see its numbers. Step with ← and →, or press Space to play.</p>
      {trace.note && <p>{trace.note}</p>}
    </>
  );
}

export function Link({ session, node, children }: Part & { node: Node; children?: ComponentChildren }) {
  return <button class="link" onClick={() => session.select(node)}>{children ?? session.name(node)}</button>;
}

function Links({ session, nodes }: Part & { nodes: Node[] }) {
  const FEW = 16;
  const [all, setAll] = useState(false);
  return (
    <ul class="links">
      {nodes.slice(0, all ? 2000 : FEW).map((node) => (
        <li key={node}>
          <Link session={session} node={node} />
          {session.nodes.kind(node) === "operation" && <small> {session.detail(node)}</small>}
        </li>
      ))}
      {!all && nodes.length > FEW && <li><button onClick={() => setAll(true)}>{nodes.length - FEW} more</button></li>}
    </ul>
  );
}

/** The layers around a node, the outermost first. */
function Path({ session, node }: Part & { node: Node }) {
  const boxes = session.hierarchy.around(node).toReversed();
  return <>{boxes.length === 0 ? "outside of all layers" : boxes.map((box, i) => (
    <span key={box}>{i > 0 && " › "}<Link session={session} node={session.nodes.box(box)} /></span>
  ))}</>;
}

function CodeLine({ session: { trace }, line }: Part & { line: number }) {
  if (line < 0) return null;
  return (
    <div class="where">
      <small>{place(trace, line)}{trace.lines[line].function && ` in ${trace.lines[line].function}`}</small>
      {trace.lines[line].text && <pre>{trace.lines[line].text.trim()}</pre>}
    </div>
  );
}

function Heading({ name, what, children }: { name: string; what: string; children?: ComponentChildren }) {
  return <header><small>{what}</small><h2>{name}</h2>{children}</header>;
}

const STATUS = { later: "not there yet", present: "there now", gone: "dropped: nobody holds its array any more" };

function ValuePart({ session, index }: Part & { index: number }) {
  const { trace, replay, nodes, hierarchy, event } = session;
  const value = trace.values[index];
  const status = replay.status(nodes.value(index), event);
  const numbers = trace.summaries[replay.numbers(index, event)];
  return (
    <>
      <Heading name={session.name(nodes.value(index))} what={value.role} />
      <dl class="facts">
        <div><dt>shape</dt><dd>{tuple(value.shape)}</dd></div>
        <div><dt>dtype</dt><dd>{value.dtype}</dd></div>
        <div><dt>bytes</dt><dd>{bytes(value.bytes)}</dd></div>
      </dl>
      <dl class="rows">
        <div><dt>made by</dt><dd>
          {value.maker < 0 ? "the program" : <Link session={session} node={nodes.operation(value.maker)} />}</dd></div>
        <div><dt>in</dt><dd><Path session={session} node={nodes.value(index)} /></dd></div>
        <div><dt>state</dt><dd>{STATUS[status]}</dd></div>
      </dl>
      <h3>Value</h3>
      {status === "later" ? <p class="faint" data-testid="value">not there yet</p>
        : numbers === undefined ? <p class="faint" data-testid="value">its numbers were not kept</p>
        : <Picture summary={numbers} name="the value" testid="value" />}
      <GradientPart session={session} index={index} />
      <h3>Used by</h3>
      {hierarchy.users[index].length > 0
        ? <Links session={session} nodes={hierarchy.users[index].map((user) => nodes.operation(user))} />
        : <p class="faint">Nothing: it is a result of the program.</p>}
    </>
  );
}

function GradientPart({ session, index }: Part & { index: number }) {
  const { trace, replay, nodes, event } = session;
  const { seed, parts, total } = replay.gradient(index, event);
  const stored = replay.stored(index, event);
  const text = (summary: number) => brief(trace.summaries[summary], 4);
  return (
    <>
      <h3 class="back">Gradient</h3>
      {total < 0
        ? <p class="faint">Nothing has come back to it {replay.passStart(event) < 0 ? "yet" : "in this pass"}.</p>
        : <Picture summary={trace.summaries[total]} name="the gradient" testid="gradient" />}
      {seed >= 0 && <p>The pass started here, with {text(seed)}.</p>}
      {parts.length > 0 && (
        <ol class="contributions" aria-label="Contributions in the order in which they came">
          {parts.map((part, i) => (
            <li key={part.event} data-testid="contributions">
              <span class="rank">#{i + 1}</span> from <Link session={session} node={nodes.operation(part.operation)} />
              {" "}<small>{session.detail(nodes.operation(part.operation))}</small>
              <span class="part">{i > 0 || seed >= 0 ? plus(text(part.part)) : text(part.part)}</span>
              <button class="link when" title="To the event at which it came"
                onClick={() => session.step(part.event - event)}>event {part.event + 1}</button>
            </li>
          ))}
          {parts.length > 1 && <li class="total">total <span class="part">{text(total)}</span></li>}
        </ol>
      )}
      {stored >= 0 && (
        <>
          <h4>Stored in .grad</h4>
          <Picture summary={trace.summaries[stored]} name="the stored gradient" testid="stored" />
        </>
      )}
    </>
  );
}

function OperationPart({ session, index }: Part & { index: number }) {
  const { trace, nodes, replay, event } = session;
  const operation = trace.operations[index];
  const rule = trace.rules[operation.rule];
  const options = Object.entries(operation.options);
  const freed = replay.status(nodes.operation(index), event) === "gone";
  return (
    <>
      <Heading name={rule.name} what={`operation ${index + 1}${operation.recorded ? "" : ", off the tape"}`}>
        <CodeLine session={session} line={operation.line} />
      </Heading>
      <dl class="rows">
        <div><dt>in</dt><dd><Path session={session} node={nodes.operation(index)} /></dd></div>
        {operation.of >= 0 && <div><dt>run by the derivative of</dt><dd>
          <Link session={session} node={nodes.operation(operation.of)} /></dd></div>}
        {options.length > 0 && <div><dt>options</dt>
          <dd>{options.map(([name, option]) => <code key={name}>{name}={option} </code>)}</dd></div>}
        <div><dt>keeps</dt><dd>
          {operation.kept.length > 0
            ? `${listed(operation.kept.map((name) => bothNames(trace, name, valueCalled(trace, index, name))))}: ${
              bytes(operation.kept_bytes)}` : "nothing"}
          {freed && ", let go: what nobody else holds is dropped"}
        </dd></div>
      </dl>
      {!operation.recorded && <p>Computed without being recorded: no gradient flows through it.</p>}
      <h3>Forward</h3>
      <pre>{rule.forward || "(its source is not known)"}</pre>
      <Uses session={session} index={index} />
      <h3 class="back">Derivative</h3>
      {rule.formulas.length === 0 && <p class="faint">No formula is known.</p>}
      {rule.formulas.map((formula, i) => <FormulaPart key={i} session={session} index={index} {...formula} />)}
      <h3>Time</h3>
      <Durations forward={operation.forward_ns} backward={operation.backward_ns} most={session.longest} />
    </>
  );
}

/** What goes in and comes out, and the gradients on their way back. */
function Uses({ session, index }: Part & { index: number }) {
  const { trace, nodes, replay, event } = session;
  const { inputs, outputs } = trace.operations[index];
  const arrived = replay.arrived(index, event);
  const number = (value: number) => replay.status(nodes.value(value), event) === "later"
    ? "—" : brief(trace.summaries[replay.numbers(value, event)]);
  const sent = (value: number, position: number) => {
    const parts = replay.gradient(value, event).parts;
    return parts.filter((part) => part.operation === index && part.position === position)
      .map((part) => brief(trace.summaries[part.part])).join(" + ");
  };
  return (
    <table class="uses">
      <thead><tr>
        <th scope="col" /><th scope="col">of</th><th scope="col">value</th><th scope="col" class="back">gradient</th>
      </tr></thead>
      <tbody>
        {inputs.slice(0, 40).map((value, position) => (
          <Row key={position} session={session} called={inputName(trace, index, position)} value={value}
            numbers={number(value)} gradient={sent(value, position)} />
        ))}
        {inputs.length > 40 && <tr><td colSpan={4}>and {inputs.length - 40} more inputs</td></tr>}
        {outputs.map((value, position) => (
          <Row key={`out${position}`} session={session} called={`out${outputs.length > 1 ? `[${position}]` : ""}`}
            value={value} numbers={number(value)}
            gradient={arrived[position] >= 0 ? brief(trace.summaries[arrived[position]]) : ""} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps { session: Session; called: string; value: number; numbers: string; gradient: string }

/** What is too long is cut off, and shown in full under the mouse. */
function Row({ session, called, value, numbers, gradient }: RowProps) {
  const node = session.nodes.value(value);
  return (
    <tr>
      <th scope="row" title={called}>{called}</th>
      <td title={session.name(node)}><Link session={session} node={node} /></td>
      <td title={numbers}>{numbers}</td>
      <td title={gradient}>{gradient || "—"}</td>
    </tr>
  );
}

function FormulaPart({ session, index, inputs, text }: Part & { index: number; inputs: number[]; text: string }) {
  const names = inputs.map((input) => inputName(session.trace, index, input));
  const filled = numbersPutIn(session, index, text);
  const changed = filled.some((piece) => typeof piece !== "string");
  const { replay, event, trace } = session;
  const result = inputs.length === 1 ? replay.gradient(trace.operations[index].inputs[inputs[0]], event).parts
    .findLast((part) => part.operation === index && part.position === inputs[0]) : undefined;
  const number = result && trace.summaries[result.part];
  return (
    <div class="formula">
      <small>to {names.join(", ")}</small>
      <pre>{text}</pre>
      {changed && <><small>with numbers</small><pre>
        {filled.map((piece, i) => typeof piece === "string" ? piece : <mark key={i}>{piece.number}</mark>)}
        {number !== undefined && typeof number !== "object" && ` = ${brief(number)}`}</pre></>}
    </div>
  );
}

/** The formula with what its names stand for at this event: numbers where there are few, else name and shape. */
function numbersPutIn(session: Session, index: number, text: string): (string | { number: string })[] {
  const { trace, nodes, replay, event } = session;
  const { inputs, outputs, options } = trace.operations[index];
  const known = new Map<string, string>();
  const put = (name: string, summary: number | undefined) => {
    const found = summary === undefined ? undefined : trace.summaries[summary];
    if (found === undefined) return;
    const written = brief(found);
    known.set(name, written.startsWith("-") ? `(${written})`
      : written.startsWith("(") ? `${name} ${written}` : written);
  };
  for (const [name, option] of Object.entries(options)) known.set(name, option);
  inputs.forEach((value, position) => {
    const name = inputName(trace, index, position);
    put(name, replay.numbers(value, event));
    known.set(`${name}_shape`, tuple(trace.values[value].shape));
  });
  if (outputs.length === 1) {
    if (replay.status(nodes.value(outputs[0]), event) !== "later") put("out", trace.values[outputs[0]].summary);
    const [arrived] = replay.arrived(index, event);
    put("g", arrived);
  }
  // Strings, comments, attributes, names of arguments and of functions stay as they are.
  const token = /"[^"]*"|'[^']*'|#.*|(?<![\w.])[A-Za-z_]\w*(?!\w|\s*\(|\s*=(?!=))/g;
  const pieces: (string | { number: string })[] = [];
  let end = 0;
  for (const match of text.matchAll(token)) {
    const number = known.get(match[0]);
    if (number === undefined) continue;
    pieces.push(text.slice(end, match.index), { number });
    end = match.index + match[0].length;
  }
  return [...pieces, text.slice(end)];
}

/** On one scale for all operations of the trace. */
function Durations({ forward, backward, most }: { forward: number; backward: number; most: number }) {
  return (
    <dl class="durations">
      <dt>forward</dt><dd><span class="bar" style={{ width: `${(60 * forward) / most}%` }} /> {duration(forward)}</dd>
      <dt>backward</dt>
        <dd><span class="bar back" style={{ width: `${(60 * backward) / most}%` }} />
          {" "}{backward > 0 ? duration(backward) : "–"}</dd>
    </dl>
  );
}

function BoxPart({ session, index }: Part & { index: number }) {
  const { hierarchy, nodes } = session;
  const box = hierarchy.boxes[index];
  const folded = !session.open.has(index);
  return (
    <>
      <Heading name={box.title} what={box.layer >= 0 ? `layer ${box.note}` : `group ${box.note}`} />
      <dl class="facts">
        <div><dt>operations</dt><dd>{box.operations.toLocaleString("en")}</dd></div>
        <div><dt>values</dt><dd>{box.values.toLocaleString("en")}</dd></div>
        <div><dt>kept now</dt><dd>{bytes(session.keptIn(index))}</dd></div>
        <div><dt>time</dt><dd>{duration(box.nanoseconds)}</dd></div>
      </dl>
      <dl class="rows"><div><dt>in</dt><dd><Path session={session} node={nodes.box(index)} /></dd></div></dl>
      <p><button onClick={() => session.toggle(index)}>{folded ? "Unfold" : "Fold"}</button></p>
      <h3>Inside</h3>
      <Links session={session} nodes={box.children} />
    </>
  );
}
