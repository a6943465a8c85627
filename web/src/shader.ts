// What a pixel sees: the arithmetic of rayloom/kernels/voxels.py, step for step.

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp isampler3D;
precision highp sampler3D;

uniform mat3 worldFromCamera;
uniform vec3 eye;
uniform vec2 size;
uniform float focal;
uniform float near, far;
uniform vec3 background;
uniform int mode;
uniform vec2 depthRange;

uniform isampler3D slots;
uniform sampler3D matter, first, second;
uniform int side;
uniform vec3 low;
uniform float width;
uniform bool contracted;
uniform float logThinnest, logPerLevel, cut;
uniform float smallest, growth, logGrowth;
uniform float stop;
uniform vec3 basis[120];
uniform vec4 featureLow[2], featureSpan[2];

out vec4 pixel;

const float SLACK = 0.05;
const float NEVER = 3e38;
const int MAX_LOOKS = 4096;

float tFromU(float u) {
  if (growth == 0.0 || u * growth <= 1.0) return u * smallest;
  return smallest / growth * exp((u - 1.0 / growth) * logGrowth);
}

float uFromT(float t) {
  if (growth == 0.0 || t * growth <= smallest) return t / smallest;
  return 1.0 / growth + log(t * growth / smallest) / logGrowth;
}

float nextStep(float t) { return ceil(uFromT(t) - 0.5 - SLACK); }

float meet(float value, float slope, bool rising) {
  return (rising ? slope > 0.0 : slope < 0.0) ? -value / slope : NEVER;
}

// The norm of a point, its largest axis, -1 where space is not contracted, and where it is among the voxels.
float place(vec3 point, out int largest, out vec3 at) {
  largest = -1;
  at = point;
  if (!contracted) return 1.0;
  vec3 absolute = abs(point);
  float norm = max(absolute.x, max(absolute.y, absolute.z));
  if (norm <= 1.0) return 1.0;
  largest = absolute.x == norm ? 0 : absolute.y == norm ? 1 : 2;
  at = point / norm;
  at[largest] = (point[largest] > 0.0 ? 1.0 : -1.0) * (2.0 - 1.0 / norm);
  return norm;
}

// Where the ray leaves the empty blocks around one, or the part of space in which it is straight.
float leave(vec3 d, int largest, vec3 at, ivec3 block, int reach) {
  float result = NEVER;
  float edge = width * 8.0;
  for (int axis = 0; axis < 3; axis++) {
    float lower = low[axis] + edge * float(block[axis] - reach);
    float upper = low[axis] + edge * float(block[axis] + reach + 1);
    float value = eye[axis], slope = d[axis];
    if (!contracted) {
      result = min(result, min(meet(value - lower, slope, false), meet(value - upper, slope, true)));
    } else if (largest < 0) {
      result = min(result, meet(value - max(lower, -1.0), slope, false));
      result = min(result, meet(value - min(upper, 1.0), slope, true));
    } else if (axis == largest) {
      bool positive = at[axis] > 0.0;
      float inward = positive ? lower : -upper, outward = positive ? upper : -lower;
      value = positive ? value : -value;
      slope = positive ? slope : -slope;
      result = min(result, meet(value - 1.0 / (2.0 - max(inward, 1.0)), slope, false));
      if (outward < 2.0) result = min(result, meet(value - 1.0 / (2.0 - outward), slope, true));
    } else {
      float sign = at[largest] > 0.0 ? 1.0 : -1.0;
      float valueOut = sign * eye[largest], slopeOut = sign * d[largest];
      lower = max(lower, -1.0);
      upper = min(upper, 1.0);
      result = min(result, meet(value - lower * valueOut, slope - lower * slopeOut, false));
      result = min(result, meet(value - upper * valueOut, slope - upper * slopeOut, true));
    }
  }
  return result;
}

vec2 inBounds(vec3 d) {
  vec2 range = vec2(near, far);
  if (contracted) return range;
  vec3 high = low + width * 8.0 * vec3(textureSize(slots, 0).zyx);
  for (int axis = 0; axis < 3; axis++) {
    if (d[axis] != 0.0) {
      float first = (low[axis] - eye[axis]) / d[axis], second = (high[axis] - eye[axis]) / d[axis];
      range = vec2(max(range.x, min(first, second)), min(range.y, max(first, second)));
    } else if (eye[axis] < low[axis] || eye[axis] >= high[axis]) {
      return vec2(0.0);
    }
  }
  return range;
}

