// page.js: what was chosen, and all that shows it.

const $ = id => document.getElementById(id);
const SHOWN = 50;

class Page {
  constructor(recording) {
    this.recording = recording;
    this.state = { instant: recording.peak, base: null, process: null, metric: 'private' };
    this.rows = SHOWN;
    this.chart = new Chart($('chart'), recording, (i, compare) => this.go(compare ? { base: i } : { instant: i }));
    this.flame = new Flame($('flame'), $('frame'), $('unzoom'), recording);
    this.drawHeader();
    this.readHash();
    $('chart').addEventListener('keydown', e => this.key(e));
    $('search').addEventListener('input', e => this.flame.find(e.target.value));
    $('more').addEventListener('click', () => { this.rows *= 4; this.drawSites(); });
    addEventListener('hashchange', () => { this.readHash(); this.show(); });
  }

  drawHeader() {
    const { notes, start, times, totals, peak } = this.recording;
    const named = Object.fromEntries(notes);
    $('notes').textContent = [start.toLocaleString(), named.host, named.kernel && 'Linux ' + named.kernel,
      named.arguments && 'heapwatch record ' + named.arguments].filter(Boolean).join('  \u00b7  ');
    for (const m of METRICS) {
      const input = make('input');
      Object.assign(input, { type: 'radio', name: 'metric', value: m.key });
      input.addEventListener('change', () => this.go({ metric: m.key }));
      $('metrics').append(make('label', '', input, m.name));
    }
    const button = make('button', '', `peak ${size(totals[peak].private)} at ${moment(times[peak])}`);
    button.type = 'button';
    button.addEventListener('click', () => this.go({ instant: peak }));
    $('peaknote').append(button, make('i', 'key'), 'held by allocators', make('i', 'key dots'), 'in use');
  }

  // #t=12.5&b=3.0&p=2&m=held
  readHash() {
    const q = new URLSearchParams(location.hash.slice(1)), r = this.recording;
    const time = name => q.has(name) && isFinite(+q.get(name)) ? r.nearest(+q.get(name)) : null;
    const p = q.has('p') ? +q.get('p') : -1;
    this.state = { instant: time('t') ?? r.peak, base: time('b'), process: r.processes[p] ? p : null,
      metric: METRICS.some(m => m.key === q.get('m')) ? q.get('m') : 'private' };
  }

  go(change) {
    Object.assign(this.state, change);
    if (this.state.base === this.state.instant) this.state.base = null;
    this.rows = SHOWN;
    const q = new URLSearchParams(), s = this.state;
    q.set('t', this.recording.times[s.instant]);
    if (s.base !== null) q.set('b', this.recording.times[s.base]);
    if (s.process !== null) q.set('p', s.process);
    if (s.metric !== 'private') q.set('m', s.metric);
    history.replaceState(null, '', '#' + q);
    this.show();
  }

  show() {
    const { recording, state } = this;
    this.held = recording.held(state.instant, state.base, state.process);
    for (const input of $('metrics').querySelectorAll('input')) input.checked = input.value === state.metric;
    this.chart.show(state);
    const c = $('chart');
    c.setAttribute('aria-valuemin', 0);
    c.setAttribute('aria-valuemax', recording.times.length - 1);
    c.setAttribute('aria-valuenow', state.instant);
    c.setAttribute('aria-valuetext', `${moment(recording.times[state.instant])}: ` +
      `${size(recording.totals[state.instant].private)} private`);
    this.drawFigures();
    this.drawProcesses();
    const of = state.process === null ? '' : ` of ${this.name(state.process)}`;
    $('flametitle').textContent = (state.base === null ? 'Memory held' : 'Memory gained') + of + ', by callers';
    this.flame.show(this.held, state.process);
    if (!this.held.some(h => h.bytes > 0))
      $('frame').textContent = state.base === null ? 'Nothing that was allocated since the attach is held.'
        : 'No callsite holds more than at the other instant.';
    this.drawSites();
  }

  name(p) {
    const process = this.recording.processes[p];
    return `${process.pid} ${process.comm}`;
  }

  drawFigures() {
    const { recording: r, state: s } = this, now = r.totals[s.instant], base = s.base === null ? null : r.totals[s.base];
    $('when').replaceChildren(base ? `${moment(r.times[s.base])} to ${moment(r.times[s.instant])}` : moment(r.times[s.instant]),
      s.instant === r.peak ? ' (the peak)' : '');
    if (base) {
      const stop = make('button', '', 'End the comparison');
      stop.type = 'button';
      stop.addEventListener('click', () => this.go({ base: null }));
      $('when').append(' ', stop);
    }
    const figure = (name, value, change, warn) => make('div', warn ? 'warn' : '', make('b', '', value),
      make('span', '', name + (change === undefined ? '' : ` ${signed(change)}`)));
    const sizes = [...METRICS, { key: 'rss', name: 'RSS, shared pages once for each process' }]
      .map(m => figure(m.name, size(now[m.key]), base ? now[m.key] - base[m.key] : undefined));
    if (now.lost) sizes.push(figure('events lost: figures are degraded', count(now.lost), undefined, true));
    $('figures').replaceChildren(figure('processes alive', count(now.alive)), ...sizes);
  }

