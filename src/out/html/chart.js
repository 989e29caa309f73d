// chart.js: the time line: processes stacked, totals, marks, the peak.

const COLOURS = 8;

class Chart {
  constructor(box, recording, act) {
    this.box = box;
    this.recording = recording;
    this.act = act; // act(instant, compare)
    this.tip = make('div', 'tip');
    this.tip.hidden = true;
    const order = recording.processes.map((_, p) => p).sort((a, b) => recording.peaks[b] - recording.peaks[a]);
    this.order = order.length > COLOURS + 1 ? order.slice(0, COLOURS) : order;
    this.others = order.slice(this.order.length);
    box.addEventListener('pointermove', e => this.hover(e));
    box.addEventListener('pointerleave', () => this.leave());
    box.addEventListener('pointerdown', e => { if (!e.button) act(this.instantAt(e), e.shiftKey); });
    new ResizeObserver(() => this.show(this.state)).observe(box);
  }

  colour(process) {
    const i = this.order.indexOf(process);
    return `var(--c${i < 0 || i > COLOURS ? COLOURS : i})`;
  }

  value(instant, process, metric) {
    return this.recording.rows[instant].get(process)?.[metric] ?? 0;
  }

  x(time) { return this.left + (time - this.t0) / (this.t1 - this.t0) * (this.width - this.left - this.right); }
  y(bytes) { return this.height - this.bottom - bytes / this.top * (this.height - this.bottom - this.above); }

  instantAt(e) {
    const r = this.box.getBoundingClientRect();
    const part = (e.clientX - r.left - this.left) / (r.width - this.left - this.right);
    return this.recording.nearest(this.t0 + part * (this.t1 - this.t0));
  }

  show(state) {
    if (!state || !this.box.clientWidth) return;
    const { times, totals } = this.recording;
    this.state = state;
    Object.assign(this, { width: this.box.clientWidth, height: 300, left: 62, right: 14, above: 22, bottom: 24 });
    this.t0 = times[0];
    this.t1 = Math.max(times[times.length - 1], this.t0 + 0.001);
    const both = state.metric === 'private' ? ['private', 'held', 'inUse'] : [state.metric];
    this.top = Math.max(1, ...totals.flatMap(t => both.map(k => t[k]))) * 1.04;
    const svg = draw('svg', { viewBox: `0 0 ${this.width} ${this.height}`, 'aria-hidden': 'true' });
    this.drawGrid(svg);
    this.drawAreas(svg, state);
    if (state.metric === 'private') {
      svg.append(this.line('held', 'held'), this.line('inUse', 'inuse'));
    }
    this.drawMarks(svg);
    const p = this.recording.peak;
    if (state.metric === 'private')
      svg.append(draw('circle', { class: 'peak', r: 4.5, cx: this.x(times[p]), cy: this.y(totals[p].private) },
        draw('title', {}, `peak: ${size(totals[p].private)} at ${moment(times[p])}`)));
    if (state.base !== null) svg.append(this.upright(times[state.base], 'base'));
    svg.append(this.upright(times[state.instant], 'now'));
    this.cursor = this.upright(times[0], 'hover');
    this.cursor.setAttribute('visibility', 'hidden');
    svg.append(this.cursor);
    this.box.replaceChildren(svg, this.tip);
  }

  drawGrid(svg) {
    const step = this.step(this.top, 5, 1024), seconds = this.step(this.t1 - this.t0, 8, 60);
    for (let b = 0; b <= this.top; b += step) {
      svg.append(draw('line', { class: 'grid', x1: this.left, x2: this.width - this.right, y1: this.y(b), y2: this.y(b) }),
        draw('text', { x: this.left - 6, y: this.y(b) + 4, 'text-anchor': 'end' }, size(b)));
    }
    for (let t = Math.ceil(this.t0 / seconds) * seconds; t <= this.t1; t += seconds)
      svg.append(draw('text', { x: this.x(t), y: this.height - 6, 'text-anchor': 'middle' },
        seconds < 1 ? t.toFixed(1) + ' s' : t < 60 || seconds % 60 ? Math.round(t) + ' s' : Math.round(t / 60) + ' min'));
  }

