// Reading a baked scene: the description and the voxels that the page carries.

export interface Header {
  title: string;
  space: { low: number[]; width: number; blocks: number[]; contracted: boolean };
  scale: { log_thinnest: number; log_densest: number; cut: number };
  step: { smallest: number; growth: number };
  stop: number;
  basis: number[][][];
  feature_low: number[];
  feature_span: number[];
  num_bytes: number;
  origin: {
    scene: { background: number[]; near: number; far: number };
    raw_from_world: number[][];
    first_view: number[][];
    focus: number[];
    fov_rad: number;
  };
}

// Blocks of 9^3 corners in textures of `side` blocks along each axis, four bytes a corner in each.
export interface Atlas {
  slots: Int32Array;
  side: number;
  // Density and colour, then features.
  textures: Uint8Array[];
}

export type Tell = (share: number) => Promise<void>;

const BLOCK = 8;
const CORNERS = BLOCK + 1;
const CELLS = BLOCK ** 3;
const CHANNELS = 12;
const FARTHEST = 32;

export function header(): Header {
  return JSON.parse(document.getElementById("scene")!.textContent!) as Header;
}

export function cutLevel(scale: Header["scale"]): number {
  const perLevel = (scale.log_densest - scale.log_thinnest) / 255;
  return Math.ceil((Math.log(scale.cut) - scale.log_thinnest) / perLevel);
}

export async function atlas(scene: Header, largest: number, tell: Tell): Promise<Atlas> {
  const element = document.getElementById("voxels")!;
  const deflated = bytesOf(element.textContent!, scene.num_bytes);
  element.remove();
  await tell(0.1);
  const raw = await inflated(deflated);
  await tell(0.4);
  const size = scene.space.blocks;
  const count = size[0] * size[1] * size[2];
  const numbers = numbersOf(raw.subarray(0, Math.ceil(count / 8)), count);
  const values = valuesOf(raw.subarray(Math.ceil(count / 8)), numbers.filter((number) => number >= 0).length);
  await tell(0.6);
  const blocks = new Blocks(numbers, size, values);
  const kept = blocks.withMatter(cutLevel(scene.scale));
  await tell(0.7);
  const side = Math.max(Math.ceil(Math.cbrt(kept.length)), 1);
  if (side * CORNERS > largest) {
    throw new Error(`This scene needs textures of ${side * CORNERS} pixels; this browser has ${largest}.`);
  }
  const textures = Array.from({ length: CHANNELS / 4 }, () => new Uint8Array((side * CORNERS) ** 3 * 4));
  for (let slot = 0; slot < kept.length; slot++) {
    blocks.write(kept[slot], slot, side, textures);
    if (slot % 1000 === 999) await tell(0.7 + (0.25 * slot) / kept.length);
  }
  const slots = slotsOf(kept, size);
  await tell(1);
  return { slots, side, textures };
}

// Fifteen bits in each letter, as rayloom/baking/letters.py puts them there.
function bytesOf(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let held = 0, bits = 0, at = 0;
  for (let i = 0; i < text.length; i++) {
    held = (held << 15) | (text.charCodeAt(i) - 0x3400);
    for (bits += 15; bits >= 8 && at < length; bits -= 8) bytes[at++] = held >> (bits - 8);
    held &= (1 << bits) - 1;
  }
  return bytes;
}

