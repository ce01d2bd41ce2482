// Curves: a choice of axis, a logarithmic scale, zoom by dragging or keys, and a reading at the pointer.

function lineChart(figure, chart) {
  const controls = figure.querySelector(".controls"), plot = figure.querySelector(".plot");
  const keys = Object.keys(chart.axes);
  const state = { axis: keys[0], log: chart.log_x, zoom: null, at: null };
  const caption = figure.querySelector("figcaption").textContent;
  const reset = element("button", { type: "button", hidden: "" }, "Whole range");
  const box = element("div", {
    tabindex: "0", role: "group",
    "aria-label": `${caption}: chart. Left and right read values, plus and minus zoom, zero shows the whole range.`,
  });
  plot.append(box, element("p", { class: "hint" }, "Drag to zoom, double-click to undo; keys ← → + − 0."));

  if (keys.length > 1) {
    const choice = element("fieldset", { role: "radiogroup", "aria-label": `Horizontal axis of ${caption}` });
    for (const key of keys) {
      const input = element("input", { type: "radio", name: `${figure.id}-axis`, value: key });
      input.checked = key === state.axis;
      input.addEventListener("change", () => { state.axis = key; state.zoom = state.at = null; redraw(); });
      choice.append(element("label", {}, input, key === "step" ? "steps" : key));
    }
    controls.append(choice);
  }
  const log = element("input", { type: "checkbox" });
  log.checked = state.log;
  log.addEventListener("change", () => { state.log = log.checked; state.zoom = state.at = null; redraw(); });
  controls.append(element("label", {}, log, " logarithmic axis"), reset);
  const wholeRange = () => { state.zoom = state.at = null; redraw(); };
  reset.addEventListener("click", wholeRange);

  let size = 0, view = null;
  const redraw = () => size && draw(size);
  const several = new Set(chart.lines.map((line) => line.run)).size > 1;
  const grey = !several && chart.lines.length > 3;

  function shownLines() {
    return chart.lines.map((line) => {
      const xs = line.x[state.axis], points = [];
      for (let n = 0; n < xs.length; n++) {
        if (state.log && xs[n] <= 0) continue;
        points.push({ x: xs[n], y: line.y[n], range: line.intervals[n] });
      }
      return { ...line, points };
    }).filter((line) => !hidden.has(line.run) && line.points.length);
  }

  function draw(room) {
    size = room;
    const small = room < narrow, lines = shownLines();
    reset.hidden = !state.zoom;
    if (!lines.length) { view = null; box.replaceChildren(element("p", { class: "note" }, "All runs of this chart are hidden.")); return; }
    const xs = lines.flatMap((line) => [line.points[0].x, line.points.at(-1).x]);
    const domain = state.zoom || [Math.min(...xs), Math.max(...xs)];
    if (domain[0] === domain[1]) { domain[0] -= domain[0] * 0.1 || 1; domain[1] += domain[1] * 0.1 || 1; }
    const inside = (point) => point.x >= domain[0] && point.x <= domain[1];
    let low = Infinity, high = -Infinity;
    for (const line of lines) for (const point of line.points) if (inside(point)) {
      low = Math.min(low, point.y, ...(point.range || []));
      high = Math.max(high, point.y, ...(point.range || []));
    }
    if (low > high) { low = 0; high = 1; }
    if (chart.reference && !state.zoom) { low = Math.min(low, chart.reference[1]); high = Math.max(high, chart.reference[1]); }
    const pad = (high - low || Math.abs(high) || 1) * 0.05;
    low -= pad; high += pad;
    // Where many lines end, only those that stand for a run are named.
    const told = lines.length > 8 && several ? lines.filter((line) => !line.faint || lines.every((one) => one.faint)) : lines;
    const labelled = !small && told.length <= 22;
    const names = told.map((line) => clip(line.name, Math.min(200, room * 0.3)));
    const right = labelled ? Math.ceil(Math.max(...names.map((name) => width(name)))) + 16 : 12;
    const height = Math.round(Math.min(460, Math.max(small ? 250 : 330, labelled ? told.length * 16 + 90 : 0)));
    const yTicks = ticks(low, high, small ? 4 : 8);
    const left = Math.ceil(Math.max(...yTicks.map((one) => width(short(one), 12)))) + 10;
    const top = 26, bottom = height - 40;
    const scale = state.log ? Math.log : (value) => value;
    const back = state.log ? Math.exp : (value) => value;
    const [first, last] = domain.map(scale);
    const px = (value) => left + (scale(value) - first) / (last - first) * (room - left - right);
    const py = (value) => bottom - (value - low) / (high - low) * (bottom - top);
    const ux = (pixel) => back(first + (pixel - left) / (room - left - right) * (last - first));

    const svg = element("svg", { viewBox: `0 0 ${room} ${height}`, height, role: "img", "aria-label": chart.alt });
    svg.append(element("text", { x: 0, y: 12 }, clip(chart.y_label, room, 12)));
    for (const at of yTicks) {
      svg.append(element("line", { class: "grid", x1: left, x2: room - right, y1: py(at), y2: py(at) }));
      svg.append(element("text", { x: left - 8, y: py(at) + 4, "text-anchor": "end" }, short(at)));
    }
    const count = Math.max(2, Math.floor((room - left - right) / 95));
    const xTicks = state.log ? logTicks(...domain, count) : state.axis === "seconds" ? timeTicks(...domain, count) : ticks(...domain, count);
    const whole = lines.every((line) => line.points.every((point) => Number.isInteger(point.x)));
    const write = (value) => state.axis === "seconds" ? time(value) : short(value);
    for (const at of xTicks) if (!whole || Number.isInteger(at)) svg.append(element("text", { x: px(at), y: bottom + 18, "text-anchor": "middle" }, write(at)));
    svg.append(element("line", { class: "zero", x1: left, x2: room - right, y1: bottom, y2: bottom }));
    svg.append(element("text", { x: room - right, y: height - 4, "text-anchor": "end" }, chart.axes[state.axis]));
    if (chart.reference && chart.reference[1] >= low && chart.reference[1] <= high) {
      const at = py(chart.reference[1]);
      svg.append(element("line", { class: "reference", x1: left, x2: room - right, y1: at, y2: at }));
      svg.append(element("text", { x: left + 4, y: at - 5 }, chart.reference[0]));
    }
    const clipped = element("svg", { x: left - 4, y: top - 6, width: room - left - right + 8, height: bottom - top + 12, viewBox: `${left - 4} ${top - 6} ${room - left - right + 8} ${bottom - top + 12}`, style: { overflow: "hidden" } });
    svg.append(clipped);
    for (const line of lines) {
      const ink = grey && line.faint ? "var(--muted)" : colour(line.run);
      const path = (points) => points.map((point, n) => `${n ? "L" : "M"}${px(point.x).toFixed(1)} ${py(point.y).toFixed(1)}`).join("");
      if (line.intervals.length) {
        const edge = [...line.points.map((p) => ({ x: p.x, y: p.range[1] })), ...line.points.toReversed().map((p) => ({ x: p.x, y: p.range[0] }))];
        clipped.append(element("path", { class: "band", d: path(edge) + "Z", style: { fill: ink } }));
      }
      line.drawn = element("path", { class: `curve${line.faint ? grey ? " grey" : " faint" : ""}`, d: path(line.points), "stroke-dasharray": dashes(line.run), style: { stroke: ink } });
      clipped.append(line.drawn);
      if (line.dots) for (const point of line.points) if (inside(point)) clipped.append(element("circle", { cx: px(point.x), cy: py(point.y), r: 3, style: { fill: ink } }));
    }
    if (labelled) {
      const ends = told.map((line) => { const seen = line.points.filter(inside); return py((seen.at(-1) || line.points.at(-1)).y); });
      spread(ends, 15, top, bottom).forEach((y, n) => {
        svg.append(element("text", { class: "label", x: room - right + 8, y: y + 4, style: { fill: grey && told[n].faint ? "" : colour(told[n].run) } }, names[n]));
      });
    }
    const over = element("g");
    svg.append(over);
    box.replaceChildren(svg);
    if (!labelled) {
      const key = element("ul", { class: "key" });
      for (const line of lines.slice(0, 24)) key.append(element("li", {}, element("span", { class: "swatch", style: { background: grey && line.faint ? "var(--muted)" : colour(line.run), opacity: line.faint ? ".55" : "1" } }), line.name));
      box.append(key);
    }
    view = { lines, px, py, ux, left, right: room - right, top, bottom, over, domain, write, inside, scale, back };
    if (state.at !== null) mark(state.at, false);
  }

  function nearest(points, x) {
    let low = 0, high = points.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (points[middle].x < x) low = middle; else high = middle; }
    return Math.abs(view.scale(points[low].x) - view.scale(x)) <= Math.abs(view.scale(points[high].x) - view.scale(x)) ? points[low] : points[high];
  }

  function mark(x, aloud, pointer) {
    const found = view.lines.map((line) => ({ line, point: nearest(line.points, x) })).filter(({ point }) => view.inside(point));
    if (!found.length) return;
    const main = found.reduce((a, b) => Math.abs(view.px(b.point.x) - view.px(x)) < Math.abs(view.px(a.point.x) - view.px(x)) ? b : a).point.x;
    let shown = found;
    if (pointer && found.length > 8) {
      const rect = box.getBoundingClientRect();
      shown = found.toSorted((a, b) => Math.abs(view.py(a.point.y) + rect.top - pointer.clientY) - Math.abs(view.py(b.point.y) + rect.top - pointer.clientY)).slice(0, 6);
    }
    for (const line of view.lines) line.drawn.classList.toggle("lit", found.length > 8 && line === shown[0]?.line);
    state.at = x;
    view.over.replaceChildren(
      element("line", { class: "cross", x1: view.px(main), x2: view.px(main), y1: view.top, y2: view.bottom }),
      ...shown.map(({ line, point }) => element("circle", { cx: view.px(point.x), cy: view.py(point.y), r: 4, style: { fill: grey && line.faint ? "var(--muted)" : colour(line.run), stroke: "var(--paper)", strokeWidth: 1.5 } })),
    );
    const axis = chart.axes[state.axis];
    const place = state.axis === "seconds" ? time(main) : Math.round(main).toLocaleString("en");
    const rows = shown.toSorted((a, b) => b.point.y - a.point.y).map(({ line, point }) => {
      const range = point.range ? ` (${significant(point.range[0])} to ${significant(point.range[1])})` : "";
      return element("tr", {}, element("td", {}, element("span", { class: "swatch", style: { background: grey && line.faint ? "var(--muted)" : colour(line.run) } }), line.name), element("td", {}, significant(point.y) + range));
    });
    const rect = box.getBoundingClientRect();
    showTip(pointer ? pointer.clientX : rect.left + view.px(main), pointer ? pointer.clientY : rect.top + 60, element("b", {}, `${place} ${axis}`), element("table", {}, element("tbody", {}, ...rows)));
    if (aloud) say(`${place} ${axis}: ${shown.map(({ line, point }) => `${line.name} ${significant(point.y)}`).join(", ")}`);
  }

  function unmark() {
    hideTip();
    state.at = null;
    view?.over.replaceChildren();
    view?.lines.forEach((line) => line.drawn.classList.remove("lit"));
  }
  function zoom(low, high) {
    if (!view || !(high > low)) return;
    const xs = view.lines.flatMap((line) => line.points.map((point) => point.x)).filter((x) => x >= low && x <= high);
    if (new Set(xs).size < 2) return;
    state.zoom = [low, high];
    redraw();
  }

  let from = null, brush = null;
  const offset = (event) => event.clientX - box.getBoundingClientRect().left;
  box.addEventListener("pointerdown", (event) => {
    if (!view || event.button || event.target.closest(".key")) return;
    from = offset(event);
    if (event.pointerType !== "touch") box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    if (!view) return;
    const now = Math.min(view.right, Math.max(view.left, offset(event)));
    mark(view.ux(now), false, event);
    if (from !== null && event.pointerType !== "touch" && Math.abs(now - from) > 5) {
      brush = [Math.min(from, now), Math.max(from, now)];
      view.over.prepend(element("rect", { class: "brush", x: brush[0], width: brush[1] - brush[0], y: view.top, height: view.bottom - view.top }));
    }
  });
  box.addEventListener("pointerup", () => {
    if (view && brush) { const [low, high] = brush.map(view.ux); brush = from = null; unmark(); zoom(low, high); }
    from = brush = null;
  });
  box.addEventListener("pointerleave", () => { if (from === null) unmark(); });
  box.addEventListener("pointercancel", () => { from = brush = null; unmark(); });
  box.addEventListener("dblclick", wholeRange);
  box.addEventListener("blur", unmark);
  box.addEventListener("keydown", (event) => {
    if (!view) return;
    const [low, high] = view.domain.map(view.scale);
    const here = view.scale(state.at ?? view.domain[1]), step = (high - low) / 60;
    const between = (value) => Math.min(high, Math.max(low, value));
    if (event.key === "ArrowRight") mark(view.back(between(here + step)), true);
    else if (event.key === "ArrowLeft") mark(view.back(between(here - step)), true);
    else if (event.key === "Home") mark(view.domain[0], true);
    else if (event.key === "End") mark(view.domain[1], true);
    else if (event.key === "+" || event.key === "=") {
      const half = (high - low) / 4, middle = Math.min(high - half, Math.max(low + half, here));
      zoom(view.back(middle - half), view.back(middle + half));
    } else if (event.key === "-") {
      const half = high - low, middle = (high + low) / 2, all = shownLines().flatMap((line) => [line.points[0].x, line.points.at(-1).x]).map(view.scale);
      const wide = [Math.max(Math.min(...all), middle - half), Math.min(Math.max(...all), middle + half)];
      if (wide[1] - wide[0] >= Math.max(...all) - Math.min(...all) - 1e-9) wholeRange(); else zoom(...wide.map(view.back));
    } else if (event.key === "0") wholeRange();
    else if (event.key === "Escape") unmark();
    else return;
    event.preventDefault();
  });
  watchWidth(box, draw);
}

for (const figure of document.querySelectorAll('.chart[data-kind="LineChart"]')) lineChart(figure, data.charts[figure.id]);