  // A round number of which `n` or fewer fit in, in units of powers of `base`.
  step(range, n, base) {
    let unit = 1;
    while (range / unit / n > base) unit *= base;
    while (range / unit < n / 10) unit /= 10;
    const steps = [1, 2, 5, 10, 15, 20, 30, 50, 60, 100, 200, 300, 500, 1000, 2000];
    return unit * (steps.find(s => range / unit / s <= n) ?? 5000);
  }

  drawAreas(svg, state) {
    const { times, processes } = this.recording;
    const stack = new Float64Array(times.length);
    const area = (values, colour, off, title) => {
      const up = [], down = [];
      values.forEach((v, i) => {
        down.push(`${this.x(times[i]).toFixed(1)},${this.y(stack[i]).toFixed(1)}`);
        stack[i] += v;
        up.push(`${this.x(times[i]).toFixed(1)},${this.y(stack[i]).toFixed(1)}`);
      });
      if (values.some(v => v > 0))
        svg.append(draw('polygon', { class: 'area' + (off ? ' off' : ''), points: up.concat(down.reverse()).join(' '),
          style: `fill: ${colour}` }, draw('title', {}, title)));
    };
    for (const p of this.order)
      area(times.map((_, i) => this.value(i, p, state.metric)), this.colour(p),
        state.process !== null && state.process !== p, `${processes[p].pid} ${processes[p].comm}`);
    if (this.others.length)
      area(times.map((_, i) => this.others.reduce((sum, p) => sum + this.value(i, p, state.metric), 0)),
        `var(--c${COLOURS})`, state.process !== null && !this.others.includes(state.process),
        `${this.others.length} smaller processes`);
  }

  line(metric, className) {
    const points = this.recording.totals.map((t, i) =>
      `${this.x(this.recording.times[i]).toFixed(1)},${this.y(t[metric]).toFixed(1)}`);
    return draw('polyline', { class: className, points: points.join(' ') });
  }

  upright(time, className) {
    return draw('line', { class: className, x1: this.x(time), x2: this.x(time), y1: this.above - 6, y2: this.height - this.bottom });
  }

  drawMarks(svg) {
    let free = -Infinity;
    for (const m of this.recording.marks) {
      const line = this.upright(m.time, m.pid ? 'exec' : 'mark');
      line.append(draw('title', {}, `${moment(m.time)}: ${m.pid ? m.pid + ' exec ' : ''}${m.text}`));
      svg.append(line);
      if (m.pid || this.x(m.time) < free) continue;
      const label = m.text.length > 26 ? m.text.slice(0, 25) + '\u2026' : m.text;
      const right = this.x(m.time) + label.length * 6.3 > this.width - this.right;
      svg.append(draw('text', { class: 'flag', x: this.x(m.time) + (right ? -4 : 4), y: this.above - 8,
        'text-anchor': right ? 'end' : 'start' }, label));
      free = this.x(m.time) + label.length * 6.3 + 10;
    }
  }

  hover(e) {
    if (!this.state || e.target.closest?.('.tip')) return;
    const { times, processes, marks } = this.recording, i = this.instantAt(e), x = this.x(times[i]);
    this.cursor.setAttribute('x1', x);
    this.cursor.setAttribute('x2', x);
    this.cursor.setAttribute('visibility', 'visible');
    const rows = this.order.filter(p => this.value(i, p, this.state.metric) > 0).map(p => {
      const name = make('span', '', make('i', 'swatch'), `${processes[p].pid} ${processes[p].comm}`);
      name.firstChild.style.background = this.colour(p);
      return make('div', '', name, make('span', '', size(this.value(i, p, this.state.metric))));
    });
    const near = marks.filter(m => Math.abs(this.x(m.time) - x) < 6).slice(0, 4)
      .map(m => make('div', '', (m.pid ? `${m.pid} exec ` : '\u2691 ') + m.text));
    this.tip.replaceChildren(make('div', '', make('b', '', moment(times[i])),
      make('b', '', size(this.recording.totals[i][this.state.metric]))), ...rows, ...near);
    this.tip.hidden = false;
    const wide = this.tip.offsetWidth;
    this.tip.style.left = (x + 14 + wide > this.width ? x - wide - 14 : x + 14) + 'px';
    this.tip.style.top = '30px';
  }

  leave() {
    this.tip.hidden = true;
    this.cursor?.setAttribute('visibility', 'hidden');
  }
}
