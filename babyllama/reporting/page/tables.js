// Tables that sort by any column (up, down, as they were) and show only rows that hold a text.

function cellValue(text) {
  const plain = text.trim();
  if (plain === "" || plain === "-") return null;
  if (/^\d+:\d\d(:\d\d)?$/.test(plain)) return plain.split(":").reduce((sum, part) => 60 * sum + +part, 0);
  if (/^\d+s$/.test(plain)) return parseFloat(plain);
  const number = /^[-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?/i.exec(plain);
  if (!number) return plain.toLocaleLowerCase();
  const unit = { kB: 1e3, MB: 1e6, GB: 1e9 }[plain.slice(number[0].length).trim()] || 1;
  return parseFloat(number[0].replace(/,/g, "")) * unit;
}
function compareCells(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortable(table) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const now = { ascending: column ? null : "descending", descending: column ? "ascending" : null }[before] ?? (before ? null : column ? "descending" : "ascending");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      let order = rows;
      if (now) {
        head.setAttribute("aria-sort", now);
        const sign = now === "ascending" ? 1 : -1;
        const value = (row) => cellValue(row.cells[column].textContent);
        order = rows.map((row) => [value(row), row]).sort(([a], [b]) => (a === null || b === null ? compareCells(a, b) : sign * compareCells(a, b))).map(([, row]) => row);
      }
      table.classList.toggle("sorted", Boolean(now));
      body.append(...order);
      say(now ? `sorted by ${button.textContent}, ${now}` : "in the order of the report");
    });
  });
}

function filtered(table) {
  const rows = [...table.tBodies[0].rows], count = element("span");
  const input = element("input", { type: "search", placeholder: "filter rows", "aria-label": "Filter the rows of this table", spellcheck: "false" });
  input.addEventListener("input", () => {
    const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLocaleLowerCase().replace(/_/g, " ");
      row.hidden = !words.every((word) => text.includes(word.replace(/_/g, " ")));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    say(count.textContent);
  });
  table.closest(".scroll").before(element("div", { class: "filter" }, input, count));
}

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("table[data-filter]").forEach(filtered);
