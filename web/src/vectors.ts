// Vectors of three numbers, and rotations as their three columns.

export type Vector = [number, number, number];
export type Turn = [Vector, Vector, Vector];

export const add = (a: Vector, b: Vector, scale = 1): Vector => [
  a[0] + scale * b[0],
  a[1] + scale * b[1],
  a[2] + scale * b[2],
];

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export const length = (a: Vector): number => Math.sqrt(dot(a, a));

export const scaled = (a: Vector, scale: number): Vector => [scale * a[0], scale * a[1], scale * a[2]];

// The vector turned about a unit axis by an angle (Rodrigues).
export function turned(v: Vector, axis: Vector, angle: number): Vector {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return add(add(scaled(v, c), cross(axis, v), s), axis, (1 - c) * dot(axis, v));
}
