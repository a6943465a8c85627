// The page: loads the scene it carries, then draws it from wherever the visitor goes.

import { Camera } from "./camera";
import { Controls } from "./controls";
import { Frame } from "./frame";
import { Renderer } from "./renderer";
import { atlas, header } from "./scene";
import type { Vector } from "./vectors";

const SMOOTH = 1000 / 24;
const COARSEST = 1 / 8;
const REST = 200;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));

function refuse(message: string): void {
  element("message").textContent = message;
  element("loading").hidden = true;
  element("message").hidden = false;
}

class Page {
  readonly frame: Frame;
  private readonly controls: Controls;
  private scale = 1 / 2;
  private lastFrame = 0;
  private movedAt = -REST;
  private moving = true;
  private refinement = 0;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly camera: Camera,
    readonly renderer: Renderer,
    private readonly first: number[][],
    private readonly firstFocus: Vector,
    rawFromWorld: number[][],
  ) {
    this.frame = new Frame(rawFromWorld);
    this.controls = new Controls(camera, canvas, () => this.moved());
    addEventListener("resize", () => this.moved());
    addEventListener("keydown", (event) => this.key(event));
    this.button("fly", () => this.fly());
    this.button("depth", () => this.depth());
    this.button("reset", () => this.reset());
    this.button("fullscreen", () => this.fullscreen());
    this.reset();
  }

  // Show something soon, and then all pixels.
  start(): void {
    this.fit();
    this.coarse(SMOOTH);
    this.renderer.finish();
    this.movedAt = -REST;
    const tick = (now: number) => {
      this.step(now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  moved(): void {
    this.movedAt = performance.now();
    this.moving = true;
  }

  reset(): void {
    this.camera.place(this.first);
    this.camera.focus = [...this.firstFocus];
    this.moved();
  }

  // Draw at full size at once, and wait until it is seen.
  async settle(): Promise<void> {
    this.fit();
    this.renderer.draw(this.camera, this.canvas.width, this.canvas.height);
    this.renderer.show();
    this.renderer.finish();
    this.moving = false;
    this.refinement = Infinity;
    await nextFrame();
    await nextFrame();
  }

  private step(now: number): void {
    const took = now - this.lastFrame;
    this.lastFrame = now;
    if (this.controls.walk(took / 1000)) this.moved();
    if (this.fit()) this.moved();
    if (this.moving && now - this.movedAt < REST) this.coarse(took);
    else if (this.refinement < this.canvas.height) this.refine(took);
  }

  // While the camera moves, as many pixels as make 24 frames a second.
  private coarse(took: number): void {
    const wanted = this.scale * Math.sqrt(SMOOTH / Math.max(took, 1));
    if (took < 1000) this.scale = Math.min(1, Math.max(COARSEST, 0.8 * this.scale + 0.2 * wanted));
    const size = (length: number) => Math.max(1, Math.round(length * this.scale));
    this.renderer.draw(this.camera, size(this.canvas.width), size(this.canvas.height));
    this.renderer.show();
    this.refinement = 0;
    this.rows = 32;
  }

  private rows = 32;

  // At rest, all pixels, some rows a frame, so that the page stays alive on slow machines.
  private refine(took: number): void {
    this.moving = false;
    if (this.refinement > 0) this.rows = Math.max(8, Math.min(2048, this.rows * (took < SMOOTH ? 1.5 : 0.6)));
    const { width, height } = this.canvas;
    const to = Math.min(height, this.refinement + Math.round(this.rows));
    this.renderer.draw(this.camera, width, height, this.refinement, to);
    this.refinement = to;
    if (to === height) this.renderer.show();
  }

  // Make the canvas as large as it is shown; whether that changed it.
  private fit(): boolean {
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width === width && this.canvas.height === height) return false;
    [this.canvas.width, this.canvas.height] = [width, height];
    return true;
  }

  private button(id: string, act: () => void): void {
    element(id).addEventListener("click", act);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      KeyG: () => this.fly(),
      KeyZ: () => this.depth(),
      KeyR: () => this.reset(),
      KeyF: () => this.fullscreen(),
    };
    acts[event.code]?.();
  }

  private fly(): void {
    this.controls.manner = this.controls.manner === "fly" ? "orbit" : "fly";
    element("fly").setAttribute("aria-pressed", String(this.controls.manner === "fly"));
  }

  private depth(): void {
    this.renderer.mode = this.renderer.mode === "depth" ? "colour" : "depth";
    element("depth").setAttribute("aria-pressed", String(this.renderer.mode === "depth"));
    this.moved();
  }

  private fullscreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen();
  }
}

// What scripts may ask of the page. Poses are those of the photos' files, with OpenCV camera axes.
function handle(page: Page, loadSeconds: number) {
  return {
    loadSeconds,
    // Look from a pose raw_from_camera, 3 x 4 row by row, with a vertical field of view in radians.
    setCamera: async (rawFromCamera: number[][], fov = page.camera.fov) => {
      page.camera.place(page.frame.toWorld(rawFromCamera));
      page.camera.fov = fov;
      await page.settle();
    },
    camera: () => ({ rawFromCamera: page.frame.toRaw(page.camera.rows()), fov: page.camera.fov }),
    setMode: async (mode: "colour" | "depth") => {
      page.renderer.mode = mode;
      await page.settle();
    },
    setInterface: (shown: boolean) => document.body.classList.toggle("bare", !shown),
    // How many pictures of full size are drawn in a second.
    framesPerSecond: (count = 3) => {
      const begin = performance.now();
      for (let i = 0; i < count; i++) {
        page.renderer.draw(page.camera, page.canvas.width, page.canvas.height);
        page.renderer.finish();
      }
      return (1000 * count) / (performance.now() - begin);
    },
  };
}

async function main(): Promise<ReturnType<typeof handle>> {
  const canvas = element<HTMLCanvasElement>("view");
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
  if (!gl) throw new Error("This page needs WebGL 2, which this browser does not have or has turned off.");
  if (!("DecompressionStream" in window)) throw new Error("This page needs a newer browser.");
  const scene = header();
  const bar = element<HTMLProgressElement>("bar");
  const loaded = await atlas(scene, Renderer.largestTexture(gl), async (share) => {
    bar.value = share;
    await nextFrame();
  });
  const focus = scene.origin.focus as Vector;
  const renderer = new Renderer(gl, scene, loaded);
  const camera = new Camera([...focus], scene.origin.fov_rad);
  const page = new Page(canvas, camera, renderer, scene.origin.first_view, focus, scene.origin.raw_from_world);
  canvas.addEventListener("webglcontextlost", () => refuse("The graphics card was lost; reload the page."));
  page.start();
  element("loading").hidden = true;
  document.body.classList.add("ready");
  return handle(page, performance.now() / 1000);
}

// Scripts wait for `rayloom.ready`; what they may ask stands on `rayloom` itself from then on.
const ready = main().then((handle) => void Object.assign(rayloom, handle));
const rayloom = Object.assign(window, { rayloom: { ready } }).rayloom;
ready.catch((error: Error) => refuse(error.message));
