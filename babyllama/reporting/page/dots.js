// Numbers with their intervals: a row for each name, a dot for each run.

function dotChart(figure, chart) {
  const box = element("div"), most = 20;
  let all = chart.rows.length <= most + 4;
  figure.querySelector(".plot").append(box);
  if (!all) {
    const text = () => (all ? `Only the ${most} that stand out` : `All ${chart.rows.length} rows`);
    const more = element("button", { type: "button" }, text());
    more.addEventListener("click", () => { all = !all; more.textContent = text(); redraws.forEach((one) => one()); });
    figure.querySelector(".controls").append(more);
  }
  // The rows that stand for all others, and those farthest from the reference, in the order of the chart.
  function chosen() {
    if (all) return chart.rows;
    const from = chart.reference ? chart.reference[1] : 0;
    const far = (row) => Math.max(...chart.dots.map((one) => Math.abs((one.values[row] ?? from) - from)));
    const rest = chart.rows.filter((row) => !chart.bold.includes(row)).sort((a, b) => far(b) - far(a)).slice(0, most);
    return chart.rows.filter((row) => chart.bold.includes(row) || rest.includes(row));
  }

  function draw(room) {
    const rows = chosen(), small = room < narrow, dots = chart.dots.filter((one) => !hidden.has(one.run));
    const values = chart.dots.flatMap((one) => chart.rows.flatMap((row) => [one.values[row], ...(one.intervals[row] || [])])).filter((value) => value != null);
    if (chart.reference) values.push(chart.reference[1]);
    const low = Math.min(...values), high = Math.max(...values), marks = ticks(low, high, small ? 4 : 8);
    const step = marks.length > 1 ? marks[1] - marks[0] : 1;
    const first = Math.floor(low / step + 1e-9) * step, last = Math.ceil(high / step - 1e-9) * step;
    const one = dots.length === 1;
    const left = small ? 4 : Math.min(room * 0.42, Math.max(...rows.map((row) => width(row, 12.5))) + 16);
    const right = one ? 46 : 14;
    const line = small ? 34 : Math.max(19, 11 * dots.length + 6);
    const top = small ? 46 : 30, bottom = top + rows.length * line, height = bottom + 30;
    const px = (value) => left + 6 + (value - first) / (last - first || 1) * (room - left - right - 6);
    const svg = element("svg", { viewBox: `0 0 ${room} ${height}`, height, role: "img", "aria-label": chart.alt });
    for (const at of ticks(first, last, small ? 4 : 8)) {
      svg.append(element("line", { class: "grid", x1: px(at), x2: px(at), y1: top - 6, y2: bottom }));
      svg.append(element("text", { x: px(at), y: bottom + 16, "text-anchor": "middle" }, short(at)));
    }
    svg.append(element("text", { x: small ? 0 : room - right, y: 12, "text-anchor": small ? "start" : "end" }, clip(chart.label, room * 0.9, 12)));
    if (chart.reference) {
      const at = px(chart.reference[1]);
      svg.append(element("line", { class: "reference", x1: at, x2: at, y1: top - 10, y2: bottom }));
      svg.append(element("text", { x: at, y: top - 14, "text-anchor": at < 40 ? "start" : "middle" }, chart.reference[0]));
    }
    rows.forEach((row, number) => {
      const middle = top + number * line + (small ? 24 : line / 2), strong = chart.bold.includes(row);
      const group = element("g");
      group.append(element("rect", { x: 0, width: room, y: top + number * line, height: line, fill: "transparent" }));
      group.append(element("text", { class: strong ? "label strong" : "label", x: small ? 0 : left - 8, y: small ? middle - 10 : middle + 4, "text-anchor": small ? "start" : "end" }, clip(row, small ? room - 50 : left - 10)));
      dots.forEach((one, place) => {
        const value = one.values[row], range = one.intervals[row];
        if (value == null) return;
        const y = middle + (place - (dots.length - 1) / 2) * (small ? 7 : 10);
        if (range) group.append(element("line", { x1: px(range[0]), x2: px(range[1]), y1: y, y2: y, style: { stroke: colour(one.run), strokeWidth: strong ? 2.5 : 1.75 } }));
        // Hollow: the interval holds the reference.
        const open = range && chart.reference && range[0] <= chart.reference[1] && chart.reference[1] <= range[1];
        group.append(element("circle", { cx: px(value), cy: y, r: strong ? 5 : 4, style: { fill: open ? "var(--paper)" : colour(one.run), stroke: colour(one.run), strokeWidth: 1.75 } }));
      });
      if (one && dots[0].values[row] != null) group.append(element("text", { class: strong ? "strong" : "", x: room, y: middle + 4, "text-anchor": "end" }, dots[0].values[row].toFixed(1)));
      group.addEventListener("pointermove", (event) => {
        const rows = dots.filter((one) => one.values[row] != null).map((one) => element("tr", {},
          element("td", {}, element("span", { class: "swatch", style: { background: colour(one.run) } }), one.name),
          element("td", {}, one.values[row].toFixed(2) + (one.intervals[row] ? ` (${one.intervals[row].map((v) => v.toFixed(1)).join(" to ")})` : ""))));
        showTip(event.clientX, event.clientY, element("b", {}, row), element("table", {}, element("tbody", {}, ...rows)));
      });
      group.addEventListener("pointerleave", hideTip);
      svg.append(group);
    });
    box.replaceChildren(svg);
    if (chart.reference && chart.dots.some((one) => Object.keys(one.intervals).length)) box.append(element("p", { class: "hint" }, `Lines are 95 % intervals; a hollow dot's holds ${chart.reference[0] === "chance" ? "chance" : "no difference"}.`));
    if (chart.dots.length > 1) {
      const key = element("ul", { class: "key" });
      for (const one of dots) key.append(element("li", {}, element("span", { class: "swatch", style: { background: colour(one.run) } }), one.name));
      box.append(key);
    }
  }
  watchWidth(box, draw);
}

for (const figure of document.querySelectorAll('.chart[data-kind="DotChart"]')) dotChart(figure, data.charts[figure.id]);
