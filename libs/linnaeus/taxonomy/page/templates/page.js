"use strict";
(() => {
  // ---- What the page holds -------------------------------------------------------------------------------------
  const data = JSON.parse(document.getElementById("data").textContent);
  const contentIds = [...document.getElementById("contents").content.children].map((one) => one.textContent);
  const { nodes, points, titles, weeks } = data;
  const byId = new Map(nodes.map((node, number) => [node.id, number]));
  const NONE = -1;
  const COLOURS = 10; // then the same again in another shape
  const SHAPES = [
    "M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14z", "M2 2h12v12h-12z", "M8 1l7.5 13.5h-15z", "M8 0l7 8l-7 8l-7-8z",
  ];
  const bySize = (a, b) => nodes[b].size - nodes[a].size || (nodes[a].name < nodes[b].name ? -1 : 1);
  const children = nodes.map(() => []);
  const tops = [];
  nodes.forEach((node, number) => (node.parent === NONE ? tops : children[node.parent]).push(number));
  [tops, ...children].forEach((list) => list.sort(bySize));
  const paths = nodes.map(() => null);
  const pathOf = (number) => {
    if (!paths[number]) {
      const parent = nodes[number].parent;
      paths[number] = parent === NONE ? [number] : [...pathOf(parent), number];
    }
    return paths[number];
  };
  nodes.forEach((_, number) => pathOf(number));
  const rankOfTop = new Map(tops.map((number, rank) => [number, rank]));
  const kindOf = (number) => rankOfTop.get(paths[number][0]);
  const colourOf = (number) => kindOf(number) % COLOURS;
  const shapeOf = (number) => Math.floor(kindOf(number) / COLOURS) % SHAPES.length;
  const largest = Math.max(1, ...tops.map((number) => nodes[number].size));

  let chosen = NONE;
  const whenChosen = [];

  // ---- Small things --------------------------------------------------------------------------------------------
  const make = (tag, properties = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in made && name !== "list") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...inside.filter((one) => one !== null));
    return made;
  };
  const draw = (tag, properties = {}, ...inside) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  };
  const counted = (n) => n.toLocaleString("en");
  const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const named = (text) => make("bdi", {}, text);
  const mark = (number) =>
    draw("svg", { class: `shape k${colourOf(number)}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
      draw("path", { d: SHAPES[shapeOf(number)] }));
  const link = (number) => make("a", { href: `#node=${encodeURIComponent(nodes[number].id)}` }, named(nodes[number].name));
  const badge = () => make("span", { className: "curated", title: "A person decides of it" }, "◆ curated");

  // ---- Which node is chosen: it stands in the address, so that it can be passed on ------------------------------
  const choose = (number, isFromAddress = false) => {
    if (number === chosen) return;
    chosen = number;
    if (!isFromAddress) {
      const address = number === NONE ? "#" : `#node=${encodeURIComponent(nodes[number].id)}`;
      try { history.replaceState(null, "", address); } catch { /* an address that can't be changed is no loss */ }
    }
    whenChosen.forEach((tell) => tell(isFromAddress));
  };
  const readAddress = () => {
    const found = /^#node=(.+)$/.exec(location.hash);
    let id = null;
    try { id = found && decodeURIComponent(found[1]); } catch { /* no id of ours */ }
    choose(byId.has(id) ? byId.get(id) : NONE, true);
  };
  addEventListener("hashchange", readAddress);

  // ---- The tree (the keys are those of WAI-ARIA's tree view) ------------------------------------------------------
  const tree = document.getElementById("tree");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const items = [];
  const searched = nodes.map((node) => plain([node.name, node.id, ...node.keywords].join("\n")));

  const itemOf = (number, level) => {
    const node = nodes[number];
    const bar = make("i");
    bar.style.width = `${(100 * node.size) / largest}%`;
    const item = make("li", { role: "treeitem", tabIndex: -1, "aria-level": level, "aria-selected": "false" });
    item.setAttribute("aria-label", `${node.name}, ${counted(node.size)} contents${node.curated ? ", curated" : ""}`);
    item.append(
      make("div", { className: "row" },
        make("span", { className: "twisty" }), mark(number),
        make("span", { className: "name" }, named(node.name), node.curated ? make("span", { className: "curated" }, "◆") : null),
        make("span", { className: "bar" }, bar), make("span", { className: "count" }, counted(node.size))));
    if (children[number].length) {
      item.setAttribute("aria-expanded", "false");
      item.append(make("ul", { role: "group", hidden: true }, ...children[number].map((one) => itemOf(one, level + 1))));
    }
    item.dataset.number = number;
    items[number] = item;
    return item;
  };
  tree.append(make("ul", { role: "tree", "aria-label": "Topics" }, ...tops.map((number) => itemOf(number, 1))));

  const isOpen = (number) => items[number].getAttribute("aria-expanded") === "true";
  const open = (number, isWanted) => {
    if (!children[number].length) return;
    items[number].setAttribute("aria-expanded", String(isWanted));
    items[number].lastElementChild.hidden = !isWanted;
  };
  const numberOf = (element) => Number(element.closest("li").dataset.number);
  const seen = () => items.filter((item) => item.offsetParent !== null).sort((a, b) =>
    a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  const reach = (number) => items.forEach((item, other) => { item.tabIndex = other === number ? 0 : -1; });
  const focus = (item) => {
    if (!item) return;
    reach(numberOf(item));
    item.focus({ preventScroll: true });
    scrollTo(item);
  };
  // Within the tree's own box alone: the page stays where it is.
  const scrollTo = (item) => {
    const row = item.firstElementChild.getBoundingClientRect();
    const box = tree.getBoundingClientRect();
    if (row.top < box.top + 4) tree.scrollTop -= box.top + 4 - row.top;
    if (row.bottom > box.bottom - 4) tree.scrollTop += row.bottom - box.bottom + 4;
  };
  tree.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const number = numberOf(row);
    if (event.target.closest(".twisty") && children[number].length) open(number, !isOpen(number));
    else {
      if (number === chosen) open(number, !isOpen(number));
      else open(number, true);
      choose(number);
    }
    focus(items[number]);
  });
  tree.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest("li")) return;
    const number = numberOf(event.target);
    const rows = seen();
    const at = rows.indexOf(items[number]);
    const parent = nodes[number].parent;
    const steps = {
      ArrowDown: () => focus(rows[at + 1]),
      ArrowUp: () => focus(rows[at - 1]),
      ArrowRight: () => (children[number].length && !isOpen(number) ? open(number, true) : children[number].length && focus(rows[at + 1])),
      ArrowLeft: () => (isOpen(number) ? open(number, false) : parent !== NONE && focus(items[parent])),
      Home: () => focus(rows[0]),
      End: () => focus(rows[rows.length - 1]),
      Enter: () => choose(number),
      " ": () => choose(number),
    };
    if (!steps[event.key]) return;
    event.preventDefault();
    steps[event.key]();
  });

  const underline = (number, wanted) => {
    const holder = items[number].querySelector("bdi");
    const name = nodes[number].name;
    // Where the search changes how long a name is (accents), its place in it is not known.
    const at = wanted && plain(name).length === name.length ? plain(name).indexOf(wanted) : -1;
    holder.replaceChildren(...(at < 0 ? [name]
      : [name.slice(0, at), make("mark", {}, name.slice(at, at + wanted.length)), name.slice(at + wanted.length)]));
  };
  let openBefore = null; // which nodes were open before there was a search
  const filter = () => {
    const wanted = plain(search.value.trim());
    if (wanted && !openBefore) openBefore = nodes.map((_, number) => isOpen(number));
    if (!wanted && openBefore) {
      openBefore.forEach((was, number) => open(number, was));
      openBefore = null;
      if (chosen !== NONE) paths[chosen].slice(0, -1).forEach((number) => open(number, true));
    }
    const hits = nodes.map((_, number) => number).filter((number) => wanted && searched[number].includes(wanted));
    const kept = new Set(hits.flatMap((number) => paths[number]));
    items.forEach((item, number) => {
      item.hidden = Boolean(wanted) && !kept.has(number);
      underline(number, wanted);
      if (wanted) open(number, children[number].some((one) => kept.has(one)));
    });
    // What is below a hit can be looked at, as long as nothing in it is a hit of its own.
    hits.filter((number) => !children[number].some((one) => kept.has(one))).forEach((number) => {
      const below = [...children[number]];
      while (below.length) {
        const one = below.pop();
        items[one].hidden = false;
        below.push(...children[one]);
      }
    });
    found.textContent = wanted ? `${counted(hits.length)} of ${counted(nodes.length)} topics` : "";
    const rows = seen();
    if (rows.length && !rows.some((item) => item.tabIndex === 0)) reach(numberOf(rows[0]));
    return hits;
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) { search.value = ""; filter(); event.preventDefault(); }
    if (event.key === "ArrowDown") { focus(seen()[0]); event.preventDefault(); }
    if (event.key === "Enter") {
      const rows = new Set(filter());
      const first = seen().find((item) => rows.has(numberOf(item)));
      if (first) choose(numberOf(first));
    }
  });
  document.getElementById("open-all").addEventListener("click", () => nodes.forEach((_, number) => open(number, true)));
  document.getElementById("close-all").addEventListener("click", () => nodes.forEach((_, number) => open(number, false)));
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input")) return;
    event.preventDefault();
    search.focus();
  });
  if (tops.length) reach(tops[0]);
  whenChosen.push(() => {
    items.forEach((item, number) => item.setAttribute("aria-selected", String(number === chosen)));
    if (chosen === NONE) return;
    if (items[chosen].hidden) { search.value = ""; filter(); }
    paths[chosen].slice(0, -1).forEach((number) => open(number, true));
    reach(chosen);
    scrollTo(items[chosen]);
  });

  // ---- The map ---------------------------------------------------------------------------------------------------
  const canvas = document.getElementById("map");
  if (canvas) mapOf(canvas);

  function mapOf(canvas) {
    const tip = document.getElementById("tip");
    const pen = canvas.getContext("2d");
    const n = points.x.length;
    const MARGIN = 28;
    const CLICK = 5; // pixels that a pointer may move and still click
    const NEAR = 9; // pixels around a point that are the point
    const low = { x: Math.min(...points.x), y: Math.min(...points.y) };
    const side = { x: Math.max(1, Math.max(...points.x) - low.x), y: Math.max(1, Math.max(...points.y) - low.y) };
    const view = { zoom: 1, x: 0, y: 0 }; // x and y: pixels that the whole is moved by
    let width = 0;
    let height = 0;
    let fit = { x: 1, y: 1 };
    let near = NONE;
    let isWaiting = false;
    const belongs = points.node.map((node) => (node === NONE ? null : new Set(paths[node])));
    const groups = tops.map(() => []);
    const unplaced = [];
    points.node.forEach((node, number) => (node === NONE ? unplaced : groups[kindOf(node)]).push(number));
    const anchors = nodes.map((_, number) => anchorOf(number));

    // Where a node's name stands: the content whose place is nearest to the middle of all of them.
    function anchorOf(number) {
      const own = [];
      for (let at = 0; at < n; at++) if (belongs[at] && belongs[at].has(number)) own.push(at);
      if (!own.length) return NONE;
      const middle = (column) => column[[...own].sort((a, b) => column[a] - column[b])[own.length >> 1]];
      const x = middle(points.x);
      const y = middle(points.y);
      const off = (at) => (points.x[at] - x) ** 2 + (points.y[at] - y) ** 2;
      return own.reduce((best, at) => (off(at) < off(best) ? at : best), own[0]);
    }
    const atX = (number) => view.x + view.zoom * (MARGIN + (points.x[number] - low.x) * fit.x + fit.left);
    const atY = (number) => view.y + view.zoom * (MARGIN + (points.y[number] - low.y) * fit.y + fit.top);
    const isChosen = (number) => chosen === NONE || (belongs[number] !== null && belongs[number].has(chosen));
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    const resize = () => {
      const box = canvas.getBoundingClientRect();
      const ratio = devicePixelRatio || 1;
      width = box.width;
      height = box.height;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      // The longer side may be drawn out by a half: the map fills its frame, and what is near stays near.
      const x = Math.max(1, width - 2 * MARGIN) / side.x;
      const y = Math.max(1, height - 2 * MARGIN) / side.y;
      fit = { x: Math.min(x, 1.5 * y), y: Math.min(y, 1.5 * x) };
      fit.left = (width - 2 * MARGIN - fit.x * side.x) / 2;
      fit.top = (height - 2 * MARGIN - fit.y * side.y) / 2;
      later();
    };
    const later = () => {
      if (isWaiting) return;
      isWaiting = true;
      requestAnimationFrame(() => { isWaiting = false; paint(); });
    };
    const shape = (x, y, kind, size) => {
      if (kind === 0) { pen.moveTo(x + size, y); pen.arc(x, y, size, 0, 2 * Math.PI); }
      else if (kind === 1) pen.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
      else if (kind === 2) { pen.moveTo(x, y - size * 1.2); pen.lineTo(x + size * 1.15, y + size * 0.9); pen.lineTo(x - size * 1.15, y + size * 0.9); pen.closePath(); }
      else { pen.moveTo(x, y - size * 1.3); pen.lineTo(x + size * 1.1, y); pen.lineTo(x, y + size * 1.3); pen.lineTo(x - size * 1.1, y); pen.closePath(); }
    };
    const paintPoints = (numbers, kind, ink, size, alpha) => {
      pen.globalAlpha = alpha;
      pen.fillStyle = ink;
      pen.beginPath();
      for (const number of numbers) {
        const x = atX(number);
        const y = atY(number);
        if (x > -9 && y > -9 && x < width + 9 && y < height + 9) shape(x, y, kind, size);
      }
      pen.fill();
    };
    const paint = () => {
      pen.clearRect(0, 0, width, height);
      const crowd = n > 1500 ? 2.1 : n > 400 ? 2.8 : 3.6;
      const size = Math.min(7, crowd * Math.sqrt(view.zoom));
      pen.globalAlpha = chosen === NONE ? 0.75 : 0.2;
      pen.strokeStyle = colour("--none");
      pen.lineWidth = 1;
      pen.beginPath();
      for (const number of unplaced) {
        const x = atX(number);
        const y = atY(number);
        pen.moveTo(x - size, y - size); pen.lineTo(x + size, y + size);
        pen.moveTo(x + size, y - size); pen.lineTo(x - size, y + size);
      }
      pen.stroke();
      const inks = tops.map((number) => colour(`--c${colourOf(number)}`));
      if (chosen !== NONE) {
        groups.forEach((group, rank) =>
          paintPoints(group.filter((one) => !isChosen(one)), shapeOf(tops[rank]), inks[rank], size, 0.13));
      }
      groups.forEach((group, rank) =>
        paintPoints(group.filter(isChosen), shapeOf(tops[rank]), inks[rank], chosen === NONE ? size : size * 1.25, chosen === NONE ? 0.72 : 0.9));
      if (near !== NONE) {
        pen.globalAlpha = 1;
        pen.strokeStyle = colour("--text");
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(atX(near), atY(near), size + 3, 0, 2 * Math.PI);
        pen.stroke();
      }
      paintNames(size);
    };
    // Names that fit, the most important ones first; further in, those of lower tiers too.
    const paintNames = (size) => {
      const tiers = view.zoom < 1.8 ? 1 : view.zoom < 3 ? 2 : view.zoom < 5 ? 3 : 4;
      const wanted = chosen === NONE ? [] : [chosen, ...children[chosen]];
      const others = nodes.map((_, number) => number)
        .filter((number) => paths[number].length <= tiers)
        .sort((a, b) => paths[a].length - paths[b].length || bySize(a, b));
      const taken = [];
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      for (const number of [...new Set([...wanted, ...others])]) {
        if (anchors[number] === NONE) continue;
        const isTop = paths[number].length === 1;
        const isWanted = wanted.includes(number);
        if (chosen !== NONE && !isWanted && !isTop) continue;
        pen.font = `${number === chosen || (isTop && chosen === NONE) ? 600 : 500} ${isTop || isWanted ? 13 : 12}px system-ui, sans-serif`;
        const name = nodes[number].name;
        const text = name.length > 28 ? `${name.slice(0, 27)}…` : name;
        const half = pen.measureText(text).width / 2 + 4;
        const x = Math.min(Math.max(atX(anchors[number]), half), width - half);
        const at = atY(anchors[number]);
        const isOut = at < 0 || at > height || atX(anchors[number]) < 0 || atX(anchors[number]) > width;
        // Above the anchor, or below it where another name is in the way.
        const frameAt = (y) => [x - half, y - 10, x + half, y + 10];
        const isFree = (frame) => !taken.some((one) => frame[0] < one[2] && frame[2] > one[0] && frame[1] < one[3] && frame[3] > one[1]);
        const y = [Math.max(14, at - size - 9), Math.min(height - 14, at + size + 11)].find((one) => isFree(frameAt(one)));
        if (isOut || y === undefined) continue;
        const frame = frameAt(y);
        taken.push(frame);
        pen.globalAlpha = chosen === NONE || isWanted ? 1 : 0.55;
        pen.strokeStyle = colour("--page");
        pen.lineWidth = 4;
        pen.strokeText(text, x, y);
        pen.fillStyle = colour("--text");
        pen.fillText(text, x, y);
      }
      pen.globalAlpha = 1;
    };

    const nearest = (x, y) => {
      let best = NONE;
      let least = NEAR * NEAR;
      for (let number = 0; number < n; number++) {
        // What is dimmed does not get in the way of what is chosen.
        const off = ((atX(number) - x) ** 2 + (atY(number) - y) ** 2) * (isChosen(number) ? 1 : 2);
        if (off < least) { least = off; best = number; }
      }
      return best;
    };
    const showTip = (number) => {
      if (number !== near) later();
      near = number;
      canvas.classList.toggle("over", number !== NONE);
      tip.hidden = number === NONE;
      if (number === NONE) return;
      const node = points.node[number];
      const chance = points.percent[number] < 0 ? "" : ` (${points.percent[number]}%)`;
      const where = node === NONE ? "Unplaced: far from every topic" : `${paths[node].map((one) => nodes[one].name).join(" › ")}${chance}`;
      tip.replaceChildren(make("b", { dir: "auto" }, titles[number] || "(without a title)"), make("span", { dir: "auto" }, where),
        make("code", {}, contentIds[number]));
      const x = atX(number);
      const y = atY(number);
      const wide = tip.offsetWidth;
      const high = tip.offsetHeight;
      tip.style.left = `${Math.max(4, Math.min(width - wide - 4, x + 12))}px`;
      tip.style.top = `${y + 14 + high < height ? y + 14 : Math.max(4, y - high - 12)}px`;
    };
    const zoomBy = (factor, x = width / 2, y = height / 2) => {
      const zoom = Math.min(40, Math.max(1, view.zoom * factor));
      view.x = x - ((x - view.x) * zoom) / view.zoom;
      view.y = y - ((y - view.y) * zoom) / view.zoom;
      view.zoom = zoom;
      moveBy(0, 0);
    };
    // Half of the map stays in its frame.
    const moveBy = (x, y) => {
      view.x = Math.min(width / 2, Math.max(width / 2 - width * view.zoom, view.x + x));
      view.y = Math.min(height / 2, Math.max(height / 2 - height * view.zoom, view.y + y));
      // A finger scrolls the page where there is nothing more to see of the map.
      canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
      showTip(NONE);
      later();
    };
    const reset = () => { view.zoom = 1; view.x = 0; view.y = 0; moveBy(0, 0); };

    const held = new Map();
    let moved = 0;
    const inside = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      held.set(event.pointerId, inside(event));
      canvas.setPointerCapture(event.pointerId);
      if (held.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = inside(event);
      const before = held.get(event.pointerId);
      if (!before) { showTip(nearest(now.x, now.y)); return; }
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      const other = [...held].find(([id]) => id !== event.pointerId);
      if (other) {
        const far = (one) => Math.hypot(one.x - other[1].x, one.y - other[1].y);
        if (far(before) > 0) zoomBy(far(now) / far(before), other[1].x, other[1].y);
      } else if (moved > CLICK) {
        canvas.classList.add("held");
        moveBy(now.x - before.x, now.y - before.y);
      }
      held.set(event.pointerId, now);
    });
    const release = (event) => {
      const was = held.delete(event.pointerId);
      canvas.classList.remove("held");
      if (!was || event.type !== "pointerup" || moved > CLICK || held.size) return;
      const at = inside(event);
      const number = nearest(at.x, at.y);
      if (number !== NONE && points.node[number] !== NONE) choose(points.node[number]);
      showTip(number);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => { if (!held.size) showTip(NONE); });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      const at = inside(event);
      zoomBy(Math.exp(-event.deltaY / 300), at.x, at.y);
    }, { passive: false });
    canvas.addEventListener("dblclick", (event) => { const at = inside(event); zoomBy(2, at.x, at.y); });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const steps = {
        ArrowLeft: () => moveBy(60, 0), ArrowRight: () => moveBy(-60, 0),
        ArrowUp: () => moveBy(0, 60), ArrowDown: () => moveBy(0, -60),
        "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: reset,
        Escape: () => choose(NONE),
      };
      if (!steps[event.key]) return;
      event.preventDefault();
      steps[event.key]();
    });
    document.getElementById("zoom-in").addEventListener("click", () => zoomBy(1.5));
    document.getElementById("zoom-out").addEventListener("click", () => zoomBy(1 / 1.5));
    document.getElementById("reset").addEventListener("click", reset);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
    new ResizeObserver(resize).observe(canvas);

    // The legend: which colour and shape is which topic, and a way to choose it.
    const legend = document.getElementById("legend");
    const entries = tops.map((number) => {
      const button = make("button", { type: "button", "aria-pressed": "false" }, mark(number), make("span", {}, named(nodes[number].name)));
      button.addEventListener("click", () => choose(number === chosen ? NONE : number));
      legend.append(make("li", {}, button));
      return button;
    });
    if (unplaced.length) {
      const cross = draw("svg", { class: "shape", viewBox: "0 0 16 16", "aria-hidden": "true" },
        draw("path", { class: "cross", d: "M3 3L13 13M13 3L3 13" }));
      legend.append(make("li", {}, make("span", { className: "only" }, cross, "Unplaced")));
    }
    whenChosen.push(() => {
      entries.forEach((button, rank) => button.setAttribute("aria-pressed", String(tops[rank] === chosen)));
      showTip(NONE);
      later();
    });
  }

  // ---- What is said of the chosen node -----------------------------------------------------------------------------
  const panel = document.getElementById("node");
  const fact = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));
  const ofNothing = () => [
    make("h2", { id: "node-title" }, "No topic chosen"),
    make("p", {}, "Choose one in the tree, on the map or in the legend: its words, contents and weeks are shown here."),
  ];
  const ofNode = (number) => {
    const node = nodes[number];
    const said = [];
    const clear = make("button", { type: "button" }, "Show all");
    clear.addEventListener("click", () => choose(NONE));
    said.push(make("div", { className: "head" },
      make("h2", { id: "node-title" }, named(node.name), node.curated ? badge() : null), clear));
    const path = make("nav", { className: "path", "aria-label": "Path" });
    paths[number].forEach((one, at) => path.append(...(at ? [" › "] : []), one === number ? named(node.name) : link(one)));
    if (paths[number].length > 1) said.push(path);
    if (node.description) said.push(make("p", { dir: "auto" }, node.description));
    said.push(make("dl", {},
      fact("Id", make("code", {}, node.id)),
      fact("Contents", counted(node.size), data.placed ? make("small", {}, ` ${percent(node.size / data.placed)} of the placed`) : null),
      node.creators === null ? null : fact("Share of creators", percent(node.creators))));
    if (node.keywords.length) {
      said.push(make("h3", {}, "Keywords"),
        make("ul", { className: "words" }, ...node.keywords.map((word) => make("li", { dir: "auto" }, word))));
    }
    const columns = make("div", { className: "columns" });
    if (node.contents.length) {
      columns.append(make("div", {}, make("h3", {}, "Representative contents"),
        make("ol", {}, ...node.contents.map((one) =>
          make("li", { dir: "auto" }, titles[one] || "(without a title)", " ", make("code", {}, contentIds[one]))))));
    }
    if (children[number].length) {
      columns.append(make("div", {}, make("h3", {}, "Topics below"),
        make("ul", { className: "below" }, ...children[number].map((one) =>
          make("li", {}, link(one), make("small", {}, ` ${counted(nodes[one].size)}`))))));
    }
    if (columns.childElementCount) said.push(columns);
    const holder = node.weeks ? make("div", { className: `chart k${colourOf(number)}` }) : null;
    if (holder) said.push(make("h3", {}, "Share of each week's placed contents"), holder);
    panel.replaceChildren(...said);
    if (holder) chart(holder, node);
  };

  function chart(holder, node) {
    const { n, share } = node.weeks;
    const wide = Math.max(240, holder.clientWidth);
    const high = 150;
    const edge = { left: 46, right: 10, top: 10, bottom: 24 };
    const most = niceAbove(Math.max(1, ...share));
    const x = (at) => edge.left + (weeks.length < 2 ? 0.5 : at / (weeks.length - 1)) * (wide - edge.left - edge.right);
    const y = (value) => edge.top + (1 - value / most) * (high - edge.top - edge.bottom);
    const last = share.length - 1;
    const figure = draw("svg", { viewBox: `0 0 ${wide} ${high}`, height: high, role: "img", tabindex: 0 });
    const known = share.filter((one) => one >= 0);
    figure.setAttribute("aria-label", `From ${weeks[0]} to ${weeks[last]}: least ${percent(Math.min(...known) / 1e4)}, `
      + `most ${percent(Math.max(...known) / 1e4)}. Left and right arrow keys read single weeks.`);
    [0, most / 2, most].forEach((value) => figure.append(
      draw("line", { class: "rule", x1: edge.left, x2: wide - edge.right, y1: y(value), y2: y(value) }),
      draw("text", { x: edge.left - 6, y: y(value) + 4, "text-anchor": "end" }, percent(value / 1e4, most < 100 ? 2 : most < 1000 ? 1 : 0))));
    const marks = weeks.length < 2 ? [0] : wide < 420 ? [0, last] : [...new Set([0, Math.round(last / 2), last])];
    marks.forEach((at) => figure.append(draw("text", {
      x: x(at), y: high - 6, "text-anchor": weeks.length < 2 ? "middle" : at === 0 ? "start" : at === last ? "end" : "middle",
    }, weeks[at])));
    // A week of which there is nothing at all breaks the line; one alone is a dot.
    let run = [];
    const end = () => {
      if (run.length > 1) figure.append(draw("polyline", { class: "line", points: run.map((at) => `${x(at).toFixed(1)},${y(share[at]).toFixed(1)}`).join(" ") }));
      else run.forEach((at) => figure.append(draw("circle", { class: "dot", cx: x(at), cy: y(share[at]), r: 3 })));
      run = [];
    };
    share.forEach((value, at) => (value < 0 ? end() : run.push(at)));
    end();
    const cursor = draw("line", { class: "cursor", y1: edge.top, y2: high - edge.bottom, visibility: "hidden" });
    const dot = draw("circle", { class: "dot", r: 3.5, visibility: "hidden" });
    const reading = make("output", {});
    figure.append(cursor, dot);
    let at = last;
    const read = (wanted) => {
      at = Math.min(last, Math.max(0, wanted));
      const is = share[at] >= 0;
      cursor.setAttribute("visibility", "visible");
      cursor.setAttribute("x1", x(at));
      cursor.setAttribute("x2", x(at));
      dot.setAttribute("visibility", is ? "visible" : "hidden");
      if (is) { dot.setAttribute("cx", x(at)); dot.setAttribute("cy", y(share[at])); }
      reading.textContent = is ? `Week of ${weeks[at]}: ${percent(share[at] / 1e4, 2)}, ${counted(n[at])} contents`
        : `Week of ${weeks[at]}: nothing was published`;
    };
    figure.addEventListener("pointermove", (event) => {
      const box = figure.getBoundingClientRect();
      const along = (((event.clientX - box.left) * wide) / box.width - edge.left) / (wide - edge.left - edge.right);
      read(Math.round(along * last));
    });
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      read(at + step);
    });
    read(last);
    holder.replaceChildren(figure, reading);
  }
  function niceAbove(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 5, 10].map((one) => one * power).find((one) => one >= value);
  }

  const show = () => (chosen === NONE ? panel.replaceChildren(...ofNothing()) : ofNode(chosen));
  whenChosen.push((isFromAddress) => {
    show();
    if (isFromAddress && chosen !== NONE && panel.getBoundingClientRect().top > innerHeight) panel.scrollIntoView();
  });
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== wide && chosen !== NONE) show();
    wide = innerWidth;
  });
  show();
  readAddress();
})();
