// One text: what was expected at each token, where each head looks, and what each layer would predict.

const count = data.tokens.length;
const triangle = count * (count + 1) / 2;
const shares = Uint8Array.from(atob(data.attention), (one) => one.charCodeAt(0));
const share = (layer, head, from, to) => to > from ? 0 : shares[(layer * data.heads + head) * triangle + from * (from + 1) / 2 + to] / 255;
const named = (token) => data.tokens[token].trim() || "␣";
const shown = (text) => (text.trim() ? text.replace(/\n/g, "↵") : text.replace(/ /g, "␣").replace(/\n/g, "↵"));
const per = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function predictionRows(top, came) {
  return top.map(([text, probability]) => element("tr", { class: text === came ? "came" : "" },
    element("td", {}, element("bdi", {}, shown(text))),
    element("td", {}, element("span", { class: "meter", style: { width: `${Math.max(1, 80 * probability)}px` } })),
    element("td", {}, per(probability))));
}

{
  // The text: a token is chosen by the mouse, by touch and by the arrow keys.
  const reading = document.getElementById("reading"), expected = document.getElementById("expected");
  const tokens = [...reading.querySelectorAll(".token")];
  const choose = (number) => {
    tokens.forEach((one, at) => { one.classList.toggle("chosen", at === number); one.tabIndex = at === number ? 0 : -1; });
    const text = element("p", {});
    if (number === 0) {
      text.append("Nothing stands before ", element("b", {}, shown(data.tokens[0])), ": it is given.");
      expected.replaceChildren(text);
      return;
    }
    const bits = data.surprisal[number];
    text.append(element("b", {}, element("bdi", {}, shown(data.tokens[number]))), ` came: ${bits.toFixed(2)} bits, probability ${per(2 ** -bits)}. Expected:`);
    expected.replaceChildren(text, element("table", {}, element("tbody", {}, ...predictionRows(data.predictions[number - 1], data.tokens[number]))));
  };
  tokens.forEach((one, number) => {
    one.addEventListener("pointerenter", () => choose(number));
    one.addEventListener("focus", () => choose(number));
    one.addEventListener("keydown", (event) => {
      const next = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: count - 1 }[event.key];
      if (next === undefined || !tokens[next]) return;
      tokens[next].focus();
      event.preventDefault();
    });
  });
  choose(data.surprisal.reduce((best, value, at) => (value > (data.surprisal[best] ?? -1) ? at : best), 0));
}

{
  const grid = document.getElementById("heads"), name = document.getElementById("head-name"), matrix = document.getElementById("matrix");
  const looks = [...document.querySelectorAll("#looks .token")], buttons = [];
  let layer = 0, head = 0, from = count - 1;

  function paint(canvas, l, h, scale) {
    const context = canvas.getContext("2d"), ink = getComputedStyle(document.body).getPropertyValue("--attention-ink").trim();
    canvas.width = canvas.height = count * scale;
    for (let row = 0; row < count; row++) for (let column = 0; column <= row; column++) {
      context.fillStyle = `rgb(${ink} / ${Math.sqrt(share(l, h, row, column))})`;
      context.fillRect(column * scale, row * scale, scale, scale);
    }
  }
  const cell = Math.max(5, Math.min(22, Math.floor(620 / count)));
  const canvas = element("canvas", { role: "img" });
  const across = element("div", { class: "across", "aria-hidden": "true" }), down = element("div", { class: "down", "aria-hidden": "true" });
  if (cell >= 11) for (let token = 0; token < count; token++) {
    across.append(element("span", { style: { width: `${cell}px` } }, element("i", {}, clip(named(token), 84, 11))));
    down.append(element("span", { style: { height: `${cell}px`, lineHeight: `${cell}px` } }, clip(named(token), 84, 11)));
  }
  matrix.append(element("div", { class: "frame" }, across, down, canvas));
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / box.height * count), column = Math.floor((event.clientX - box.left) / box.width * count);
    if (row < 0 || row >= count || column < 0 || column > row) { hideTip(); return; }
    showTip(event.clientX, event.clientY, element("b", {}, named(row)), " looks at ", element("b", {}, named(column)), `: ${per(share(layer, head, row, column))}`);
    if (row !== from) { from = row; look(); }
  });
  canvas.addEventListener("pointerleave", hideTip);

  function look() {
    looks.forEach((one, token) => {
      one.style.setProperty("--t", String(Math.sqrt(share(layer, head, from, token))));
      one.classList.toggle("from", token === from);
      one.classList.toggle("later", token > from);
    });
  }
  looks.forEach((one, token) => one.addEventListener("pointerenter", () => { from = token; look(); }));

  function choose(l, h) {
    layer = l;
    head = h;
    buttons.forEach((one) => one.setAttribute("aria-pressed", String(+one.dataset.layer === l && +one.dataset.head === h)));
    name.textContent = `Layer ${l + 1}, head ${h + 1}`;
    canvas.setAttribute("aria-label", `Attention of layer ${l + 1}, head ${h + 1}: ${count} tokens read ${count} tokens; the table below has its means.`);
    paint(canvas, l, h, cell);
    look();
  }
  grid.style.setProperty("--heads", String(data.heads));
  for (let l = 0; l < data.layers; l++) {
    grid.append(element("span", { class: "row-name" }, `layer ${l + 1}`));
    for (let h = 0; h < data.heads; h++) {
      const small = element("canvas", { "aria-hidden": "true" });
      const button = element("button", { type: "button", "data-layer": l, "data-head": h, "aria-label": `Layer ${l + 1}, head ${h + 1}`, title: `layer ${l + 1}, head ${h + 1}`, onclick: () => choose(l, h) }, small);
      buttons.push(button);
      grid.append(button);
    }
  }
  const paintAll = () => {
    buttons.forEach((one) => paint(one.firstChild, +one.dataset.layer, +one.dataset.head, Math.max(1, Math.ceil(64 / count))));
    choose(layer, head);
  };
  paintAll();
  new MutationObserver(paintAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
}

for (const one of document.querySelectorAll(".lens td")) {
  const layer = +one.dataset.layer, token = +one.dataset.token;
  one.addEventListener("pointermove", (event) => showTip(event.clientX, event.clientY,
    element("b", {}, `after ${named(token)}, ${layer + 1 === data.lens.length ? "output" : `layer ${layer + 1}`}`),
    element("table", {}, element("tbody", {}, ...predictionRows(data.lens[layer][token], data.tokens[token + 1])))));
  one.addEventListener("pointerleave", hideTip);
}