vec3 textureAt(int slot, vec3 inside) {
  ivec3 tile = ivec3(slot / (side * side), (slot / side) % side, slot % side);
  return ((vec3(tile) * 9.0 + inside + 0.5) / float(9 * side)).zyx;
}

vec3 shade(vec3 color, mat2x4 gathered, float opacity, vec3 d) {
  float x = d.x, y = d.y, z = d.z, xx = x * x, yy = y * y, zz = z * z;
  float h[15] = float[15](
    -0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x,
    1.0925484305920792 * x * y, -1.0925484305920792 * y * z, 0.9461746957575601 * zz - 0.31539156525252005,
    -1.0925484305920792 * x * z, 0.5462742152960396 * (xx - yy),
    0.5900435899266435 * y * (yy - 3.0 * xx), 2.890611442640554 * x * y * z,
    0.4570457994644657 * y * (1.0 - 5.0 * zz), 0.3731763325901154 * z * (5.0 * zz - 3.0),
    0.4570457994644657 * x * (1.0 - 5.0 * zz), 1.445305721320277 * z * (xx - yy),
    0.5900435899266435 * x * (3.0 * yy - xx));
  for (int k = 0; k < 8; k++) {
    vec3 response = vec3(0.0);
    for (int i = 0; i < 15; i++) response += h[i] * basis[15 * k + i];
    float feature = featureLow[k / 4][k % 4] * opacity + featureSpan[k / 4][k % 4] * gathered[k / 4][k % 4];
    color += feature * response;
  }
  return clamp(color, 0.0, opacity);
}

// Turbo, by Mikhailov 2019, as a polynomial.
vec3 heat(float s) {
  s = clamp(s, 0.0, 1.0);
  vec4 v = vec4(1.0, s, s * s, s * s * s);
  vec2 w = v.zw * v.z;
  return clamp(vec3(
    dot(v, vec4(0.13572138, 4.61539260, -42.66032258, 132.13108234)) + dot(w, vec2(-152.94239396, 59.28637943)),
    dot(v, vec4(0.09140261, 2.19418839, 4.84296658, -14.18503333)) + dot(w, vec2(4.27729857, 2.82956604)),
    dot(v, vec4(0.10667330, 12.64194608, -60.58204836, 110.36276771)) + dot(w, vec2(-89.90310912, 27.34824973))),
    0.0, 1.0);
}

void main() {
  vec2 at = vec2(gl_FragCoord.x, size.y - gl_FragCoord.y) - 0.5 * size;
  vec3 d = normalize(worldFromCamera * vec3(at / focal, 1.0));
  vec2 range = inBounds(d);
  ivec3 last = textureSize(slots, 0).zyx - 1;
  vec3 color = vec3(0.0);
  mat2x4 gathered = mat2x4(0.0);
  float left = 1.0, opacity = 0.0, distance = 0.0;
  float u = nextStep(range.x);
  for (int look = 0; look < MAX_LOOKS && range.x < range.y && left > stop; look++) {
    float start = tFromU(u), end = tFromU(u + 1.0), t = 0.5 * (start + end);
    if (t >= range.y) break;
    int largest;
    vec3 spot;
    float norm = place(eye + t * d, largest, spot);
    vec3 voxel = (spot - low) / width;
    ivec3 block = clamp(ivec3(voxel / 8.0), ivec3(0), last);
    int slot = texelFetch(slots, block.zyx, 0).r;
    if (slot < 0) {
      float next = leave(d, largest, spot, block, -slot - 1);
      if (next >= range.y) break;
      u = max(nextStep(next), u + 1.0);
      continue;
    }
    u += 1.0;
    if (t < range.x) continue;
    vec3 where = textureAt(slot, voxel - 8.0 * vec3(block));
    vec4 found = texture(matter, where);
    float level = 255.0 * found.x;
    if (level < cut) continue;
    float depth = exp(logThinnest + logPerLevel * level) * (end - start) / (norm * width);
    float weight = left * (1.0 - exp(-depth));
    color += weight * found.yzw;
    gathered += weight * mat2x4(texture(first, where), texture(second, where));
    opacity += weight;
    distance += weight * t;
    left *= exp(-depth);
  }
  if (mode == 1) {
    float t = opacity > 0.0 ? distance / opacity : 0.0;
    vec3 shown = heat(1.0 - (log(max(t, 1e-6)) - depthRange.x) / (depthRange.y - depthRange.x));
    pixel = vec4(mix(vec3(1.0), shown, opacity), 1.0);
  } else {
    pixel = vec4(shade(color, gathered, opacity, d) + (1.0 - opacity) * background, 1.0);
  }
}`;
