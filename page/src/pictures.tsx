// An array as a picture: a number, a table, a heat map with its colour bar, a histogram, statistics.
import { useEffect, useRef } from "preact/hooks";
import type { ArraySummary, Histogram, Picture as Image, Scalar, Statistics, Summary } from "./format";
import { notFinite, short, tuple } from "./words";

const MOST_COLUMNS = 8;
const MOST_ROWS = 12;

/** The numbers in `summary` in the form that shows them best. */
export function Picture({ summary, name, testid }: { summary: Summary; name: string; testid?: string }) {
  if (typeof summary !== "object") return <output class="number" data-testid={testid}>{String(summary)}</output>;
  const { shape, data, stats, histogram, image, bad, note } = summary;
  const [rows, columns] = [shape.slice(0, -1).reduce((a, b) => a * b, 1), shape.at(-1) ?? 1];
  return (
    <div class="picture" data-testid={testid}>
      {data && data.length === 0 && <p class="faint">No entries: the shape is {tuple(shape)}.</p>}
      {data && data.length > 0 && (columns <= MOST_COLUMNS && rows <= MOST_ROWS
        ? <Table summary={summary} rows={rows} columns={columns} name={name} />
        : <HeatMap image={imageOf(data, rows, columns)} name={name} />)}
      {image && <HeatMap image={image} name={name} />}
      {histogram && <Bars histogram={histogram} name={name} />}
      {stats && <Facts stats={stats} />}
      {notFinite(summary) && <p class="bad">
        Not finite: {notFinite(summary)!.text}{bad && `, first at [${bad.join(", ")}]`}.</p>}
      {note && <p class="faint">{tuple(shape)}: {note}</p>}
    </div>
  );
}

interface Numbers { summary: ArraySummary; rows: number; columns: number; name: string }

