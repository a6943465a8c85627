// Draws a baked scene with WebGL 2: into a texture of any size, which is then shown.

import type { Camera } from "./camera";
import { cutLevel, type Atlas, type Header } from "./scene";
import { FRAGMENT, VERTEX } from "./shader";

export class Renderer {
  mode: "colour" | "depth" = "colour";
  private readonly program: WebGLProgram;
  private readonly target: WebGLFramebuffer;
  private readonly picture: WebGLTexture;
  private size = [0, 0];

  constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly scene: Header,
    atlas: Atlas,
  ) {
    this.program = linked(gl);
    gl.useProgram(this.program);
    this.upload(atlas);
    this.constants(atlas);
    this.picture = gl.createTexture()!;
    this.target = gl.createFramebuffer()!;
  }

  static largestTexture(gl: WebGL2RenderingContext): number {
    return gl.getParameter(gl.MAX_3D_TEXTURE_SIZE) as number;
  }

  // Draw some rows, from..to from the top, of a picture of the given size.
  draw(camera: Camera, width: number, height: number, from = 0, to = height): void {
    const gl = this.gl;
    this.resize(width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.viewport(0, 0, width, height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, height - to, width, to - from);
    const [right, down, forward] = camera.axes;
    gl.uniformMatrix3fv(this.at("worldFromCamera"), false, [...right, ...down, ...forward]);
    gl.uniform3fv(this.at("eye"), camera.eye);
    gl.uniform2f(this.at("size"), width, height);
    gl.uniform1f(this.at("focal"), (0.5 * height) / Math.tan(camera.fov / 2));
    gl.uniform1i(this.at("mode"), this.mode === "depth" ? 1 : 0);
    const reach = camera.distance();
    gl.uniform2f(this.at("depthRange"), Math.log(reach / 4), Math.log(reach * 4));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.disable(gl.SCISSOR_TEST);
  }

  // Bring what was drawn to the canvas, as large as it is.
  show(): void {
    const gl = this.gl;
    const { width, height } = gl.canvas;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.target);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    const filter = width === this.size[0] && height === this.size[1] ? gl.NEAREST : gl.LINEAR;
    gl.blitFramebuffer(0, 0, ...(this.size as [number, number]), 0, 0, width, height, gl.COLOR_BUFFER_BIT, filter);
  }

  // Wait until everything is drawn.
  finish(): void {
    const gl = this.gl;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.target);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  private at(name: string): WebGLUniformLocation | null {
    return this.gl.getUniformLocation(this.program, name);
  }

  private resize(width: number, height: number): void {
    if (this.size[0] === width && this.size[1] === height) return;
    const gl = this.gl;
    this.size = [width, height];
    gl.activeTexture(gl.TEXTURE4);
    gl.bindTexture(gl.TEXTURE_2D, this.picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.picture, 0);
  }

  private upload(atlas: Atlas): void {
    const gl = this.gl;
    const [nx, ny, nz] = this.scene.space.blocks;
    const corners = 9 * atlas.side;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.texture(0, "slots", gl.NEAREST);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R32I, nz, ny, nx, 0, gl.RED_INTEGER, gl.INT, atlas.slots);
    for (const [i, name] of ["matter", "first", "second"].entries()) {
      this.texture(i + 1, name, gl.LINEAR);
      const bytes = atlas.textures[i];
      gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGBA8, corners, corners, corners, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    }
    if (gl.getError() !== gl.NO_ERROR) throw new Error("The graphics memory cannot hold this scene.");
  }

  private texture(unit: number, name: string, filter: number): void {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
    for (const which of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, which, filter);
    for (const which of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) {
      gl.texParameteri(gl.TEXTURE_3D, which, gl.CLAMP_TO_EDGE);
    }
    gl.uniform1i(this.at(name), unit);
  }

  private constants(atlas: Atlas): void {
    const { gl, scene } = this;
    const { space, scale, step, origin } = scene;
    gl.uniform1i(this.at("side"), atlas.side);
    gl.uniform3fv(this.at("low"), space.low);
    gl.uniform1i(this.at("contracted"), space.contracted ? 1 : 0);
    gl.uniform3fv(this.at("background"), origin.scene.background);
    gl.uniform4fv(this.at("featureLow"), scene.feature_low);
    gl.uniform4fv(this.at("featureSpan"), scene.feature_span);
    const columns = scene.basis.flatMap((colours) => colours[0].flatMap((_, i) => colours.map((row) => row[i])));
    gl.uniform3fv(this.at("basis"), columns);
    const numbers = {
      width: space.width,
      near: origin.scene.near,
      far: origin.scene.far,
      logThinnest: scale.log_thinnest,
      logPerLevel: (scale.log_densest - scale.log_thinnest) / 255,
      cut: cutLevel(scale),
      smallest: step.smallest,
      growth: step.growth,
      logGrowth: Math.log1p(step.growth),
      stop: scene.stop,
    };
    for (const [name, value] of Object.entries(numbers)) gl.uniform1f(this.at(name), value);
  }
}

function linked(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram()!;
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    const logs = gl.getAttachedShaders(program)!.map((shader) => gl.getShaderInfoLog(shader));
    throw new Error(`The graphics driver refuses the shader: ${logs.join(" ")}`);
  }
  return program;
}
