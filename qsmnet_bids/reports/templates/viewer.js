'use strict';
// Three linked planes of the volumes that one PNG holds: red chi, green magnitude, blue mask.
for (const box of document.querySelectorAll('.viewer')) {
  const layout = JSON.parse(box.dataset.layout), [nx, ny, nz] = layout.shape, [low, high] = layout.window;
  const at = [nx >> 1, ny >> 1, nz >> 1], across = [1, 0, 0], up = [2, 2, 1], n = layout.shape;
  const pick = (name) => box.querySelector('[name=' + name + ']'), readout = box.querySelector('output');
  const planes = [...box.querySelectorAll('canvas')];
  let data = null, width = layout.columns * nx;
  const offset = (p) => 4 * ((Math.floor(p[2] / layout.columns) * ny + p[1]) * width + (p[2] % layout.columns) * nx + p[0]);
  const ppm = (v) => low + (v - 1) * (high - low) / 254;
  const chi = (p) => { const v = data[offset(p)]; return v ? ppm(v) : null; };
  const draw = () => {
    if (!data) return;
    const lower = +pick('lower').value, upper = Math.max(+pick('upper').value, lower + 0.001), shown = pick('shown').value;
    const edge = pick('outline').checked;
    planes.forEach((canvas, axis) => {
      const a = across[axis], u = up[axis], context = canvas.getContext('2d'), image = context.createImageData(n[a], n[u]), p = at.slice();
      for (let j = 0; j < n[u]; j++) for (let i = 0; i < n[a]; i++) {
        p[a] = i; p[u] = n[u] - 1 - j;
        const o = offset(p), t = 4 * (j * n[a] + i), v = data[o];
        let grey = shown === 'magnitude' ? data[o + 1] : v ? 255 * (ppm(v) - lower) / (upper - lower) : 0;
        if (shown === 'mask') grey = data[o + 2];
        image.data[t] = image.data[t + 1] = image.data[t + 2] = grey; image.data[t + 3] = 255;
        if (edge && data[o + 2] && (i === 0 || !data[offset(p.map((c, d) => d === a ? c - 1 : c)) + 2] || i === n[a] - 1 || !data[offset(p.map((c, d) => d === a ? c + 1 : c)) + 2])) image.data.set([255, 176, 0], t);
      }
      context.putImageData(image, 0, 0);
      context.fillStyle = 'rgba(90,200,250,.55)';
      context.fillRect(at[a], 0, 1, n[u]); context.fillRect(0, n[u] - 1 - at[u], n[a], 1);
    });
    const value = chi(at), voxel = at.map((c, d) => layout.start[d] + layout.step * c);
    readout.textContent = 'Voxel ' + voxel.join(', ') + ' (right, anterior, superior): ' + (value === null ? 'outside the map' : value.toFixed(4) + ' ppm') + ', magnitude ' + data[offset(at) + 1];
  };
  const move = (d, by) => { at[d] = Math.min(Math.max(at[d] + by, 0), n[d] - 1); draw(); };
  planes.forEach((canvas, axis) => {
    const a = across[axis], u = up[axis];
    canvas.width = n[a]; canvas.height = n[u];
    canvas.style.aspectRatio = n[a] * layout.voxel[a] + ' / ' + n[u] * layout.voxel[u];
    const go = (event) => {
      const r = canvas.getBoundingClientRect();
      at[a] = Math.min(Math.max(Math.floor((event.clientX - r.left) / r.width * n[a]), 0), n[a] - 1);
      at[u] = n[u] - 1 - Math.min(Math.max(Math.floor((event.clientY - r.top) / r.height * n[u]), 0), n[u] - 1);
      draw();
    };
    canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener('pointermove', (event) => { if (event.buttons) go(event); });
    canvas.addEventListener('wheel', (event) => { event.preventDefault(); move(axis, event.deltaY > 0 ? -1 : 1); }, { passive: false });
    canvas.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: [a, -1], ArrowRight: [a, 1], ArrowUp: [u, 1], ArrowDown: [u, -1], PageUp: [axis, 1], PageDown: [axis, -1] }[event.key];
      if (step) { event.preventDefault(); move(...step); }
    });
  });
  for (const name of ['lower', 'upper', 'shown', 'outline']) pick(name).addEventListener('input', draw);
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement('canvas'); canvas.width = picture.width; canvas.height = picture.height;
    const context = canvas.getContext('2d', { willReadFrequently: true }); context.drawImage(picture, 0, 0);
    data = context.getImageData(0, 0, picture.width, picture.height).data;
    // #voxel=i,j,k opens the page at that voxel of the turned volume
    const wanted = /^#voxel=(\d+),(\d+),(\d+)$/.exec(location.hash);
    if (wanted) wanted.slice(1).forEach((c, d) => { at[d] = Math.min(Math.max(Math.round((c - layout.start[d]) / layout.step), 0), n[d] - 1); });
    draw();
  };
  picture.src = box.dataset.volume;
}
