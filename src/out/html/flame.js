// flame.js: the callsites of an instant as a flame graph, the outermost function on top.

class Flame {
  constructor(box, detail, unzoom, recording) {
    Object.assign(this, { box, detail, unzoom, recording, zoom: [], search: '' });
    this.row = 20;
    unzoom.addEventListener('click', () => this.zoomTo(this.root));
    box.addEventListener('click', e => { const n = this.nodes.get(e.target); if (n) this.zoomTo(n, true); });
    box.addEventListener('pointerover', e => this.describe(this.nodes.get(e.target)));
    box.addEventListener('focusin', e => this.describe(this.nodes.get(e.target)));
    box.addEventListener('keydown', e => this.key(e));
    new ResizeObserver(() => this.draw()).observe(box);
    this.nodes = new Map();
  }

  show(held, process) {
    const total = { name: 'all', bytes: 0, blocks: 0, children: new Map(), parent: null, depth: 0 };
    for (const h of held) {
      if (h.bytes <= 0) continue;
      let node = total;
      const add = (key, name, frame) => {
        let child = node.children.get(key);
        if (!child) {
          child = { name, frame, bytes: 0, blocks: 0, children: new Map(), parent: node, depth: node.depth + 1 };
          node.children.set(key, child);
        }
        child.bytes += h.bytes;
        child.blocks += h.blocks;
        node = child;
      };
      total.bytes += h.bytes;
      total.blocks += h.blocks;
      const p = this.recording.processes[h.site.process];
      if (process === null && this.recording.processes.length > 1) add('p' + h.site.process, `${p.comm} ${p.pid}`, null);
      for (let i = h.site.stack.length - 1; i >= 0; i--) {
        const f = this.recording.frames[h.site.stack[i]];
        add(f.label + '\0' + f.module, f.label, f);
      }
    }
    this.root = total;
    // Stay zoomed in on the same functions, as far as they are there.
    let at = total;
    for (const key of this.zoom) {
      if (!at.children.has(key)) break;
      at = at.children.get(key);
    }
    this.zoomTo(at);
  }

  path(node) {
    const keys = [];
    for (; node.parent; node = node.parent)
      keys.unshift([...node.parent.children].find(([, child]) => child === node)[0]);
    return keys;
  }

  zoomTo(node, focus) {
    this.current = node;
    this.zoom = this.path(node);
    this.unzoom.hidden = node === this.root;
    this.draw();
    this.describe(node);
    if (focus) this.focus(node);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!this.root || !width) return;
    this.nodes.clear();
    this.elements = new Map();
    this.deepest = 0;
    this.hits = 0;
    const list = [], above = [];
    for (let n = this.current.parent; n; n = n.parent) above.unshift(n);
    for (const n of above) list.push(this.element(n, 0, width, 'above'));
    this.place(this.current, 0, width, list);
    this.box.style.height = this.root.bytes ? (this.deepest + 1) * this.row + 'px' : '0';
    this.box.replaceChildren(...list);
    const first = this.elements.get(this.current);
    if (first) first.tabIndex = 0;
  }

  place(node, left, width, list) {
    if (width < 1) return;
    list.push(this.element(node, left, width, ''));
    const children = [...node.children.values()].sort((a, b) => b.bytes - a.bytes);
    for (const child of children) {
      const wide = width * child.bytes / node.bytes;
      this.place(child, left, wide, list);
      left += wide;
    }
  }

  element(node, left, width, className) {
    const e = make('div', className, width > 28 ? node.name : '');
    const hit = this.search && node.name.toLowerCase().includes(this.search);
    if (this.search) e.classList.add(hit ? 'hit' : 'miss');
    e.style.cssText = `left: ${left}px; width: ${Math.max(1, width)}px; top: ${node.depth * this.row}px; ` +
      `background: hsl(${this.hue(node)} var(--flame-s) var(--flame-l))`;
    e.tabIndex = -1;
    e.setAttribute('role', 'treeitem');
    e.setAttribute('aria-level', node.depth + 1);
    e.setAttribute('aria-label', this.sentence(node));
    this.deepest = Math.max(this.deepest, node.depth);
    this.nodes.set(e, node);
    this.elements.set(node, e);
    return e;
  }

  // A colour for each module, so that one sees where a library begins.
  hue(node) {
    const module = node.frame ? node.frame.module : ' ';
    let h = 17;
    for (let i = 0; i < module.length; i++) h = (h * 31 + module.charCodeAt(i)) % 3600;
    return node.frame ? h / 10 : 210;
  }

  sentence(node) {
    const share = this.root.bytes ? (100 * node.bytes / this.root.bytes).toFixed(1) + ' %' : '';
    const f = node.frame;
    const where = f ? [f.file ? `${f.file}:${f.line}` : '', f.module].filter(Boolean).join('  ') : '';
    return `${node.name}  ${size(node.bytes)} (${share}) in ${count(node.blocks)} blocks  ${where}`;
  }

  describe(node) {
    if (node) this.detail.textContent = this.sentence(node);
  }

  find(word) {
    this.search = word.trim().toLowerCase();
    this.draw();
    if (!this.search) return this.describe(this.current);
    // Bytes under a hit count once, however many hits are above one another.
    const sum = n => n.name.toLowerCase().includes(this.search) ? n.bytes
      : [...n.children.values()].reduce((s, c) => s + sum(c), 0);
    const bytes = sum(this.root);
    this.detail.textContent = `${word}: ${size(bytes)} (${(100 * bytes / (this.root.bytes || 1)).toFixed(1)} %)`;
  }

  focus(node) {
    const e = node && this.elements.get(node);
    if (!e) return;
    for (const other of this.nodes.keys()) other.tabIndex = -1;
    e.tabIndex = 0;
    e.focus();
  }

  key(e) {
    const node = this.nodes.get(e.target);
    if (!node) return;
    const drawn = list => [...list].filter(n => this.elements.has(n)).sort((a, b) => b.bytes - a.bytes);
    const beside = node.parent ? drawn(node.parent.children.values()) : [node];
    const to = { ArrowDown: drawn(node.children.values())[0], ArrowUp: node.parent,
      ArrowRight: beside[beside.indexOf(node) + 1], ArrowLeft: beside[beside.indexOf(node) - 1] };
    if (e.key in to) this.focus(to[e.key]);
    else if (e.key === 'Enter' || e.key === ' ') this.zoomTo(node, true);
    else if (e.key === 'Escape') this.zoomTo(this.root, true);
    else return;
    e.preventDefault();
  }
}