async function inflated(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The number of each block whose bit is set, -1 elsewhere.
function numbersOf(bits: Uint8Array, count: number): Int32Array {
  const numbers = new Int32Array(count).fill(-1);
  let next = 0;
  for (let i = 0; i < count; i++) if ((bits[i >> 3] >> (7 - (i & 7))) & 1) numbers[i] = next++;
  return numbers;
}

// The bytes of all corners, channel after channel: guesses and what they were told to differ by, as in
// rayloom/baking/payload.py.
function valuesOf(told: Uint8Array, blocks: number): Uint8Array {
  const plane = blocks * CELLS;
  const values = new Uint8Array(CHANNELS * plane);
  const known = new Uint8Array(plane);
  for (let i = 0; i < plane; i++) known[i] = (told[i >> 3] >> (7 - (i & 7))) & 1;
  let next = plane / 8;
  for (let channel = 0; channel < CHANNELS; channel++) {
    const own = values.subarray(channel * plane, (channel + 1) * plane);
    let last = 0;
    for (let at = 0; at < plane; at++) {
      if (at % CELLS === 0) last = 0;
      if (!known[at]) continue;
      let sum = 0, count = 0;
      if (at & 448 && known[at - 64]) sum += own[at - 64], count++;
      if (at & 56 && known[at - 8]) sum += own[at - 8], count++;
      if (at & 7 && known[at - 1]) sum += own[at - 1], count++;
      const guess = count > 0 ? Math.floor((sum + (count >> 1)) / count) : last;
      last = own[at] = (guess + told[next++]) & 255;
    }
  }
  for (let i = 0; i < plane; i++) {
    if (!known[i]) continue;
    values[plane + i] += values[2 * plane + i] - 128;
    values[3 * plane + i] += values[2 * plane + i] - 128;
  }
  return values;
}

class Blocks {
  private readonly plane: number;

  constructor(
    private readonly numbers: Int32Array,
    private readonly size: number[],
    private readonly values: Uint8Array,
  ) {
    this.plane = values.length / CHANNELS;
  }

  // The places of blocks in which some corner, their last ones included, is dense enough to be seen.
  withMatter(cut: number): number[] {
    const [nx, ny, nz] = this.size;
    const dense = new Uint8Array(this.numbers.length);
    for (let place = 0; place < dense.length; place++) {
      const number = this.numbers[place];
      if (number < 0) continue;
      const [bx, by, bz] = [Math.floor(place / (ny * nz)), Math.floor(place / nz) % ny, place % nz];
      // Bit d of the mask: the corners that block - d has as its last ones.
      let mask = 0;
      for (let i = 0; i < CELLS; i++) {
        if (this.values[number * CELLS + i] < cut) continue;
        const first = (i >> 6 ? 0 : 4) | ((i >> 3) & 7 ? 0 : 2) | (i & 7 ? 0 : 1);
        mask |= SUBSETS[first];
      }
      for (let d = 0; d < 8; d++) {
        const [x, y, z] = [bx - (d >> 2), by - ((d >> 1) & 1), bz - (d & 1)];
        if ((mask >> d) & 1 && x >= 0 && y >= 0 && z >= 0) dense[(x * ny + y) * nz + z] = 1;
      }
    }
    const kept: number[] = [];
    for (let place = 0; place < nx * ny * nz; place++) if (dense[place]) kept.push(place);
    return kept;
  }

  // Write the corners of a block to its place in the textures, in which z is the first axis.
  write(place: number, slot: number, side: number, textures: Uint8Array[]): void {
    const [nx, ny, nz] = this.size;
    const [bx, by, bz] = [Math.floor(place / (ny * nz)), Math.floor(place / nz) % ny, place % nz];
    const width = side * CORNERS;
    const tile = [Math.floor(slot / (side * side)), Math.floor(slot / side) % side, slot % side];
    for (let x = 0; x < CORNERS; x++) {
      for (let y = 0; y < CORNERS; y++) {
        let out = 4 * (((tile[0] * CORNERS + x) * width + tile[1] * CORNERS + y) * width + tile[2] * CORNERS);
        for (let z = 0; z < CORNERS; z++, out += 4) {
          const [ox, oy, oz] = [bx + (x >> 3), by + (y >> 3), bz + (z >> 3)];
          if (ox >= nx || oy >= ny || oz >= nz) continue;
          const number = this.numbers[(ox * ny + oy) * nz + oz];
          if (number < 0) continue;
          let at = number * CELLS + ((x & 7) << 6) + ((y & 7) << 3) + (z & 7);
          for (const texture of textures) {
            for (let c = 0; c < 4; c++, at += this.plane) texture[out + c] = this.values[at];
          }
        }
      }
    }
  }
}

// For each set of axes on which a corner is the first of its block, the sets within it.
const SUBSETS = Array.from({ length: 8 }, (_, set) => {
  let mask = 0;
  for (let d = 0; d < 8; d++) if ((d & ~set) === 0) mask |= 1 << d;
  return mask;
});

// The number of each kept block, and elsewhere minus the distance to the nearest one, diagonals as long as sides.
function slotsOf(kept: number[], size: number[]): Int32Array {
  const [nx, ny, nz] = size;
  // A border all around is as far as can be, so that nobody has to ask where space ends.
  const [sx, sy] = [(ny + 2) * (nz + 2), nz + 2];
  const distance = new Uint8Array((nx + 2) * sx).fill(FARTHEST);
  const inside = (x: number, y: number, z: number) => (x + 1) * sx + (y + 1) * sy + z + 1;
  for (const place of kept) distance[inside(Math.floor(place / (ny * nz)), Math.floor(place / nz) % ny, place % nz)] = 0;
  // Half of the 26 neighbours come before a block, half behind it: one sweep there and one back see all.
  const before = [1, sy - 1, sy, sy + 1];
  for (const y of [-sy, 0, sy]) for (const z of [-1, 0, 1]) before.push(sx + y + z);
  for (const way of [1, -1]) {
    const steps = before.map((step) => way * step);
    for (let x = 0; x < nx; x++) {
      for (let y = 0; y < ny; y++) {
        let at = way > 0 ? inside(x, y, 0) : inside(nx - 1 - x, ny - 1 - y, nz - 1);
        for (let z = 0; z < nz; z++, at += way) {
          let least = distance[at];
          for (let i = 0; i < 13; i++) least = Math.min(least, distance[at - steps[i]] + 1);
          distance[at] = least;
        }
      }
    }
  }
  const slots = new Int32Array(nx * ny * nz);
  for (let x = 0, i = 0; x < nx; x++) {
    for (let y = 0; y < ny; y++) {
      for (let z = 0; z < nz; z++, i++) slots[i] = -distance[inside(x, y, z)];
    }
  }
  kept.forEach((place, slot) => (slots[place] = slot));
  return slots;
}