  drawProcesses() {
    const { recording: r, state: s } = this, keys = ['private', 'rss', 'shared', 'held', 'inUse', 'outstanding', 'mapped'];
    const heads = ['Process', 'Private', 'RSS', 'Shared', 'Held', 'In use', 'Outstanding', 'Mapped', 'Peak private'];
    $('processes').tHead.replaceChildren(make('tr', '', ...heads.map((h, i) => make('th', i ? 'n' : '', h))));
    const rows = [...r.rows[s.instant].values()].sort((a, b) => a.exited - b.exited || b.private - a.private ||
      r.peaks[b.process] - r.peaks[a.process]);
    const line = (process, name, cells, className) => {
      const button = make('button', '', ...name);
      button.type = 'button';
      button.setAttribute('aria-pressed', s.process === process);
      const tr = make('tr', 'pick ' + className + (s.process === process ? ' chosen' : ''), make('td', '', button), ...cells);
      tr.addEventListener('click', () => this.go({ process: s.process === process ? null : process }));
      return tr;
    };
    const body = rows.map(row => {
      const swatch = make('i', 'swatch'), base = s.base === null ? null : r.rows[s.base].get(row.process);
      swatch.style.background = this.chart.colour(row.process);
      const cells = keys.map(k => make('td', 'n', row.exited ? '' : row[k] === null ? '?'
        : s.base === null ? size(row[k]) : signed(row[k] - (base?.[k] ?? 0))));
      const exe = make('span', 'where', ' ' + r.processes[row.process].exe + (row.exited ? ' (ended)' : ''),
        row.mode === 'exact' ? '' : ` [${row.mode}]`);
      return line(row.process, [swatch, this.name(row.process), exe],
        [...cells, make('td', 'n', size(r.peaks[row.process]))], row.exited ? 'ended' : '');
    });
    if (rows.length > 1) body.unshift(line(null, ['All processes'], heads.slice(1).map(() => make('td', 'n')), ''));
    $('processes').tBodies[0].replaceChildren(...body);
  }

  drawSites() {
    const { state: s, held } = this, compare = s.base !== null;
    $('sitestitle').textContent = `${count(held.length)} callsites ` + (compare ? 'changed' : 'hold memory');
    const heads = [compare ? 'Change' : 'Bytes', 'Blocks', 'Kind', ...(s.process === null ? ['Process'] : []), 'Callsite, innermost first'];
    $('sites').tHead.replaceChildren(make('tr', '', ...heads.map((h, i) => make('th', i < 2 ? 'n' : '', h))));
    const tone = n => 'n' + (compare ? n > 0 ? ' grow' : n < 0 ? ' shrink' : '' : '');
    $('sites').tBodies[0].replaceChildren(...held.slice(0, this.rows).map(h => make('tr', '',
      make('td', tone(h.bytes), (h.estimated ? '\u2248 ' : '') + (compare ? signed(h.bytes) : size(h.bytes))),
      make('td', 'n', (compare && h.blocks > 0 ? '+' : '') + count(h.blocks)),
      make('td', '', h.site.kind ? 'map' : 'heap'),
      ...(s.process === null ? [make('td', '', this.name(h.site.process))] : []),
      make('td', '', this.stack(h.site)))));
    $('more').hidden = held.length <= this.rows;
  }

  stack(site) {
    const line = f => [this.recording.frames[f]].map(({ label, file, line: n, module }) => [label,
      make('span', 'where', '  ' + (file ? `${file.split('/').pop()}:${n}` : module.split('/').pop()))])[0];
    const [leaf, ...rest] = site.stack;
    if (!rest.length) return make('div', '', ...line(leaf));
    // Filled when it is opened: many are never.
    const list = make('ol', 'frames'), e = make('details', '', make('summary', '', ...line(leaf),
      make('span', 'where', `  \u2190 ${this.recording.frames[rest[0]].label}` + (rest.length > 1 ? ` \u2190 ${this.recording.frames[rest[1]].label}` : '') +
        (rest.length > 2 ? ` and ${rest.length - 2} more` : ''))), list);
    e.addEventListener('toggle', () => { if (!list.childElementCount) list.append(...rest.map(f => make('li', '', ...line(f)))); });
    return e;
  }

  key(e) {
    const { recording: r, state: s } = this, last = r.times.length - 1;
    const far = Math.max(1, Math.round(last / 20));
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -far, PageUp: far }[e.key];
    const mark = r.marks.find(m => !m.pid && r.nearest(m.time) > s.instant) ?? r.marks.find(m => !m.pid);
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (step) this.go({ instant: Math.min(last, Math.max(0, s.instant + step)) });
    else if (e.key === 'Home') this.go({ instant: 0 });
    else if (e.key === 'End') this.go({ instant: last });
    else if (e.key === 'p') this.go({ instant: r.peak });
    else if (e.key === 'm' && mark) this.go({ instant: r.nearest(mark.time) });
    else if (e.key === 'c') this.go({ base: s.base === null ? s.instant : null, instant: s.base === null ? Math.min(last, s.instant + 1) : s.instant });
    else return;
    e.preventDefault();
  }
}

async function open() {
  if (!('DecompressionStream' in window)) throw new Error('this browser is too old: it cannot unpack the data');
  const page = new Page(new Recording(await unpack($('data').textContent)));
  $('main').hidden = false;
  page.show();
  document.documentElement.dataset.ready = 'yes';
}

open().catch(e => {
  $('problem').textContent = 'This recording cannot be shown: ' + e.message;
  $('problem').hidden = false;
});
