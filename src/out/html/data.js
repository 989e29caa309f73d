'use strict';
// data.js: the instants, each made from the one beside it.

const METRICS = [
  { key: 'private', name: 'Private (RSS less shared)' },
  { key: 'held', name: 'Held by allocators' },
  { key: 'inUse', name: 'In use' },
  { key: 'outstanding', name: 'Outstanding' },
  { key: 'mapped', name: 'Mapped' },
];

async function unpack(base64) {
  const packed = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return JSON.parse(await new Response(stream).text());
}

class Recording {
  constructor(raw) {
    const text = i => raw.texts[i];
    this.notes = raw.notes.map(([k, v]) => [text(k), text(v)]);
    this.start = new Date(raw.start);
    this.marks = raw.marks.map(([ms, pid, t]) => ({ time: ms / 1000, pid, text: text(t) }))
      .sort((a, b) => a.time - b.time);
    this.processes = raw.processes.map(([pid, comm, exe]) => ({ pid, comm: text(comm), exe: text(exe) }));
    this.frames = raw.frames.map(([label, file, line, module]) =>
      ({ label: text(label), file: text(file), line, module: text(module) }));
    this.sites = raw.sites.map(([process, kind, stack]) => ({ process, kind, stack }));
    this.times = raw.instants.map(i => i[0] / 1000);
    this.changes = raw.instants.map(i => i[2]);
    this.rows = raw.instants.map(i => this.makeRows(i[1], text));
    this.bytes = new Float64Array(this.sites.length);
    this.blocks = new Float64Array(this.sites.length);
    this.allocated = new Float64Array(this.sites.length);
    this.estimated = new Int8Array(this.sites.length);
    this.at = -1;
    this.peak = 0;
    this.totals = this.rows.map(rows => this.sum([...rows.values()]));
    this.totals.forEach((t, i) => { if (t.private > this.totals[this.peak].private) this.peak = i; });
    this.peaks = this.processes.map((_, p) =>
      this.rows.reduce((most, rows) => Math.max(most, rows.get(p)?.private ?? 0), 0));
  }

  makeRows(list, text) {
    const rows = new Map();
    for (let i = 1; i < list.length; i += 10) {
      const [process, exited, rss, shared, held, inUse, outstanding, mapped, lost, mode] =
        list.slice(i, i + 10);
      const live = exited ? 0 : 1;
      rows.set(process, { process, exited, lost, mode: text(mode), rss: rss * live, shared: shared * live,
        private: Math.max(0, rss - shared) * live, held: held < 0 ? null : held * live,
        inUse: inUse < 0 ? null : inUse * live, outstanding: outstanding * live, mapped: mapped * live,
        left: exited ? outstanding + mapped : 0 });
    }
    return rows;
  }

  sum(rows) {
    const total = { private: 0, rss: 0, shared: 0, held: 0, inUse: 0, outstanding: 0, mapped: 0, lost: 0, alive: 0 };
    for (const r of rows) {
      for (const k in total) total[k] += r[k] ?? 0;
      total.alive += r.exited ? 0 : 1;
    }
    return total;
  }

  apply(list, sign) {
    for (let i = 1; i < list.length; i += 5) {
      this.bytes[list[i]] += sign * list[i + 1];
      this.blocks[list[i]] += sign * list[i + 2];
      this.allocated[list[i]] += sign * list[i + 3];
      this.estimated[list[i]] += sign * list[i + 4];
    }
  }

  // What every callsite holds at an instant; valid until the next call.
  seek(instant) {
    while (this.at < instant) this.apply(this.changes[++this.at], 1);
    while (this.at > instant) this.apply(this.changes[this.at--], -1);
  }

  // [{site, bytes, blocks}] of the chosen process (null: all), less what was there at base (null: nothing).
  held(instant, base, process) {
    let before = null;
    if (base !== null) {
      this.seek(base);
      before = [this.bytes.slice(), this.blocks.slice()];
    }
    this.seek(instant);
    const out = [], rows = this.rows[instant], alive = this.totals[instant].alive;
    for (let s = 0; s < this.sites.length; s++) {
      if (process !== null && this.sites[s].process !== process) continue;
      // What ended ones had left is theirs alone, as long as others live.
      if (process === null && alive && rows.get(this.sites[s].process)?.exited) continue;
      const bytes = this.bytes[s] - (before ? before[0][s] : 0);
      const blocks = this.blocks[s] - (before ? before[1][s] : 0);
      if (bytes || blocks) out.push({ site: this.sites[s], bytes, blocks, estimated: this.estimated[s] });
    }
    return out.sort((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes));
  }

  nearest(time) {
    let low = 0, high = this.times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle; else high = middle;
    }
    return time - this.times[low] <= this.times[high] - time ? low : high;
  }
}

function size(bytes) {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Math.abs(bytes), i = 0;
  while (value >= 999.5 && i < names.length - 1) { value /= 1024; i++; }
  const digits = !i ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return (bytes < 0 ? '\u2212' : '') + value.toFixed(digits) + ' ' + names[i];
}

const signed = bytes => (bytes > 0 ? '+' : '') + size(bytes);
const count = n => n.toLocaleString('en');
const moment = seconds => seconds < 60 ? seconds.toFixed(1) + ' s'
  : Math.floor(seconds / 60) + ':' + (seconds % 60).toFixed(1).padStart(4, '0') + ' min';

// An element; what comes from the recording is only ever text.
function make(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

function draw(tag, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  e.append(...children);
  return e;
}
