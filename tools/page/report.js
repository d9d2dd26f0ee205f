// Filter, sort and details of the table of all cases. Texts only ever become text: nothing here reads HTML from data.
{
  const read = id => JSON.parse(document.getElementById(id).textContent);
  const keys = read("sorting");
  const table = document.getElementById("table"), body = table.tBodies[0];
  const rows = Array.from(body.rows, (element, number) => ({
    element, number, keys: keys[number], detail: null,
    verdict: element.cells[0].textContent.trim(), id: element.cells[1].firstChild.data.trim(), status: element.dataset.s,
    words: null, open: false,
  }));
  const words = row => row.words ||= row.element.textContent.toLowerCase();

  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const draw = (name, attributes, title) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (title !== undefined) element.append(draw("title", {})), element.firstChild.textContent = title;
    return element;
  };

  // Filter
  const form = document.getElementById("filter"), text = document.getElementById("text");
  const path = document.getElementById("path"), status = document.getElementById("status");
  const chips = Array.from(form.querySelectorAll("[name=verdict]")), count = document.getElementById("count");
  const tell = shown => { count.textContent = `${shown} of ${rows.length} cases`; };
  const filter = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(chips.filter(chip => chip.checked).map(chip => chip.value));
    let shown = 0;
    for (const row of rows) {
      const fits = verdicts.has(row.verdict) && (!status.value || row.status === status.value) &&
        (!path.value || row.id.split("/")[0] === path.value) && wanted.every(word => words(row).includes(word));
      row.element.hidden = !fits;
      if (row.detail) row.detail.hidden = !fits || !row.open;
      shown += fits;
    }
    tell(shown);
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  tell(rows.length);

  // Sort: by verdict and case, then by what stands in the cells; what a row does not have comes last either way
  const headings = Array.from(table.tHead.rows[0].cells);
  const compare = column => {
    if (column === 1) return (a, b) => a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
    const key = row => row.keys[column === 0 ? 0 : column - 1];
    return (a, b) => key(a) - key(b) || a.number - b.number;
  };
  const sort = (column, sign) => {
    const by = compare(column), absent = row => column > 1 && row.keys[column - 1] === null;
    const order = [...rows].sort((a, b) => absent(a) - absent(b) || sign * by(a, b));
    const page = document.createDocumentFragment();
    for (const row of order) { page.append(row.element); if (row.detail) page.append(row.detail); }
    body.append(page);
    for (const heading of headings) heading.removeAttribute("aria-sort");
    headings[column].setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  };
  const keyed = rows.length ? rows[0].keys.length : 0;
  headings.slice(0, keyed + 1).forEach((heading, column) => {
    const button = make("button", heading.textContent.trim());
    button.type = "button";
    button.addEventListener("click", () => sort(column, heading.getAttribute("aria-sort") === "ascending" ? -1 : 1));
    heading.replaceChildren(button);
  });

  // Details, made when a case is opened for the first time
  let known = null;
  const dossiers = () => known ||= read("dossiers");
  const listed = facts => {
    const list = make("dl", undefined, "facts"), words = dossiers().words;
    for (let at = 0; at < facts.length; at += 2) list.append(make("dt", words[facts[at]]), make("dd", words[facts[at + 1]]));
    return list;
  };
  const HEADINGS = ["metric", "verdict", "base", "this run", "change", "interval", "limit", "lines", "reason"];
  const LEFT = new Set([0, 1, 7, 8]);
  const cell = (name, word, column) => {
    const element = make(name, word, LEFT.has(column) ? (column === 8 ? "left wide" : "left") : "");
    element.scope = name === "th" ? (column ? "col" : "row") : "";
    if (column === 1 && name === "td") element.classList.add("verdict", ...(/^[a-z]+$/.test(word) ? [word] : []));
    return element;
  };
  const metrics = found => {
    const words = dossiers().words, result = make("table"), head = result.createTHead().insertRow();
    HEADINGS.forEach((heading, column) => { head.append(cell("th", heading, column)); head.lastChild.scope = "col"; });
    const rest = result.createTBody();
    for (const numbers of found) {
      const row = rest.insertRow();
      numbers.forEach((number, column) => row.append(cell(column ? "td" : "th", words[number], column)));
    }
    return result;
  };
  const strip = ([metric, unit, baseLabel, base, headLabel, head]) => {
    const words = dossiers().words, all = [...base, ...head], low = Math.min(...all), high = Math.max(...all);
    const across = value => (14 + (value - low) / (high - low || 1) * 332).toFixed(1);
    const picture = draw("svg", { class: "drawing", viewBox: "0 0 360 100", role: "img" }, `${words[metric]}, base and this run`);
    const write = (x, y, anchor, text, kind) => {
      const element = draw("text", { x, y, "text-anchor": anchor, class: kind || "" });
      element.textContent = text;
      picture.append(element);
    };
    [[baseLabel, base, "s0"], [headLabel, head, "s1"]].forEach(([label, values, series], place) => {
      const y = 23 + 34 * place, ordered = [...values].sort((a, b) => a - b), middle = ordered.length >> 1;
      write(14, y - 12, "start", words[label]);
      for (const value of ordered) {
        picture.append(draw("circle", { class: `dot ${series}`, cx: across(value), cy: y, r: 3 }, `${value} ${words[unit]}`));
      }
      if (!ordered.length) return;
      const median = ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
      picture.append(draw("path", { class: "median", d: `M${across(median)} ${y - 8}v16` }, `median ${+median.toPrecision(4)} ${words[unit]}`));
    });
    picture.append(draw("path", { class: "axis", d: "M14 72H346" }));
    write(14, 86, "start", String(low));
    write(346, 86, "end", String(high));
    write(180, 96, "middle", `${words[metric]}, ${words[unit]}`, "name");
    const figure = make("figure");
    figure.append(picture);
    return figure;
  };
  const details = row => {
    const [facts, found, distributions] = dossiers().cases[row.number];
    const inner = make("div", undefined, "inner"), scroll = make("div", undefined, "scroll");
    const drawings = make("div", undefined, "drawings");
    scroll.append(metrics(found));
    drawings.append(...distributions.map(strip));
    inner.append(listed(facts), scroll, drawings);
    const element = make("tr", undefined, "detail"), only = make("td");
    only.colSpan = headings.length;
    only.append(inner);
    element.append(only);
    return element;
  };
  const toggle = (row, button) => {
    row.open = !row.open;
    if (!row.detail) row.element.after(row.detail = details(row));
    row.detail.hidden = !row.open;
    button.setAttribute("aria-expanded", String(row.open));
  };
  for (const row of rows) {
    const button = make("button", row.id);
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => toggle(row, button));
    row.element.cells[1].firstChild.replaceWith(button);
  }
}
