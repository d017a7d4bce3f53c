'use strict';
// Three linked planes of the volumes that one PNG holds: red chi, green magnitude, blue mask.
const ACROSS = [1, 0, 0], UP = [2, 2, 1];  // axes of the sagittal, coronal and axial plane
const TAP = 8;  // pixels that a finger may move and still mean a place

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function view(box) {
  const layout = JSON.parse(box.dataset.layout);
  const n = layout.shape, [low, high] = layout.window;
  const pick = (name) => box.querySelector('[name=' + name + ']');
  const planes = [...box.querySelectorAll('canvas')];
  const cross = box.querySelector('output'), pointer = box.querySelector('.pointer');
  const kinds = {
    chi: { range: [low, high], window: [-0.1, 0.2], start: [-0.1, 0.2], step: 0.001, unit: 'ppm' },
    magnitude: { range: [0, 255], window: [0, 255], start: [0, 255], step: 1, unit: '' },
    mask: null,
  };
  const at = n.map((count) => count >> 1);
  let data = null, frame = 0;

  const offset = (x, y, z) =>
    4 * ((Math.floor(z / layout.columns) * n[1] + y) * layout.columns * n[0] + (z % layout.columns) * n[0] + x);
  const ppm = (value) => low + (value - 1) * (high - low) / 254;
  const kind = () => kinds[pick('shown').value];

  // grey of every value that a byte can have
  function shades() {
    const chosen = kind(), table = new Uint8ClampedArray(256);
    for (let value = 0; value < 256; value++) {
      if (!chosen) table[value] = value;
      else if (chosen === kinds.magnitude || value) {
        const found = chosen === kinds.chi ? ppm(value) : value;
        table[value] = 255 * (found - chosen.window[0]) / (chosen.window[1] - chosen.window[0]);
      }
    }
    return table;
  }

  function paint(canvas, axis, table) {
    const a = ACROSS[axis], u = UP[axis], width = n[a], height = n[u];
    const colour = { chi: 0, magnitude: 1, mask: 2 }[pick('shown').value], edge = pick('outline').checked;
    const context = canvas.getContext('2d'), image = context.createImageData(width, height), p = at.slice();
    const inside = (i, j) => {
      if (i < 0 || j < 0 || i >= width || j >= height) return 0;
      p[a] = i; p[u] = j;
      return data[offset(p[0], p[1], p[2]) + 2];
    };
    for (let j = 0; j < height; j++) for (let i = 0; i < width; i++) {
      p[a] = i; p[u] = j;
      const from = offset(p[0], p[1], p[2]), to = 4 * ((height - 1 - j) * width + i);
      image.data[to] = image.data[to + 1] = image.data[to + 2] = table[data[from + colour]];
      image.data[to + 3] = 255;
      if (edge && data[from + 2] && !(inside(i - 1, j) && inside(i + 1, j) && inside(i, j - 1) && inside(i, j + 1)))
        image.data.set([255, 176, 0], to);
    }
    context.putImageData(image, 0, 0);
    context.fillStyle = 'rgba(90,200,250,.55)';
    context.fillRect(at[a], 0, 1, height);
    context.fillRect(0, height - 1 - at[u], width, 1);
  }

  function tell(place) {
    const from = offset(...place), value = data[from];
    const voxel = place.map((c, d) => layout.start[d] + layout.step * c);
    return 'Voxel ' + voxel.join(', ') + ' (right, anterior, superior): '
      + (value ? ppm(value).toFixed(4) + ' ppm' : 'outside the map') + ', magnitude ' + data[from + 1];
  }

  function draw() {
    frame = 0;
    if (!data) return;
    const table = shades(), chosen = kind();
    planes.forEach((canvas, axis) => paint(canvas, axis, table));
    cross.textContent = tell(at);
    for (const [name, end] of [['lower', 0], ['upper', 1]]) {
      const slider = pick(name);
      slider.disabled = !chosen;
      if (!chosen) continue;
      [slider.min, slider.max] = chosen.range; slider.step = chosen.step;
      slider.value = chosen.window[end];
    }
    box.querySelector('.window').textContent = chosen
      ? chosen.window.map((v) => v.toFixed(chosen === kinds.chi ? 3 : 0)).join(' to ').replaceAll('-', '\u2212') + ' ' + chosen.unit : '';
  }
  const refresh = () => { frame = frame || requestAnimationFrame(draw); };

  function setWindow(lower, upper) {
    const chosen = kind();
    if (!chosen) return;
    const [least, most] = chosen.range;
    lower = clamp(lower, least, most - chosen.step);
    chosen.window = [lower, clamp(upper, lower + chosen.step, most)];
    refresh();
  }
  const move = (axis, by) => { at[axis] = clamp(at[axis] + by, 0, n[axis] - 1); refresh(); };

  // #voxel=i,j,k opens the page at that voxel of the turned volume
  function jump() {
    const wanted = /^#voxel=(\d+),(\d+),(\d+)$/.exec(location.hash);
    if (wanted) wanted.slice(1).forEach((c, d) => { at[d] = clamp(Math.round((c - layout.start[d]) / layout.step), 0, n[d] - 1); });
    refresh();
  }

  planes.forEach((canvas, axis) => {
    const a = ACROSS[axis], u = UP[axis];
    canvas.width = n[a]; canvas.height = n[u];
    // as wide as its millimetres, so that all planes have one scale where they share a row
    canvas.style.flex = n[a] * layout.voxel[a] + ' 1 0';
    canvas.style.aspectRatio = n[a] * layout.voxel[a] + ' / ' + n[u] * layout.voxel[u];
    const place = (event) => {
      const r = canvas.getBoundingClientRect(), found = at.slice();
      found[a] = clamp(Math.floor((event.clientX - r.left) / r.width * n[a]), 0, n[a] - 1);
      found[u] = n[u] - 1 - clamp(Math.floor((event.clientY - r.top) / r.height * n[u]), 0, n[u] - 1);
      return found;
    };
    const go = (event) => { place(event).forEach((c, d) => { at[d] = c; }); refresh(); };
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (!data) return;
      const isWindow = event.pointerType !== 'touch' && (event.button === 2 || event.shiftKey);
      drag = { x: event.clientX, y: event.clientY, slice: at[axis], moved: false,
        kind: event.pointerType === 'touch' ? 'swipe' : isWindow ? 'window' : 'cross', window: kind() && kind().window };
      try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone needs none */ }
      if (drag.kind === 'cross') go(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!data) return;
      if (!drag) { pointer.textContent = event.pointerType === 'touch' ? '' : 'Under the pointer: ' + tell(place(event)); return; }
      const r = canvas.getBoundingClientRect(), x = event.clientX - drag.x, y = event.clientY - drag.y;
      drag.moved = drag.moved || Math.hypot(x, y) > TAP;
      if (drag.kind === 'cross') go(event);
      else if (drag.kind === 'swipe') {
        if (drag.moved) { at[axis] = clamp(drag.slice + Math.round(x / r.width * n[axis]), 0, n[axis] - 1); refresh(); }
      } else if (drag.window) {
        const width = drag.window[1] - drag.window[0], half = width * 2 ** (2 * x / r.width) / 2;
        const centre = (drag.window[0] + drag.window[1]) / 2 + y / r.height * width;
        setWindow(centre - half, centre + half);
      }
    });
    canvas.addEventListener('pointerup', (event) => {
      if (drag && drag.kind === 'swipe' && !drag.moved) go(event);
      drag = null;
    });
    canvas.addEventListener('pointercancel', () => { drag = null; });
    canvas.addEventListener('pointerleave', () => { pointer.textContent = ''; });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener('wheel', (event) => {
      if (document.activeElement !== canvas) return;  // the page scrolls on until a plane is chosen
      event.preventDefault();
      move(axis, event.deltaY > 0 ? -1 : 1);
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: [a, -1], ArrowRight: [a, 1], ArrowUp: [u, 1], ArrowDown: [u, -1], PageUp: [axis, 1], PageDown: [axis, -1] }[event.key];
      if (step) { event.preventDefault(); move(...step); }
    });
  });

  for (const name of ['lower', 'upper'])
    pick(name).addEventListener('input', () => {
      const lower = +pick('lower').value, upper = +pick('upper').value, step = kind().step;
      if (name === 'lower') setWindow(lower, Math.max(upper, lower + step));
      else setWindow(Math.min(lower, upper - step), upper);
    });
  for (const name of ['shown', 'outline']) pick(name).addEventListener('input', refresh);
  pick('reset').addEventListener('click', () => { if (kind()) setWindow(...kind().start); });

  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = picture.width; canvas.height = picture.height;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    data = context.getImageData(0, 0, picture.width, picture.height).data;
    jump();
  };
  addEventListener('hashchange', jump);
  picture.src = box.dataset.volume;
}

document.querySelectorAll('.viewer').forEach(view);
