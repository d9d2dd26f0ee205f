// The filter of the table: a row stays while it holds every word.
{
  const form = document.getElementById("filter"), text = document.getElementById("text");
  const count = document.getElementById("count");
  const rows = Array.from(document.getElementById("table").tBodies[0].rows, element => (
    { element, words: element.textContent.toLowerCase() }));
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.element.hidden = !words.every(word => row.words.includes(word));
      shown += !row.element.hidden;
    }
    count.textContent = `${shown} of ${rows.length} trends`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  filter();
}