function Table({ summary: { data, shape }, rows, columns, name }: Numbers) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Numbers of ${name}`}>
      <table class="numbers">
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              {rows > 1 && <th scope="row">{indexOf(row, shape.slice(0, -1))}</th>}
              {data!.slice(row * columns, (row + 1) * columns).map((number, column) => (
                <td key={column} class={typeof number === "string" ? "bad" : ""}
                  title={String(number)}>{short(number)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The place of a row among all axes but the last. */
function indexOf(row: number, shape: number[]): string {
  const index = [];
  for (const size of shape.toReversed()) {
    index.unshift(row % size);
    row = Math.floor(row / size);
  }
  return index.join(", ");
}

function imageOf(data: Scalar[], rows: number, columns: number): Image {
  const numbers = data.map((number) => (typeof number === "string" ? NaN : Number(number)));
  const finite = numbers.filter(Number.isFinite);
  const [low, high] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 0];
  const shade = (number: number) => Number.isFinite(number)
    ? (high > low ? Math.round((254 * (number - low)) / (high - low)) : 127) : 255;
  return { rows, columns, low, high, data: btoa(String.fromCharCode(...numbers.map(shade))) };
}

// People who confuse red and green read both: from blue to yellow, and from blue over white to orange.
const RISING = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"];
const SIGNED = ["#08488e", "#6ba3d6", "#f4f4f2", "#f0a35c", "#9c4300"];
const NOT_FINITE = [230, 0, 180];

/** A colour for each shade; where there are both signs, white is zero. */
function palette(low: number, high: number): number[][] {
  const signed = low < 0 && high > 0;
  const reach = Math.max(-low, high);
  return Array.from({ length: 256 }, (_, shade) => {
    if (shade === 255) return NOT_FINITE;
    const part = shade / 254;
    return signed ? mix(SIGNED, (low + part * (high - low) + reach) / (2 * reach)) : mix(RISING, part);
  });
}

function mix(stops: string[], part: number): number[] {
  const place = part * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const channels = (stop: string) => [1, 3, 5].map((start) => parseInt(stop.slice(start, start + 2), 16));
  const [a, b] = [channels(stops[left]), channels(stops[left + 1])];
  return a.map((channel, i) => Math.round(channel + (place - left) * (b[i] - channel)));
}

function HeatMap({ image, name }: { image: Image; name: string }) {
  const { rows, columns, low, high, data, note } = image;
  const bytes = atob(data);
  const bar = Array.from({ length: 128 }, (_, i) => Math.round((254 * i) / 127));
  const colours = palette(low, high);
  // One long row is drawn as a band that can be seen.
  const height = Math.min(220, Math.max(28, (300 * rows) / columns));
  const width = Math.min(300, Math.max(28, (220 * columns) / rows));
  return (
    <figure>
      <Pixels label={`Heat map of ${name}: ${rows} by ${columns}, from ${short(low)} to ${short(high)}`}
        rows={rows} columns={columns}
        shades={Array.from(bytes, (byte) => byte.charCodeAt(0))} colours={colours}
          style={{ width: `${width}px`, height: `${height}px` }} />
      <figcaption>
        <span>{short(low)}</span>
        <Pixels label="Colour bar" rows={1} columns={128} shades={bar} colours={colours}
          style={{ width: "120px", height: "10px" }} />
        <span>{short(high)}</span>
        <span>{low < 0 && high > 0 ? "blue below 0, white is 0, orange above" : "dark is low, yellow is high"}</span>
        {bytes.includes("\xff") && <span><span class="swatch" /> not finite</span>}
        {note && <span class="faint">{note}</span>}
      </figcaption>
    </figure>
  );
}

interface Grid {
  label: string; rows: number; columns: number; shades: number[]; colours: number[][];
  style: { width: string; height: string };
}

function Pixels({ label, rows, columns, shades, colours, style }: Grid) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current!.getContext("2d")!;
    const pixels = pen.createImageData(columns, rows);
    shades.forEach((shade, i) => pixels.data.set([...colours[shade], 255], 4 * i));
    pen.putImageData(pixels, 0, 0);
  });
  return <canvas ref={canvas} role="img" aria-label={label} width={columns} height={rows} style={style} />;
}

function Bars({ histogram: { low, high, counts }, name }: { histogram: Histogram; name: string }) {
  const most = Math.max(...counts, 1);
  const width = 100 / counts.length;
  const zero = low < 0 && high > 0 ? (100 * -low) / (high - low) : undefined;
  return (
    <figure>
      <svg class="bars" viewBox="0 0 100 40" preserveAspectRatio="none" role="img"
        aria-label={`Histogram of ${name}, from ${short(low)} to ${short(high)}`}>
        {counts.map((count, i) => (
          <rect key={i} x={i * width + 0.1} width={Math.max(width - 0.2, 0.1)} y={40 - (38 * count) / most}
            height={(38 * count) / most} />
        ))}
        {zero !== undefined && <line x1={zero} x2={zero} y1="0" y2="40" />}
      </svg>
      <figcaption class="ends">
        <span>{short(low)}</span>
        {zero !== undefined && zero > 12 && zero < 88 && <span class="zero" style={{ left: `${zero}%` }}>0</span>}
        <span>{short(high)}</span>
      </figcaption>
    </figure>
  );
}

function Facts({ stats }: { stats: Statistics }) {
  const names = { min: "least", mean: "mean", max: "most", std: "deviation", zeros: "zeros",
    nans: "NaN", infs: "infinite" };
  const shown = (Object.keys(names) as (keyof Statistics)[])
    .filter((name) => !["zeros", "nans", "infs"].includes(name) || stats[name]);
  return (
    <dl class="facts">
      {shown.map((name) => (
        <div key={name} class={name === "nans" || name === "infs" ? "bad" : ""}>
          <dt>{names[name]}</dt><dd>{stats[name] === null ? "none is finite" : short(stats[name])}</dd>
        </div>
      ))}
    </dl>
  );
}
