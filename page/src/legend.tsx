// What the shapes, lines and marks of the graph mean.

const VALUES = [["parameter", "◆", "parameter"], ["", "●", "leaf: a gradient is wanted"], ["", "○", "constant"],
  ["", "", "result of an operation"]];
const OPERATIONS = [["square", "", "operation"],
  ["square untaped", "", "computed without being recorded: no gradient flows through it"],
  ["box", "▸", "folded box"]];
const STATES = [["later", "", "dotted: not made yet"], ["", "", "made"],
  ["gone", "", "grey, thin line: dropped, or what it kept let go"], ["grad", "∂", "a gradient has come"],
  ["now", "", "current: forward"], ["now back", "", "current: backward"], ["chosen", "", "chosen, or it is inside"],
  ["found", "", "found by the search"], ["trouble", "NaN", "not finite: NaN or Inf"]];

export function Legend() {
  return (
    <details class="legend">
      <summary>Legend</summary>
      <ul>
        {[...VALUES, ...OPERATIONS, ...STATES].map(([look, glyph, meaning]) => (
          <li key={meaning}><span class={`key ${look}`} aria-hidden="true">{glyph}</span>{meaning}</li>
        ))}
      </ul>
      <p>Drag to move, wheel to zoom; on a narrow screen the wheel zooms with Ctrl.</p>
    </details>
  );
}
