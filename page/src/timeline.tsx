// The time axis: what happens now in a sentence, the controls, and the bytes alive over all events.
import { useMemo, useRef } from "preact/hooks";
import type { Session } from "./session";
import type { Trace } from "./format";
import { sentence } from "./sentences";
import { bytes } from "./words";

const SPEEDS = [0.5, 1, 2, 5, 20, 100, 1000];
const WIDTH = 1000; // of the strip, in units of its drawing; it is stretched
const HEIGHT = 100;
const ROOM = 26; // above the largest, for its label

export function Timeline({ session }: { session: Session }) {
  const { event, last, playing, trace, replay } = session;
  const said = session.notice || sentence(trace, replay, event);
  const kind = session.notice ? "" : trace.events[event]?.[0];
  return (
    <section class="timeline" aria-label="Time">
      <p class="sentence" data-testid="sentence" aria-live={playing ? "off" : "polite"}>
        {kind && <span class={`tag ${kind}`}>{kind}</span>} {said}
      </p>
      <div class="controls" role="toolbar" aria-label="Playing">
        <button aria-label="First event" title="First event (Home)"
          onClick={() => session.step(-Infinity)}>|◂</button>
        <button data-testid="step-back" aria-label="Step back" title="Step back (←)"
          onClick={() => session.step(-1)}>◂</button>
        <button data-testid="play" class="play" aria-label={playing ? "Pause" : "Play"}
          title="Play or pause (Space)" onClick={() => session.togglePlay()}>
          {playing ? "❚❚" : "▶"}
        </button>
        <button data-testid="step-forward" aria-label="Step forward" title="Step forward (→)"
          onClick={() => session.step(1)}>▸</button>
        <button aria-label="Last event" title="Last event (End)" onClick={() => session.step(Infinity)}>▸|</button>
        <button title="To the start of backward (B)" onClick={() => session.toBackward()}>Backward</button>
        <button title="Next event of the chosen node (N)" disabled={session.selected === undefined}
          onClick={() => session.toNextOfSelected()}>Next of chosen</button>
        <label class="speed">
          <span>Speed</span>
          <select value={session.speed} onChange={(change) => session.setSpeed(Number(change.currentTarget.value))}>
            {SPEEDS.map((speed) => <option key={speed} value={speed}>{speed} / s</option>)}
          </select>
        </label>
        <span class="count">event {(event + 1).toLocaleString("en")} of {(last + 1).toLocaleString("en")}</span>
      </div>
      <Strip session={session} />
    </section>
  );
}

function Strip({ session }: { session: Session }) {
  const { event, last, trace, replay } = session;
  const { area, most, peak } = useMemo(() => chart(replay.live), []);
  const bands = useMemo(() => passes(trace), []);
  const part = last > 0 ? event / last : 0;
  const plot = useRef<HTMLDivElement>(null);
  const drag = (pointer: PointerEvent) => {
    if (pointer.buttons !== 1 || (pointer.target as Element).closest("button")) return;
    plot.current!.setPointerCapture(pointer.pointerId);
    const { left, width } = plot.current!.getBoundingClientRect();
    session.step(Math.round((last * (pointer.clientX - left)) / width) - session.event);
  };
  return (
    <div class="strip">
      <div class="plot" data-testid="memory" ref={plot} onPointerDown={drag} onPointerMove={drag}>
        <div class="bands">
          {bands.map(({ label, from, to }) => (
            <span key={from} class={`band ${label.split(" ")[0]}`} title={label}
              style={{ left: `${(100 * from) / (last + 1)}%`, width: `${(100 * (to - from)) / (last + 1)}%` }}>
                <span>{label}</span></span>
          ))}
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path class="area" d={area} />
        </svg>
        <span class="cursor" style={{ left: `${100 * part}%` }} />
        <button class={peak > 0.5 ? "most left" : "most"} style={{ left: `${100 * peak}%` }}
          title="To the event at which most is alive" onClick={() => session.step(Math.round(peak * last) - event)}>
          most {bytes(most)}</button>
        <span class={part > 0.5 ? "alive left" : "alive"} style={{ left: `${100 * part}%` }}>
          {bytes(replay.live[event] ?? 0)} alive</span>
      </div>
      <small class="caption">Bytes alive of all arrays met: values, what is kept, gradients.</small>
      <input type="range" data-testid="slider" aria-label="Event" min={0} max={last} value={event}
        aria-valuetext={`event ${event + 1} of ${last + 1}`}
          onInput={(input) => session.step(Number(input.currentTarget.value) - event)} />
    </div>
  );
}

/** The bytes alive as an area, where there are many events by the most in each of a thousand spans. */
function chart(live: Float64Array): { area: string; most: number; peak: number } {
  const most = live.reduce((a, b) => Math.max(a, b), 0);
  const columns = Math.min(live.length, WIDTH);
  const scale = most > 0 ? (HEIGHT - ROOM) / most : 0;
  let area = `M0 ${HEIGHT}`;
  for (let column = 0; column < columns; column++) {
    const span = live.subarray(Math.floor((column * live.length) / columns),
      Math.floor(((column + 1) * live.length) / columns));
    const x = columns > 1 ? (column * WIDTH) / (columns - 1) : 0;
    // In steps: a value holds until the next event.
    area += `H${x.toFixed(1)}V${(HEIGHT - scale * span.reduce((a, b) => Math.max(a, b), 0)).toFixed(1)}`;
  }
  return { area: `${area}H${WIDTH}V${HEIGHT}Z`, most,
    peak: live.length > 1 ? live.indexOf(most) / (live.length - 1) : 0 };
}

interface Band { label: string; from: number; to: number }

/** Forward and backward in turn, without the pauses between; of very many only those wide enough to be seen. */
function passes(trace: Trace): Band[] {
  const bands: Band[] = [];
  let from = 0;
  let ran = false; // an operation since the last band
  const close = (label: string, to: number) => {
    if ((label !== "forward" || ran) && to > from) bands.push({ label, from, to });
    from = to;
    ran = false;
  };
  trace.events.forEach((event, k) => {
    ran ||= event[0] === "forward";
    if (event[0] === "start") close("forward", k);
    if (event[0] === "end") close(`backward ${event[1] + 1}`, k + 1);
  });
  close(trace.passes.length > 0 && !ran ? "after" : "forward", trace.events.length);
  const narrowest = trace.events.length / 400;
  return bands.filter((band) => band.to - band.from >= narrowest);
}
