// Where the visitor stands: a pose with OpenCV axes (x right, y down, z forward) in the frame of the voxels.

import { add, dot, length, scaled, turned, type Turn, type Vector } from "./vectors";

const UP: Vector = [0, 0, 1];
const STEEPEST = 0.995;

export class Camera {
  eye: Vector = [0, 0, 0];
  axes: Turn = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];

  constructor(
    public focus: Vector,
    public fov: number,
  ) {}

  // A pose world_from_camera, row by row, 3 x 4.
  place(rows: number[][]): void {
    const column = (i: number): Vector => [rows[0][i], rows[1][i], rows[2][i]];
    this.axes = [column(0), column(1), column(2)];
    this.eye = column(3);
  }

  rows(): number[][] {
    return [0, 1, 2].map((i) => [...this.axes.map((axis) => axis[i]), this.eye[i]]);
  }

  // Turn around the focus; angles in radians.
  orbit(sideways: number, upward: number): void {
    const arm = add(this.eye, this.focus, -1);
    this.eye = add(this.focus, this.turn(sideways, upward, arm));
  }

  // Look around from where one stands.
  look(sideways: number, upward: number): void {
    this.turn(sideways, upward, [0, 0, 0]);
    this.focus = add(this.eye, this.axes[2], this.distance());
  }

  distance(): number {
    return Math.max(length(add(this.eye, this.focus, -1)), 1e-3);
  }

  // Move in the camera's own axes, in units of the distance to the focus, which goes along unless it is kept.
  move(right: number, down: number, forward: number, keepFocus = false): void {
    const reach = this.distance();
    let step: Vector = [0, 0, 0];
    [right, down, forward].forEach((share, i) => (step = add(step, this.axes[i], share * reach)));
    this.eye = add(this.eye, step);
    if (!keepFocus) this.focus = add(this.focus, step);
  }

  // Come nearer to the focus by a factor.
  approach(factor: number): void {
    this.eye = add(this.focus, scaled(add(this.eye, this.focus, -1), factor));
  }

  // Turn the axes, and a vector with them; never over the poles.
  private turn(sideways: number, upward: number, arm: Vector): Vector {
    const right = this.axes[0];
    const steep = dot(turned(this.axes[2], right, upward), UP);
    const pitch = Math.abs(steep) > STEEPEST && Math.abs(steep) > Math.abs(dot(this.axes[2], UP)) ? 0 : upward;
    const both = (v: Vector): Vector => turned(turned(v, right, pitch), UP, sideways);
    this.axes = this.axes.map(both) as Turn;
    return both(arm);
  }
}
