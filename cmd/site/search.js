// On a phone the pages are a menu that begins closed.
if (matchMedia('(max-width: 48rem)').matches) document.getElementById('menu').open = false;

const input = document.getElementById('search');
const results = document.getElementById('results');
const shown = 12;

// A section is found when each word is in it; words in titles and headings weigh more.
function find(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found = [];
  for (const section of sections) {
    const title = `${section.p} ${section.h}`.toLowerCase();
    const text = section.w.toLowerCase();
    let score = 0;
    for (const word of words) {
      const inTitle = title.includes(word);
      if (!inTitle && !text.includes(word)) { score = 0; break; }
      score += inTitle ? 20 : 1 + Math.min(4, text.split(word).length - 1);
    }
    if (score > 0) found.push({ section, score, words });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, shown);
}

// around gives the words near the first that is found, marked.
function around(text, words) {
  const at = Math.max(0, text.toLowerCase().indexOf(words[0]));
  const part = document.createElement('small');
  const start = Math.max(0, at - 30);
  part.append((start > 0 ? '…' : '') + text.slice(start, at));
  const mark = document.createElement('mark');
  mark.textContent = text.slice(at, at + words[0].length);
  part.append(mark, text.slice(at + words[0].length, at + 160));
  return part;
}

function show() {
  const found = find(input.value);
  results.replaceChildren(...found.map(({ section, words }) => {
    const item = document.createElement('li');
    const anchor = document.createElement('a');
    anchor.href = section.a;
    anchor.append(section.h ? `${section.p} › ${section.h}` : section.p, around(section.w, words));
    item.append(anchor);
    return item;
  }));
  if (found.length === 0 && input.value.trim()) {
    const item = document.createElement('li');
    item.className = 'none';
    item.textContent = 'Nothing is found';
    results.append(item);
  }
  results.hidden = !input.value.trim();
}

function choose(step) {
  const anchors = [...results.querySelectorAll('a')];
  const now = anchors.findIndex((a) => a.classList.contains('chosen'));
  anchors.forEach((a) => a.classList.remove('chosen'));
  const next = anchors[(now + step + anchors.length) % anchors.length];
  if (next) { next.classList.add('chosen'); next.scrollIntoView({ block: 'nearest' }); }
}

input.addEventListener('input', show);
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') { event.preventDefault(); choose(event.key === 'ArrowDown' ? 1 : -1); }
  if (event.key === 'Escape') { input.value = ''; show(); input.blur(); }
});
input.form.addEventListener('submit', (event) => {
  event.preventDefault();
  const target = results.querySelector('a.chosen') || results.querySelector('a');
  if (target) location.href = target.href;
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== input) { event.preventDefault(); input.focus(); }
});
document.addEventListener('click', (event) => {
  if (!input.form.contains(event.target)) results.hidden = true;
});
results.addEventListener('click', () => { results.hidden = true; });
