// Mouse, fingers and keys.

import type { Camera } from "./camera";

export type Manner = "orbit" | "fly";

const RADIANS_PER_PIXEL = 0.006;
const WALK = 0.7;
const KEYS: Record<string, [number, number, number]> = {
  KeyW: [0, 0, 1],
  KeyS: [0, 0, -1],
  KeyA: [-1, 0, 0],
  KeyD: [1, 0, 0],
  KeyQ: [0, 1, 0],
  KeyE: [0, -1, 0],
  ArrowUp: [0, 0, 1],
  ArrowDown: [0, 0, -1],
  ArrowLeft: [-1, 0, 0],
  ArrowRight: [1, 0, 0],
};

export class Controls {
  manner: Manner = "orbit";
  private readonly pointers = new Map<number, PointerEvent>();
  private readonly held = new Set<string>();

  constructor(
    private readonly camera: Camera,
    private readonly target: HTMLElement,
    private readonly moved: () => void,
  ) {
    target.addEventListener("pointerdown", (event) => {
      this.pointers.set(event.pointerId, event);
      target.setPointerCapture(event.pointerId);
    });
    target.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"] as const) {
      target.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
    target.addEventListener("contextmenu", (event) => event.preventDefault());
    target.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    addEventListener("keydown", (event) => {
      if (event.code in KEYS && !event.ctrlKey && !event.metaKey) this.held.add(event.code);
    });
    addEventListener("keyup", (event) => this.held.delete(event.code));
    addEventListener("blur", () => this.held.clear());
  }

  // Move by the keys that are held; whether any is.
  walk(seconds: number): boolean {
    if (this.held.size === 0) return false;
    const step = WALK * Math.min(seconds, 0.1);
    for (const code of this.held) {
      const [right, down, forward] = KEYS[code];
      this.camera.move(right * step, down * step, forward * step);
    }
    return true;
  }

  private drag(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (this.pointers.size === 1) {
      if (event.buttons & 6 || event.shiftKey) this.shift(dx, dy);
      else if (this.manner === "fly") this.camera.look(dx * RADIANS_PER_PIXEL, dy * RADIANS_PER_PIXEL);
      else this.camera.orbit(-dx * RADIANS_PER_PIXEL, -dy * RADIANS_PER_PIXEL);
    } else {
      this.pinch(before, event);
      this.shift(dx / this.pointers.size, dy / this.pointers.size);
    }
    this.pointers.set(event.pointerId, event);
    this.moved();
  }

  private shift(dx: number, dy: number): void {
    const unit = (2 * Math.tan(this.camera.fov / 2)) / this.target.clientHeight;
    this.camera.move(-dx * unit, -dy * unit, 0);
  }

  private pinch(before: PointerEvent, after: PointerEvent): void {
    for (const other of this.pointers.values()) {
      if (other.pointerId === after.pointerId) continue;
      const far = (event: PointerEvent) =>
        Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
      this.closer(far(before) / Math.max(far(after), 1));
      return;
    }
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.closer(Math.exp(Math.max(-0.5, Math.min(0.5, 0.0015 * lines * event.deltaY))));
    this.moved();
  }

  private closer(factor: number): void {
    if (this.manner === "fly") this.camera.move(0, 0, 1 - factor);
    else this.camera.approach(factor);
  }
}
