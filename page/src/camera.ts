// Where the reader looks: what part of the layout, and how large. Drag, wheel and two fingers move it.

export interface View { x: number; y: number; scale: number } // screen = scale * layout + (x, y)
export interface Rectangle { x: number; y: number; width: number; height: number }

const SMALLEST = 0.02;
const LARGEST = 3;
/** Whether all stands below each other. */
export const isNarrow = (): boolean => matchMedia("(max-width: 860px)").matches;

const READABLE = 0.75; // the first view is not smaller than this

export class Camera {
  view: View = { x: 0, y: 0, scale: 1 };
  isSet = false; // whether the reader has zoomed or moved it since all was shown
  dragged = false; // since the last press: then letting go is no click
  private element: SVGSVGElement | undefined;
  private pressed = { x: 0, y: 0 };
  private readonly fingers = new Map<number, { x: number; y: number }>();
  private gliding = 0;

  constructor(private readonly moved: () => void) {}

  attach(element: SVGSVGElement): () => void {
    this.element = element;
    const off = new AbortController();
    const listen = { signal: off.signal };
    element.addEventListener("wheel", (event) => this.wheel(event), { ...listen, passive: false });
    element.addEventListener("pointerdown", (event) => this.press(event), listen);
    window.addEventListener("pointermove", (event) => this.drag(event), listen);
    for (const end of ["pointerup", "pointercancel"] as const) {
      window.addEventListener(end, (event) => this.fingers.delete(event.pointerId), listen);
    }
    return () => off.abort();
  }

  isPressed(): boolean { return this.fingers.size > 0; }

  /** The part of the layout that is on the screen. */
  seen(): Rectangle {
    const { x, y, scale } = this.view;
    const { width, height } = this.screen();
    return { x: -x / scale, y: -y / scale, width: width / scale, height: height / scale };
  }

  panBy(dx: number, dy: number): void {
    this.isSet = true;
    this.shift(dx, dy);
  }

  shift(dx: number, dy: number): void { this.set({ ...this.view, x: this.view.x + dx, y: this.view.y + dy }); }

  /** Zooms about a point of the screen, the middle where none is given. */
  zoomBy(factor: number, about?: { x: number; y: number }): void {
    this.isSet = true;
    const { width, height } = this.screen();
    const point = about ?? { x: width / 2, y: height / 2 };
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    this.set({ scale, x: point.x - ratio * (point.x - this.view.x), y: point.y - ratio * (point.y - this.view.y) });
  }

  /** Shows all of it. */
  fit(size: { width: number; height: number }, least = SMALLEST): void {
    this.isSet = false;
    const { width, height } = this.screen();
    const space = 28;
    const top = 50; // below the buttons
    const ideal = Math.min((width - 2 * space) / size.width, (height - top - space) / size.height, 1.25);
    const scale = Math.max(ideal, least);
    const y = Math.max(top, (height - size.height * scale) / 2);
    this.set({ scale, x: (width - size.width * scale) / 2, y });
  }

  /** The first view: all of it, or its beginning where that would be too small to read. */
  open(size: { width: number; height: number }): void { this.fit(size, READABLE); }

  /** Brings a rectangle into view, and moves no further than needed. */
  show(target: Rectangle): void {
    const { width, height } = this.screen();
    const { x, y, scale } = this.view;
    const space = Math.min(48, width / 8, height / 8);
    const into = (start: number, length: number, extent: number) => {
      const [low, high] = [space - start, extent - space - (start + length)];
      return low > high ? (low + high) / 2 : low > 0 ? low : high < 0 ? high : 0;
    };
    const dx = into(target.x * scale + x, target.width * scale, width);
    const dy = into(target.y * scale + y, target.height * scale, height);
    // Far away, it is put in the middle: there what surrounds it is seen as well.
    const centre = Math.abs(dx) > width / 2 || Math.abs(dy) > height / 2;
    const goal = centre
      ? { x: (width - (2 * target.x + target.width) * scale) / 2,
        y: (height - (2 * target.y + target.height) * scale) / 2, scale }
      : { x: x + dx, y: y + dy, scale };
    if (goal.x !== x || goal.y !== y) this.glide(goal);
  }

  private glide(goal: View): void {
    cancelAnimationFrame(this.gliding);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set(goal);
    const from = this.view;
    const began = performance.now();
    const frame = (now: number) => {
      const part = Math.min(1, Math.max(0, now - began) / 180);
      const eased = 1 - (1 - part) ** 3;
      this.view = { scale: goal.scale, x: from.x + eased * (goal.x - from.x), y: from.y + eased * (goal.y - from.y) };
      this.moved();
      if (part < 1) this.gliding = requestAnimationFrame(frame);
    };
    this.gliding = requestAnimationFrame(frame);
  }

  private set(view: View): void {
    cancelAnimationFrame(this.gliding);
    this.view = view;
    this.moved();
  }

  private screen(): { width: number; height: number } {
    return { width: this.element?.clientWidth || 1, height: this.element?.clientHeight || 1 };
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.element!.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private wheel(event: WheelEvent): void {
    if (isNarrow() && !event.ctrlKey) return; // there it scrolls the page
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), this.at(event));
  }

  private press(event: PointerEvent): void {
    this.dragged = false;
    this.pressed = this.at(event);
    this.fingers.set(event.pointerId, this.pressed);
  }

  private drag(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.at(event);
    this.dragged ||= Math.hypot(now.x - this.pressed.x, now.y - this.pressed.y) > 4;
    if (!this.dragged) return;
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, now);
    if (!other) return this.panBy(now.x - before.x, now.y - before.y);
    const distance = (point: { x: number; y: number }) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.zoomBy(distance(now) / distance(before), other);
  }
}
