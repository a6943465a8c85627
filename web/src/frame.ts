// From the frame and units of the photos' files to that of the voxels, and back.

import type { Header } from "./scene";

// A similarity, 4 x 4, as its scale, and poses 3 x 4 row by row moved by it or by its inverse.
export class Frame {
  private readonly scale: number;

  constructor(private readonly rawFromWorld: Header["origin"]["raw_from_world"]) {
    this.scale = Math.hypot(...[0, 1, 2].map((i) => rawFromWorld[i][0]));
  }

  toRaw(pose: number[][]): number[][] {
    const m = this.rawFromWorld;
    return [0, 1, 2].map((i) =>
      [0, 1, 2, 3].map((j) => {
        const sum = m[i][0] * pose[0][j] + m[i][1] * pose[1][j] + m[i][2] * pose[2][j];
        return j < 3 ? sum / this.scale : sum + m[i][3];
      }),
    );
  }

  toWorld(pose: number[][]): number[][] {
    const m = this.rawFromWorld;
    return [0, 1, 2].map((i) =>
      [0, 1, 2, 3].map((j) => {
        const at = (k: number) => pose[k][j] - (j < 3 ? 0 : m[k][3]);
        const sum = m[0][i] * at(0) + m[1][i] * at(1) + m[2][i] * at(2);
        return sum / (j < 3 ? this.scale : this.scale ** 2);
      }),
    );
  }
}
