// Built from web/src (sha256 ec9a2b17006e4037c324e73ffd4cfebc798219cbcaa1b2d292e0ad541bfc1b35) by npm run build; do not edit.
"use strict";(()=>{var v=(s,e,t=1)=>[s[0]+t*e[0],s[1]+t*e[1],s[2]+t*e[2]],g=(s,e)=>s[0]*e[0]+s[1]*e[1]+s[2]*e[2],q=(s,e)=>[s[1]*e[2]-s[2]*e[1],s[2]*e[0]-s[0]*e[2],s[0]*e[1]-s[1]*e[0]],P=s=>Math.sqrt(g(s,s)),L=(s,e)=>[e*s[0],e*s[1],e*s[2]];function x(s,e,t){let[r,o]=[Math.cos(t),Math.sin(t)];return v(v(L(s,r),q(e,s),o),e,(1-r)*g(e,s))}var S=[0,0,1],$=.995,E=class{constructor(e,t){this.focus=e;this.fov=t}eye=[0,0,0];axes=[[1,0,0],[0,1,0],[0,0,1]];place(e){let t=r=>[e[0][r],e[1][r],e[2][r]];this.axes=[t(0),t(1),t(2)],this.eye=t(3)}rows(){return[0,1,2].map(e=>[...this.axes.map(t=>t[e]),this.eye[e]])}orbit(e,t){let r=v(this.eye,this.focus,-1);this.eye=v(this.focus,this.turn(e,t,r))}look(e,t){this.turn(e,t,[0,0,0]),this.focus=v(this.eye,this.axes[2],this.distance())}distance(){return Math.max(P(v(this.eye,this.focus,-1)),.001)}move(e,t,r,o=!1){let i=this.distance(),n=[0,0,0];[e,t,r].forEach((a,c)=>n=v(n,this.axes[c],a*i)),this.eye=v(this.eye,n),o||(this.focus=v(this.focus,n))}approach(e){this.eye=v(this.focus,L(v(this.eye,this.focus,-1),e))}turn(e,t,r){let o=this.axes[0],i=g(x(this.axes[2],o,t),S),n=Math.abs(i)>$&&Math.abs(i)>Math.abs(g(this.axes[2],S))?0:t,a=c=>x(x(c,o,n),S,e);return this.axes=this.axes.map(a),a(r)}};var O={KeyW:[0,0,1],KeyS:[0,0,-1],KeyA:[-1,0,0],KeyD:[1,0,0],KeyQ:[0,1,0],KeyE:[0,-1,0],ArrowUp:[0,0,1],ArrowDown:[0,0,-1],ArrowLeft:[-1,0,0],ArrowRight:[1,0,0]},R=class{constructor(e,t,r){this.camera=e;this.target=t;this.moved=r;t.addEventListener("pointerdown",o=>{this.pointers.set(o.pointerId,o),t.setPointerCapture(o.pointerId)}),t.addEventListener("pointermove",o=>this.drag(o));for(let o of["pointerup","pointercancel"])t.addEventListener(o,i=>this.pointers.delete(i.pointerId));t.addEventListener("contextmenu",o=>o.preventDefault()),t.addEventListener("wheel",o=>this.wheel(o),{passive:!1}),addEventListener("keydown",o=>{o.code in O&&!o.ctrlKey&&!o.metaKey&&this.held.add(o.code)}),addEventListener("keyup",o=>this.held.delete(o.code)),addEventListener("blur",()=>this.held.clear())}manner="orbit";pointers=new Map;held=new Set;walk(e){if(this.held.size===0)return!1;let t=.7*Math.min(e,.1);for(let r of this.held){let[o,i,n]=O[r];this.camera.move(o*t,i*t,n*t)}return!0}drag(e){let t=this.pointers.get(e.pointerId);if(!t)return;let[r,o]=[e.clientX-t.clientX,e.clientY-t.clientY];this.pointers.size===1?e.buttons&6||e.shiftKey?this.shift(r,o):this.manner==="fly"?this.camera.look(r*.006,o*.006):this.camera.orbit(-r*.006,-o*.006):(this.pinch(t,e),this.shift(r/this.pointers.size,o/this.pointers.size)),this.pointers.set(e.pointerId,e),this.moved()}shift(e,t){let r=2*Math.tan(this.camera.fov/2)/this.target.clientHeight;this.camera.move(-e*r,-t*r,0)}pinch(e,t){for(let r of this.pointers.values()){if(r.pointerId===t.pointerId)continue;let o=i=>Math.hypot(i.clientX-r.clientX,i.clientY-r.clientY);this.closer(o(e)/Math.max(o(t),1));return}}wheel(e){e.preventDefault();let t=e.deltaMode===WheelEvent.DOM_DELTA_LINE?30:1;this.closer(Math.exp(Math.max(-.5,Math.min(.5,.0015*t*e.deltaY)))),this.moved()}closer(e){this.manner==="fly"?this.camera.move(0,0,1-e):this.camera.approach(e)}};var T=class{constructor(e){this.rawFromWorld=e;this.scale=Math.hypot(...[0,1,2].map(t=>e[t][0]))}scale;toRaw(e){let t=this.rawFromWorld;return[0,1,2].map(r=>[0,1,2,3].map(o=>{let i=t[r][0]*e[0][o]+t[r][1]*e[1][o]+t[r][2]*e[2][o];return o<3?i/this.scale:i+t[r][3]}))}toWorld(e){let t=this.rawFromWorld;return[0,1,2].map(r=>[0,1,2,3].map(o=>{let i=a=>e[a][o]-(o<3?0:t[a][3]);return(t[0][r]*i(0)+t[1][r]*i(1)+t[2][r]*i(2))/(o<3?this.scale:this.scale**2)}))}};function D(){return JSON.parse(document.getElementById("scene").textContent)}function M(s){let e=(s.log_densest-s.log_thinnest)/255;return Math.ceil((Math.log(s.cut)-s.log_thinnest)/e)}async function V(s,e,t){let r=document.getElementById("voxels"),o=Z(r.textContent,s.num_bytes);r.remove(),await t(.1);let i=await J(o);await t(.4);let n=s.space.blocks,a=n[0]*n[1]*n[2],c=Q(i.subarray(0,Math.ceil(a/8)),a),u=j(i.subarray(Math.ceil(a/8)),c.filter(p=>p>=0).length);await t(.6);let m=new _(c,n,u),h=m.withMatter(M(s.scale));await t(.7);let f=Math.max(Math.ceil(Math.cbrt(h.length)),1);if(f*9>e)throw new Error(`This scene needs textures of ${f*9} pixels; this browser has ${e}.`);let l=Array.from({length:12/4},()=>new Uint8Array((f*9)**3*4));for(let p=0;p<h.length;p++)m.write(h[p],p,f,l),p%1e3===999&&await t(.7+.25*p/h.length);let d=te(h,n);return await t(1),{slots:d,side:f,textures:l}}function Z(s,e){let t=new Uint8Array(e),r=0,o=0,i=0;for(let n=0;n<s.length;n++){for(r=r<<15|s.charCodeAt(n)-13312,o+=15;o>=8&&i<e;o-=8)t[i++]=r>>o-8;r&=(1<<o)-1}return t}async function J(s){let e=new Blob([s]).stream().pipeThrough(new DecompressionStream("deflate"));return new Uint8Array(await new Response(e).arrayBuffer())}function Q(s,e){let t=new Int32Array(e).fill(-1),r=0;for(let o=0;o<e;o++)s[o>>3]>>7-(o&7)&1&&(t[o]=r++);return t}function j(s,e){let t=e*512,r=new Uint8Array(12*t),o=new Uint8Array(t);for(let n=0;n<t;n++)o[n]=s[n>>3]>>7-(n&7)&1;let i=t/8;for(let n=0;n<12;n++){let a=n*t;for(let c=0;c<t;c+=512){let u=0;for(let m=0;m<512;m++){if(!o[c+m])continue;let h=0,f=0;for(let[d,p]of[[64,m>>6],[8,m>>3&7],[1,m&7]])p===0||!o[c+m-d]||(h+=r[a+c+m-d],f++);u=(f>0?Math.floor((h+(f>>1))/f):u)+s[i++]&255,r[a+c+m]=u}}}for(let n=0;n<t;n++)o[n]&&(r[t+n]+=r[2*t+n]-128,r[3*t+n]+=r[2*t+n]-128);return r}var _=class{constructor(e,t,r){this.numbers=e;this.size=t;this.values=r;this.plane=r.length/12}plane;withMatter(e){let[t,r,o]=this.size,i=new Uint8Array(this.numbers.length);for(let a=0;a<i.length;a++){let c=this.numbers[a];if(c<0)continue;let[u,m,h]=[Math.floor(a/(r*o)),Math.floor(a/o)%r,a%o],f=0;for(let l=0;l<512;l++){if(this.values[c*512+l]<e)continue;let d=(l>>6?0:4)|(l>>3&7?0:2)|(l&7?0:1);f|=ee[d]}for(let l=0;l<8;l++){let[d,p,y]=[u-(l>>2),m-(l>>1&1),h-(l&1)];f>>l&1&&d>=0&&p>=0&&y>=0&&(i[(d*r+p)*o+y]=1)}}let n=[];for(let a=0;a<t*r*o;a++)i[a]&&n.push(a);return n}write(e,t,r,o){let[i,n,a]=this.size,[c,u,m]=[Math.floor(e/(n*a)),Math.floor(e/a)%n,e%a],h=r*9,f=[Math.floor(t/(r*r)),Math.floor(t/r)%r,t%r];for(let l=0;l<9;l++)for(let d=0;d<9;d++){let p=4*(((f[0]*9+l)*h+f[1]*9+d)*h+f[2]*9);for(let y=0;y<9;y++,p+=4){let[C,I,N]=[c+(l>>3),u+(d>>3),m+(y>>3)];if(C>=i||I>=n||N>=a)continue;let U=this.numbers[(C*n+I)*a+N];if(U<0)continue;let k=U*512+((l&7)<<6)+((d&7)<<3)+(y&7);for(let Y of o)for(let A=0;A<4;A++,k+=this.plane)Y[p+A]=this.values[k]}}}},ee=Array.from({length:8},(s,e)=>{let t=0;for(let r=0;r<8;r++)(r&~e)===0&&(t|=1<<r);return t});function te(s,e){let[t,r,o]=e,i=new Int32Array(t*r*o).fill(-32),n=new Uint8Array(i.length);s.forEach((c,u)=>{i[c]=u,n[c]=1});let a=[r*o,o,1];for(let c=1;c<32;c++){let u=n;for(let h=0;h<3;h++){let f=u;u=f.slice();let l=a[h];for(let d=0;d<f.length;d++){if(!f[d])continue;let p=Math.floor(d/l)%e[h];p>0&&(u[d-l]=1),p<e[h]-1&&(u[d+l]=1)}}let m=!1;for(let h=0;h<u.length;h++)u[h]&&!n[h]&&(i[h]=-c,m=!0);if(!m)break;n=u}return i}var X=`#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`,G=`#version 300 es
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
}`;var w=class{constructor(e,t,r){this.gl=e;this.scene=t;this.program=re(e),e.useProgram(this.program),this.upload(r),this.constants(r),this.picture=e.createTexture(),this.target=e.createFramebuffer()}mode="colour";program;target;picture;size=[0,0];static largestTexture(e){return e.getParameter(e.MAX_3D_TEXTURE_SIZE)}draw(e,t,r,o=0,i=r){let n=this.gl;this.resize(t,r),n.bindFramebuffer(n.FRAMEBUFFER,this.target),n.viewport(0,0,t,r),n.enable(n.SCISSOR_TEST),n.scissor(0,r-i,t,i-o);let[a,c,u]=e.axes;n.uniformMatrix3fv(this.at("worldFromCamera"),!1,[...a,...c,...u]),n.uniform3fv(this.at("eye"),e.eye),n.uniform2f(this.at("size"),t,r),n.uniform1f(this.at("focal"),.5*r/Math.tan(e.fov/2)),n.uniform1i(this.at("mode"),this.mode==="depth"?1:0);let m=e.distance();n.uniform2f(this.at("depthRange"),Math.log(m/4),Math.log(m*4)),n.drawArrays(n.TRIANGLES,0,3),n.disable(n.SCISSOR_TEST)}show(){let e=this.gl,{width:t,height:r}=e.canvas;e.bindFramebuffer(e.READ_FRAMEBUFFER,this.target),e.bindFramebuffer(e.DRAW_FRAMEBUFFER,null);let o=t===this.size[0]&&r===this.size[1]?e.NEAREST:e.LINEAR;e.blitFramebuffer(0,0,...this.size,0,0,t,r,e.COLOR_BUFFER_BIT,o)}finish(){let e=this.gl;e.bindFramebuffer(e.READ_FRAMEBUFFER,this.target),e.readPixels(0,0,1,1,e.RGBA,e.UNSIGNED_BYTE,new Uint8Array(4))}at(e){return this.gl.getUniformLocation(this.program,e)}resize(e,t){if(this.size[0]===e&&this.size[1]===t)return;let r=this.gl;this.size=[e,t],r.activeTexture(r.TEXTURE4),r.bindTexture(r.TEXTURE_2D,this.picture),r.texImage2D(r.TEXTURE_2D,0,r.RGBA8,e,t,0,r.RGBA,r.UNSIGNED_BYTE,null),r.texParameteri(r.TEXTURE_2D,r.TEXTURE_MIN_FILTER,r.LINEAR),r.bindFramebuffer(r.FRAMEBUFFER,this.target),r.framebufferTexture2D(r.FRAMEBUFFER,r.COLOR_ATTACHMENT0,r.TEXTURE_2D,this.picture,0)}upload(e){let t=this.gl,[r,o,i]=this.scene.space.blocks,n=9*e.side;t.pixelStorei(t.UNPACK_ALIGNMENT,1),this.texture(0,"slots",t.NEAREST),t.texImage3D(t.TEXTURE_3D,0,t.R32I,i,o,r,0,t.RED_INTEGER,t.INT,e.slots);for(let[a,c]of["matter","first","second"].entries()){this.texture(a+1,c,t.LINEAR);let u=e.textures[a];t.texImage3D(t.TEXTURE_3D,0,t.RGBA8,n,n,n,0,t.RGBA,t.UNSIGNED_BYTE,u)}if(t.getError()!==t.NO_ERROR)throw new Error("The graphics memory cannot hold this scene.")}texture(e,t,r){let o=this.gl;o.activeTexture(o.TEXTURE0+e),o.bindTexture(o.TEXTURE_3D,o.createTexture());for(let i of[o.TEXTURE_MIN_FILTER,o.TEXTURE_MAG_FILTER])o.texParameteri(o.TEXTURE_3D,i,r);for(let i of[o.TEXTURE_WRAP_S,o.TEXTURE_WRAP_T,o.TEXTURE_WRAP_R])o.texParameteri(o.TEXTURE_3D,i,o.CLAMP_TO_EDGE);o.uniform1i(this.at(t),e)}constants(e){let{gl:t,scene:r}=this,{space:o,scale:i,step:n,origin:a}=r;t.uniform1i(this.at("side"),e.side),t.uniform3fv(this.at("low"),o.low),t.uniform1i(this.at("contracted"),o.contracted?1:0),t.uniform3fv(this.at("background"),a.scene.background),t.uniform4fv(this.at("featureLow"),r.feature_low),t.uniform4fv(this.at("featureSpan"),r.feature_span);let c=r.basis.flatMap(m=>m[0].flatMap((h,f)=>m.map(l=>l[f])));t.uniform3fv(this.at("basis"),c);let u={width:o.width,near:a.scene.near,far:a.scene.far,logThinnest:i.log_thinnest,logPerLevel:(i.log_densest-i.log_thinnest)/255,cut:M(i),smallest:n.smallest,growth:n.growth,logGrowth:Math.log1p(n.growth),stop:r.stop};for(let[m,h]of Object.entries(u))t.uniform1f(this.at(m),h)}};function re(s){let e=s.createProgram();for(let[t,r]of[[s.VERTEX_SHADER,X],[s.FRAGMENT_SHADER,G]]){let o=s.createShader(t);s.shaderSource(o,r),s.compileShader(o),s.attachShader(e,o)}if(s.linkProgram(e),!s.getProgramParameter(e,s.LINK_STATUS)){let t=s.getAttachedShaders(e).map(r=>s.getShaderInfoLog(r));throw new Error(`The graphics driver refuses the shader: ${t.join(" ")}`)}return e}var K=1e3/24,oe=1/8,B=200,b=s=>document.getElementById(s),F=()=>new Promise(s=>requestAnimationFrame(s));function H(s){b("message").textContent=s,b("loading").hidden=!0,b("message").hidden=!1}var z=class{constructor(e,t,r,o,i,n){this.canvas=e;this.camera=t;this.renderer=r;this.first=o;this.firstFocus=i;this.frame=new T(n),this.controls=new R(t,e,()=>this.moved()),addEventListener("resize",()=>this.moved()),addEventListener("keydown",a=>this.key(a)),this.button("fly",()=>this.fly()),this.button("depth",()=>this.depth()),this.button("reset",()=>this.reset()),this.button("fullscreen",()=>this.fullscreen()),this.reset()}frame;controls;scale=1/2;lastFrame=0;movedAt=-B;moving=!0;refinement=0;start(){let e=t=>{this.step(t),requestAnimationFrame(e)};requestAnimationFrame(e)}moved(){this.movedAt=performance.now(),this.moving=!0}reset(){this.camera.place(this.first),this.camera.focus=[...this.firstFocus],this.moved()}async settle(){this.fit(),this.renderer.draw(this.camera,this.canvas.width,this.canvas.height),this.renderer.show(),this.renderer.finish(),this.moving=!1,this.refinement=1/0,await F(),await F()}step(e){let t=e-this.lastFrame;this.lastFrame=e,this.controls.walk(t/1e3)&&this.moved(),this.fit()&&this.moved(),this.moving&&e-this.movedAt<B?this.coarse(t):this.refinement<this.canvas.height&&this.refine(t)}coarse(e){let t=this.scale*Math.sqrt(K/Math.max(e,1));e<1e3&&(this.scale=Math.min(1,Math.max(oe,.8*this.scale+.2*t)));let r=o=>Math.max(1,Math.round(o*this.scale));this.renderer.draw(this.camera,r(this.canvas.width),r(this.canvas.height)),this.renderer.show(),this.refinement=0,this.rows=32}rows=32;refine(e){this.moving=!1,this.refinement>0&&(this.rows=Math.max(8,Math.min(2048,this.rows*(e<K?1.5:.6))));let{width:t,height:r}=this.canvas,o=Math.min(r,this.refinement+Math.round(this.rows));this.renderer.draw(this.camera,t,r,this.refinement,o),this.refinement=o,o===r&&this.renderer.show()}fit(){let e=Math.min(devicePixelRatio,2),t=Math.max(1,Math.round(this.canvas.clientWidth*e)),r=Math.max(1,Math.round(this.canvas.clientHeight*e));return this.canvas.width===t&&this.canvas.height===r?!1:([this.canvas.width,this.canvas.height]=[t,r],!0)}button(e,t){b(e).addEventListener("click",t)}key(e){if(e.ctrlKey||e.metaKey||e.altKey)return;({KeyG:()=>this.fly(),KeyZ:()=>this.depth(),KeyR:()=>this.reset(),KeyF:()=>this.fullscreen()})[e.code]?.()}fly(){this.controls.manner=this.controls.manner==="fly"?"orbit":"fly",b("fly").setAttribute("aria-pressed",String(this.controls.manner==="fly"))}depth(){this.renderer.mode=this.renderer.mode==="depth"?"colour":"depth",b("depth").setAttribute("aria-pressed",String(this.renderer.mode==="depth")),this.moved()}fullscreen(){document.fullscreenElement?document.exitFullscreen():document.documentElement.requestFullscreen()}};function se(s,e){return{loadSeconds:e,setCamera:async(t,r=s.camera.fov)=>{s.camera.place(s.frame.toWorld(t)),s.camera.fov=r,await s.settle()},camera:()=>({rawFromCamera:s.frame.toRaw(s.camera.rows()),fov:s.camera.fov}),setMode:async t=>{s.renderer.mode=t,await s.settle()},setInterface:t=>document.body.classList.toggle("bare",!t),framesPerSecond:(t=3)=>{let r=performance.now();for(let o=0;o<t;o++)s.renderer.draw(s.camera,s.canvas.width,s.canvas.height),s.renderer.finish();return 1e3*t/(performance.now()-r)}}}async function ne(){let s=b("view"),e=s.getContext("webgl2",{antialias:!1,alpha:!1,preserveDrawingBuffer:!0});if(!e)throw new Error("This page needs WebGL 2, which this browser does not have or has turned off.");if(!("DecompressionStream"in window))throw new Error("This page needs a newer browser.");let t=D(),r=b("bar"),o=await V(t,w.largestTexture(e),async u=>{r.value=u,await F()}),i=t.origin.focus,n=new w(e,t,o),a=new E([...i],t.origin.fov_rad),c=new z(s,a,n,t.origin.first_view,i,t.origin.raw_from_world);return s.addEventListener("webglcontextlost",()=>H("The graphics card was lost; reload the page.")),await c.settle(),c.start(),b("loading").hidden=!0,document.body.classList.add("ready"),se(c,performance.now()/1e3)}var W=ne().then(s=>void Object.assign(ie,s)),ie=Object.assign(window,{rayloom:{ready:W}}).rayloom;W.catch(s=>H(s.message));})();
