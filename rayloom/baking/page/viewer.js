// Built from web/src (sha256 48b95be5dd553554c50ccfc6fdf84cd9b32f0f958dd6a69589085694499de439) by npm run build; do not edit.
"use strict";(()=>{var v=(s,t,e=1)=>[s[0]+e*t[0],s[1]+e*t[1],s[2]+e*t[2]],g=(s,t)=>s[0]*t[0]+s[1]*t[1]+s[2]*t[2],q=(s,t)=>[s[1]*t[2]-s[2]*t[1],s[2]*t[0]-s[0]*t[2],s[0]*t[1]-s[1]*t[0]],D=s=>Math.sqrt(g(s,s)),L=(s,t)=>[t*s[0],t*s[1],t*s[2]];function R(s,t,e){let[r,o]=[Math.cos(e),Math.sin(e)];return v(v(L(s,r),q(t,s),o),t,(1-r)*g(t,s))}var S=[0,0,1],$=.995,T=class{constructor(t,e){this.focus=t;this.fov=e}eye=[0,0,0];axes=[[1,0,0],[0,1,0],[0,0,1]];place(t){let e=r=>[t[0][r],t[1][r],t[2][r]];this.axes=[e(0),e(1),e(2)],this.eye=e(3)}rows(){return[0,1,2].map(t=>[...this.axes.map(e=>e[t]),this.eye[t]])}orbit(t,e){let r=v(this.eye,this.focus,-1);this.eye=v(this.focus,this.turn(t,e,r))}look(t,e){this.turn(t,e,[0,0,0]),this.focus=v(this.eye,this.axes[2],this.distance())}distance(){return Math.max(D(v(this.eye,this.focus,-1)),.001)}move(t,e,r,o=!1){let i=this.distance(),n=[0,0,0];[t,e,r].forEach((a,u)=>n=v(n,this.axes[u],a*i)),this.eye=v(this.eye,n),o||(this.focus=v(this.focus,n))}approach(t){this.eye=v(this.focus,L(v(this.eye,this.focus,-1),t))}turn(t,e,r){let o=this.axes[0],i=g(R(this.axes[2],o,e),S),n=Math.abs(i)>$&&Math.abs(i)>Math.abs(g(this.axes[2],S))?0:e,a=u=>R(R(u,o,n),S,t);return this.axes=this.axes.map(a),a(r)}};var V={KeyW:[0,0,1],KeyS:[0,0,-1],KeyA:[-1,0,0],KeyD:[1,0,0],KeyQ:[0,1,0],KeyE:[0,-1,0],ArrowUp:[0,0,1],ArrowDown:[0,0,-1],ArrowLeft:[-1,0,0],ArrowRight:[1,0,0]},A=class{constructor(t,e,r){this.camera=t;this.target=e;this.moved=r;e.addEventListener("pointerdown",o=>{this.pointers.set(o.pointerId,o),e.setPointerCapture(o.pointerId)}),e.addEventListener("pointermove",o=>this.drag(o));for(let o of["pointerup","pointercancel"])e.addEventListener(o,i=>this.pointers.delete(i.pointerId));e.addEventListener("contextmenu",o=>o.preventDefault()),e.addEventListener("wheel",o=>this.wheel(o),{passive:!1}),addEventListener("keydown",o=>{o.code in V&&!o.ctrlKey&&!o.metaKey&&this.held.add(o.code)}),addEventListener("keyup",o=>this.held.delete(o.code)),addEventListener("blur",()=>this.held.clear())}manner="orbit";pointers=new Map;held=new Set;walk(t){if(this.held.size===0)return!1;let e=.7*Math.min(t,.1);for(let r of this.held){let[o,i,n]=V[r];this.camera.move(o*e,i*e,n*e)}return!0}drag(t){let e=this.pointers.get(t.pointerId);if(!e)return;let[r,o]=[t.clientX-e.clientX,t.clientY-e.clientY];this.pointers.size===1?t.buttons&6||t.shiftKey?this.shift(r,o):this.manner==="fly"?this.camera.look(r*.006,o*.006):this.camera.orbit(-r*.006,-o*.006):(this.pinch(e,t),this.shift(r/this.pointers.size,o/this.pointers.size)),this.pointers.set(t.pointerId,t),this.moved()}shift(t,e){let r=2*Math.tan(this.camera.fov/2)/this.target.clientHeight;this.camera.move(-t*r,-e*r,0)}pinch(t,e){for(let r of this.pointers.values()){if(r.pointerId===e.pointerId)continue;let o=i=>Math.hypot(i.clientX-r.clientX,i.clientY-r.clientY);this.closer(o(t)/Math.max(o(e),1));return}}wheel(t){t.preventDefault();let e=t.deltaMode===WheelEvent.DOM_DELTA_LINE?30:1;this.closer(Math.exp(Math.max(-.5,Math.min(.5,.0015*e*t.deltaY)))),this.moved()}closer(t){this.manner==="fly"?this.camera.move(0,0,1-t):this.camera.approach(t)}};var _=class{constructor(t){this.rawFromWorld=t;this.scale=Math.hypot(...[0,1,2].map(e=>t[e][0]))}scale;toRaw(t){let e=this.rawFromWorld;return[0,1,2].map(r=>[0,1,2,3].map(o=>{let i=e[r][0]*t[0][o]+e[r][1]*t[1][o]+e[r][2]*t[2][o];return o<3?i/this.scale:i+e[r][3]}))}toWorld(t){let e=this.rawFromWorld;return[0,1,2].map(r=>[0,1,2,3].map(o=>{let i=a=>t[a][o]-(o<3?0:e[a][3]);return(e[0][r]*i(0)+e[1][r]*i(1)+e[2][r]*i(2))/(o<3?this.scale:this.scale**2)}))}};function X(){return JSON.parse(document.getElementById("scene").textContent)}function F(s){let t=(s.log_densest-s.log_thinnest)/255;return Math.ceil((Math.log(s.cut)-s.log_thinnest)/t)}async function G(s,t,e){let r=document.getElementById("voxels"),o=Z(r.textContent,s.num_bytes);r.remove(),await e(.1);let i=await J(o);await e(.4);let n=s.space.blocks,a=n[0]*n[1]*n[2],u=Q(i.subarray(0,Math.ceil(a/8)),a),h=j(i.subarray(Math.ceil(a/8)),u.filter(p=>p>=0).length);await e(.6);let f=new z(u,n,h),c=f.withMatter(F(s.scale));await e(.7);let m=Math.max(Math.ceil(Math.cbrt(c.length)),1);if(m*9>t)throw new Error(`This scene needs textures of ${m*9} pixels; this browser has ${t}.`);let l=Array.from({length:12/4},()=>new Uint8Array((m*9)**3*4));for(let p=0;p<c.length;p++)f.write(c[p],p,m,l),p%1e3===999&&await e(.7+.25*p/c.length);let d=te(c,n);return await e(1),{slots:d,side:m,textures:l}}function Z(s,t){let e=new Uint8Array(t),r=0,o=0,i=0;for(let n=0;n<s.length;n++){for(r=r<<15|s.charCodeAt(n)-13312,o+=15;o>=8&&i<t;o-=8)e[i++]=r>>o-8;r&=(1<<o)-1}return e}async function J(s){let t=new Blob([s]).stream().pipeThrough(new DecompressionStream("deflate"));return new Uint8Array(await new Response(t).arrayBuffer())}function Q(s,t){let e=new Int32Array(t).fill(-1),r=0;for(let o=0;o<t;o++)s[o>>3]>>7-(o&7)&1&&(e[o]=r++);return e}function j(s,t){let e=t*512,r=new Uint8Array(12*e),o=new Uint8Array(e);for(let n=0;n<e;n++)o[n]=s[n>>3]>>7-(n&7)&1;let i=e/8;for(let n=0;n<12;n++){let a=r.subarray(n*e,(n+1)*e),u=0;for(let h=0;h<e;h++){if(h%512===0&&(u=0),!o[h])continue;let f=0,c=0;h&448&&o[h-64]&&(f+=a[h-64],c++),h&56&&o[h-8]&&(f+=a[h-8],c++),h&7&&o[h-1]&&(f+=a[h-1],c++);let m=c>0?Math.floor((f+(c>>1))/c):u;u=a[h]=m+s[i++]&255}}for(let n=0;n<e;n++)o[n]&&(r[e+n]+=r[2*e+n]-128,r[3*e+n]+=r[2*e+n]-128);return r}var z=class{constructor(t,e,r){this.numbers=t;this.size=e;this.values=r;this.plane=r.length/12}plane;withMatter(t){let[e,r,o]=this.size,i=new Uint8Array(this.numbers.length);for(let a=0;a<i.length;a++){let u=this.numbers[a];if(u<0)continue;let[h,f,c]=[Math.floor(a/(r*o)),Math.floor(a/o)%r,a%o],m=0;for(let l=0;l<512;l++){if(this.values[u*512+l]<t)continue;let d=(l>>6?0:4)|(l>>3&7?0:2)|(l&7?0:1);m|=ee[d]}for(let l=0;l<8;l++){let[d,p,b]=[h-(l>>2),f-(l>>1&1),c-(l&1)];m>>l&1&&d>=0&&p>=0&&b>=0&&(i[(d*r+p)*o+b]=1)}}let n=[];for(let a=0;a<e*r*o;a++)i[a]&&n.push(a);return n}write(t,e,r,o){let[i,n,a]=this.size,[u,h,f]=[Math.floor(t/(n*a)),Math.floor(t/a)%n,t%a],c=r*9,m=[Math.floor(e/(r*r)),Math.floor(e/r)%r,e%r];for(let l=0;l<9;l++)for(let d=0;d<9;d++){let p=4*(((m[0]*9+l)*c+m[1]*9+d)*c+m[2]*9);for(let b=0;b<9;b++,p+=4){let[w,x,k]=[u+(l>>3),h+(d>>3),f+(b>>3)];if(w>=i||x>=n||k>=a)continue;let P=this.numbers[(w*n+x)*a+k];if(P<0)continue;let O=P*512+((l&7)<<6)+((d&7)<<3)+(b&7);for(let Y of o)for(let M=0;M<4;M++,O+=this.plane)Y[p+M]=this.values[O]}}}},ee=Array.from({length:8},(s,t)=>{let e=0;for(let r=0;r<8;r++)(r&~t)===0&&(e|=1<<r);return e});function te(s,t){let[e,r,o]=t,[i,n]=[(r+2)*(o+2),o+2],a=new Uint8Array((e+2)*i).fill(32),u=(c,m,l)=>(c+1)*i+(m+1)*n+l+1;for(let c of s)a[u(Math.floor(c/(r*o)),Math.floor(c/o)%r,c%o)]=0;let h=[1,n-1,n,n+1];for(let c of[-n,0,n])for(let m of[-1,0,1])h.push(i+c+m);for(let c of[1,-1]){let m=h.map(l=>c*l);for(let l=0;l<e;l++)for(let d=0;d<r;d++){let p=c>0?u(l,d,0):u(e-1-l,r-1-d,o-1);for(let b=0;b<o;b++,p+=c){let w=a[p];for(let x=0;x<13;x++)w=Math.min(w,a[p-m[x]]+1);a[p]=w}}}let f=new Int32Array(e*r*o);for(let c=0,m=0;c<e;c++)for(let l=0;l<r;l++)for(let d=0;d<o;d++,m++)f[m]=-a[u(c,l,d)];return s.forEach((c,m)=>f[c]=m),f}var K=`#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`,B=`#version 300 es
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
}`;var E=class{constructor(t,e,r){this.gl=t;this.scene=e;this.program=re(t),t.useProgram(this.program),this.upload(r),this.constants(r),this.picture=t.createTexture(),this.target=t.createFramebuffer()}mode="colour";program;target;picture;size=[0,0];static largestTexture(t){return t.getParameter(t.MAX_3D_TEXTURE_SIZE)}draw(t,e,r,o=0,i=r){let n=this.gl;this.resize(e,r),n.bindFramebuffer(n.FRAMEBUFFER,this.target),n.viewport(0,0,e,r),n.enable(n.SCISSOR_TEST),n.scissor(0,r-i,e,i-o);let[a,u,h]=t.axes;n.uniformMatrix3fv(this.at("worldFromCamera"),!1,[...a,...u,...h]),n.uniform3fv(this.at("eye"),t.eye),n.uniform2f(this.at("size"),e,r),n.uniform1f(this.at("focal"),.5*r/Math.tan(t.fov/2)),n.uniform1i(this.at("mode"),this.mode==="depth"?1:0);let f=t.distance();n.uniform2f(this.at("depthRange"),Math.log(f/4),Math.log(f*4)),n.drawArrays(n.TRIANGLES,0,3),n.disable(n.SCISSOR_TEST)}show(){let t=this.gl,{width:e,height:r}=t.canvas;t.bindFramebuffer(t.READ_FRAMEBUFFER,this.target),t.bindFramebuffer(t.DRAW_FRAMEBUFFER,null);let o=e===this.size[0]&&r===this.size[1]?t.NEAREST:t.LINEAR;t.blitFramebuffer(0,0,...this.size,0,0,e,r,t.COLOR_BUFFER_BIT,o)}finish(){let t=this.gl;t.bindFramebuffer(t.READ_FRAMEBUFFER,this.target),t.readPixels(0,0,1,1,t.RGBA,t.UNSIGNED_BYTE,new Uint8Array(4))}at(t){return this.gl.getUniformLocation(this.program,t)}resize(t,e){if(this.size[0]===t&&this.size[1]===e)return;let r=this.gl;this.size=[t,e],r.activeTexture(r.TEXTURE4),r.bindTexture(r.TEXTURE_2D,this.picture),r.texImage2D(r.TEXTURE_2D,0,r.RGBA8,t,e,0,r.RGBA,r.UNSIGNED_BYTE,null),r.texParameteri(r.TEXTURE_2D,r.TEXTURE_MIN_FILTER,r.LINEAR),r.bindFramebuffer(r.FRAMEBUFFER,this.target),r.framebufferTexture2D(r.FRAMEBUFFER,r.COLOR_ATTACHMENT0,r.TEXTURE_2D,this.picture,0)}upload(t){let e=this.gl,[r,o,i]=this.scene.space.blocks,n=9*t.side;e.pixelStorei(e.UNPACK_ALIGNMENT,1),this.texture(0,"slots",e.NEAREST),e.texImage3D(e.TEXTURE_3D,0,e.R32I,i,o,r,0,e.RED_INTEGER,e.INT,t.slots);for(let[a,u]of["matter","first","second"].entries()){this.texture(a+1,u,e.LINEAR);let h=t.textures[a];e.texImage3D(e.TEXTURE_3D,0,e.RGBA8,n,n,n,0,e.RGBA,e.UNSIGNED_BYTE,h)}if(e.getError()!==e.NO_ERROR)throw new Error("The graphics memory cannot hold this scene.")}texture(t,e,r){let o=this.gl;o.activeTexture(o.TEXTURE0+t),o.bindTexture(o.TEXTURE_3D,o.createTexture());for(let i of[o.TEXTURE_MIN_FILTER,o.TEXTURE_MAG_FILTER])o.texParameteri(o.TEXTURE_3D,i,r);for(let i of[o.TEXTURE_WRAP_S,o.TEXTURE_WRAP_T,o.TEXTURE_WRAP_R])o.texParameteri(o.TEXTURE_3D,i,o.CLAMP_TO_EDGE);o.uniform1i(this.at(e),t)}constants(t){let{gl:e,scene:r}=this,{space:o,scale:i,step:n,origin:a}=r;e.uniform1i(this.at("side"),t.side),e.uniform3fv(this.at("low"),o.low),e.uniform1i(this.at("contracted"),o.contracted?1:0),e.uniform3fv(this.at("background"),a.scene.background),e.uniform4fv(this.at("featureLow"),r.feature_low),e.uniform4fv(this.at("featureSpan"),r.feature_span);let u=r.basis.flatMap(f=>f[0].flatMap((c,m)=>f.map(l=>l[m])));e.uniform3fv(this.at("basis"),u);let h={width:o.width,near:a.scene.near,far:a.scene.far,logThinnest:i.log_thinnest,logPerLevel:(i.log_densest-i.log_thinnest)/255,cut:F(i),smallest:n.smallest,growth:n.growth,logGrowth:Math.log1p(n.growth),stop:r.stop};for(let[f,c]of Object.entries(h))e.uniform1f(this.at(f),c)}};function re(s){let t=s.createProgram();for(let[e,r]of[[s.VERTEX_SHADER,K],[s.FRAGMENT_SHADER,B]]){let o=s.createShader(e);s.shaderSource(o,r),s.compileShader(o),s.attachShader(t,o)}if(s.linkProgram(t),!s.getProgramParameter(t,s.LINK_STATUS)){let e=s.getAttachedShaders(t).map(r=>s.getShaderInfoLog(r));throw new Error(`The graphics driver refuses the shader: ${e.join(" ")}`)}return t}var C=1e3/24,oe=1/8,I=200,y=s=>document.getElementById(s),N=()=>new Promise(s=>requestAnimationFrame(s));function H(s){y("message").textContent=s,y("loading").hidden=!0,y("message").hidden=!1}var U=class{constructor(t,e,r,o,i,n){this.canvas=t;this.camera=e;this.renderer=r;this.first=o;this.firstFocus=i;this.frame=new _(n),this.controls=new A(e,t,()=>this.moved()),addEventListener("resize",()=>this.moved()),addEventListener("keydown",a=>this.key(a)),this.button("fly",()=>this.fly()),this.button("depth",()=>this.depth()),this.button("reset",()=>this.reset()),this.button("fullscreen",()=>this.fullscreen()),this.reset()}frame;controls;scale=1/2;lastFrame=0;movedAt=-I;moving=!0;refinement=0;start(){this.fit(),this.coarse(C),this.renderer.finish(),this.movedAt=-I;let t=e=>{this.step(e),requestAnimationFrame(t)};requestAnimationFrame(t)}moved(){this.movedAt=performance.now(),this.moving=!0}reset(){this.camera.place(this.first),this.camera.focus=[...this.firstFocus],this.moved()}async settle(){this.fit(),this.renderer.draw(this.camera,this.canvas.width,this.canvas.height),this.renderer.show(),this.renderer.finish(),this.moving=!1,this.refinement=1/0,await N(),await N()}step(t){let e=t-this.lastFrame;this.lastFrame=t,this.controls.walk(e/1e3)&&this.moved(),this.fit()&&this.moved(),this.moving&&t-this.movedAt<I?this.coarse(e):this.refinement<this.canvas.height&&this.refine(e)}coarse(t){let e=this.scale*Math.sqrt(C/Math.max(t,1));t<1e3&&(this.scale=Math.min(1,Math.max(oe,.8*this.scale+.2*e)));let r=o=>Math.max(1,Math.round(o*this.scale));this.renderer.draw(this.camera,r(this.canvas.width),r(this.canvas.height)),this.renderer.show(),this.refinement=0,this.rows=32}rows=32;refine(t){this.moving=!1,this.refinement>0&&(this.rows=Math.max(8,Math.min(2048,this.rows*(t<C?1.5:.6))));let{width:e,height:r}=this.canvas,o=Math.min(r,this.refinement+Math.round(this.rows));this.renderer.draw(this.camera,e,r,this.refinement,o),this.refinement=o,o===r&&this.renderer.show()}fit(){let t=Math.min(devicePixelRatio,2),e=Math.max(1,Math.round(this.canvas.clientWidth*t)),r=Math.max(1,Math.round(this.canvas.clientHeight*t));return this.canvas.width===e&&this.canvas.height===r?!1:([this.canvas.width,this.canvas.height]=[e,r],!0)}button(t,e){y(t).addEventListener("click",e)}key(t){if(t.ctrlKey||t.metaKey||t.altKey)return;({KeyG:()=>this.fly(),KeyZ:()=>this.depth(),KeyR:()=>this.reset(),KeyF:()=>this.fullscreen()})[t.code]?.()}fly(){this.controls.manner=this.controls.manner==="fly"?"orbit":"fly",y("fly").setAttribute("aria-pressed",String(this.controls.manner==="fly"))}depth(){this.renderer.mode=this.renderer.mode==="depth"?"colour":"depth",y("depth").setAttribute("aria-pressed",String(this.renderer.mode==="depth")),this.moved()}fullscreen(){document.fullscreenElement?document.exitFullscreen():document.documentElement.requestFullscreen()}};function se(s,t){return{loadSeconds:t,setCamera:async(e,r=s.camera.fov)=>{s.camera.place(s.frame.toWorld(e)),s.camera.fov=r,await s.settle()},camera:()=>({rawFromCamera:s.frame.toRaw(s.camera.rows()),fov:s.camera.fov}),setMode:async e=>{s.renderer.mode=e,await s.settle()},setInterface:e=>document.body.classList.toggle("bare",!e),framesPerSecond:(e=3)=>{let r=performance.now();for(let o=0;o<e;o++)s.renderer.draw(s.camera,s.canvas.width,s.canvas.height),s.renderer.finish();return 1e3*e/(performance.now()-r)}}}async function ne(){let s=y("view"),t=s.getContext("webgl2",{antialias:!1,alpha:!1,preserveDrawingBuffer:!0});if(!t)throw new Error("This page needs WebGL 2, which this browser does not have or has turned off.");if(!("DecompressionStream"in window))throw new Error("This page needs a newer browser.");let e=X(),r=y("bar"),o=await G(e,E.largestTexture(t),async h=>{r.value=h,await N()}),i=e.origin.focus,n=new E(t,e,o),a=new T([...i],e.origin.fov_rad),u=new U(s,a,n,e.origin.first_view,i,e.origin.raw_from_world);return s.addEventListener("webglcontextlost",()=>H("The graphics card was lost; reload the page.")),u.start(),y("loading").hidden=!0,document.body.classList.add("ready"),se(u,performance.now()/1e3)}var W=ne().then(s=>void Object.assign(ie,s)),ie=Object.assign(window,{rayloom:{ready:W}}).rayloom;W.catch(s=>H(s.message));})();
