// Marks drawn over a clean base by the page, close to the way in which the policy saw them.

const HEX = /^#[0-9a-f]{6}$/i;

function colourOf(text) {
  return HEX.test(text) ? text : "#888888";
}

// Elements for an SVG whose units are pixels of the image: all marks, and above them their labels.
function traceMarks(image) {
  const { traced } = image;
  if (!traced) return [];
  const shapes = traced.marks.map((mark) => (mark.kind === "box" ? boxShape(mark, traced) : lineShape(mark, traced)));
  const labels = traced.marks
    .filter((mark) => mark.label && (mark.kind === "box" || traced.label_lines))
    .map((mark) => markLabel(mark, traced, image));
  return [...shapes, ...labels];
}

function boxShape(mark, { stroke, rim }) {
  const [x1, y1, x2, y2] = mark.px;
  const edge = { x: x1 + stroke / 2, y: y1 + stroke / 2, width: Math.max(1, x2 - x1 - stroke), height: Math.max(1, y2 - y1 - stroke), fill: "none" };
  return svg("g", {},
    svg("rect", { ...edge, stroke: colourOf(mark.halo), "stroke-width": rim ? stroke + 2 * rim : 0 }),
    svg("rect", { ...edge, stroke: colourOf(mark.colour), "stroke-width": stroke }));
}

// A line with a ring at its start and an arrow head at its end; or, in a style with dots, a dot at each end.
function lineShape(mark, { stroke, rim, dots }) {
  const [x1, y1, x2, y2] = mark.px;
  const colour = colourOf(mark.colour);
  if (dots) {
    return svg("g", {},
      svg("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": stroke }),
      svg("circle", { cx: x1, cy: y1, r: dots[0], fill: colourOf(dots[1]) }),
      svg("circle", { cx: x2, cy: y2, r: dots[0], fill: colourOf(dots[2]) }));
  }
  const halo = colourOf(mark.halo);
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const head = Math.min(3 * stroke + 3, 0.7 * length);
  const shaft = { x1, y1, x2: x2 - 0.8 * head * ux, y2: y2 - 0.8 * head * uy };
  const [bx, by, half] = [x2 - head * ux, y2 - head * uy, head / 2];
  const corners = `${x2},${y2} ${bx - uy * half},${by + ux * half} ${bx + uy * half},${by - ux * half}`;
  const ring = 1.25 * stroke + 1.25;
  return svg("g", {},
    svg("line", { ...shaft, stroke: halo, "stroke-width": rim ? stroke + 2 * rim : 0 }),
    svg("polygon", { points: corners, fill: halo, stroke: halo, "stroke-width": 2 * rim }),
    svg("line", { ...shaft, stroke: colour, "stroke-width": stroke }),
    svg("polygon", { points: corners, fill: colour }),
    svg("circle", { cx: x1, cy: y1, r: ring + rim, fill: rim ? halo : colour }),
    svg("circle", { cx: x1, cy: y1, r: ring, fill: colour }),
    rim > 0 && svg("circle", { cx: x1, cy: y1, r: Math.max(0.75, ring - stroke), fill: halo }));
}

// Above a box, or below where there is no room; beside the middle of a line; whole inside the image.
function markLabel(mark, { stroke, font, rim }, image) {
  const [x1, y1, x2, y2] = mark.px;
  const text = mark.label.length > 60 ? `${mark.label.slice(0, 59)}\u2026` : mark.label;
  const wide = Math.min(image.width, 0.64 * font * [...text].length);
  const gap = stroke / 2 + rim;
  let [x, y] = [x1, y1 - gap - 0.25 * font];
  if (mark.kind === "line") {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    let [ax, ay] = [(y2 - y1) / length, -(x2 - x1) / length];
    if (ay > 0 || (ay === 0 && ax < 0)) [ax, ay] = [-ax, -ay];
    const reach = (Math.abs(ax) * wide + Math.abs(ay) * font) / 2 + gap;
    [x, y] = [(x1 + x2) / 2 + reach * ax - wide / 2, (y1 + y2) / 2 + reach * ay + 0.35 * font];
  } else if (y - 0.75 * font < 0) {
    y = y2 + gap + 0.85 * font;
  }
  const label = svg("text", {
    x: Math.max(rim, Math.min(x, image.width - wide)), y: Math.max(0.8 * font, Math.min(y, image.height - 0.25 * font)),
    "font-size": font, fill: colourOf(mark.colour), stroke: colourOf(mark.halo), "stroke-width": rim ? 2 * Math.max(rim, font / 8) : 0,
    class: "mark-label",
  });
  label.textContent = text;
  return label;
}
