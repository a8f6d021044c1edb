// The page: which rollout is shown, which are listed, and the address fragment that remembers both.

const ROW_HEIGHT = 78;
const state = { selected: 0, listed: rows.map((_, index) => index), shown: null, showing: null };

function applyFilters() {
  state.listed = listMatching();
  byId("list").scrollTop = 0;
  byId("list-space").style.height = `${state.listed.length * ROW_HEIGHT}px`;
  summarise();
  if (state.listed.length && !state.listed.includes(state.selected)) select(state.listed[0]);
  else if (!state.listed.length) showNothing();
  else if (state.shown !== state.selected) select(state.selected);
  scrollToSelected();
  fillList();
  remember();
}

function showNothing() {
  state.shown = null;
  byId("rollout").replaceChildren(el("p", { class: "empty" },
    rows.length ? "No rollout matches these filters." : "There are no rollouts in this page.",
    rows.length > 0 && el("button", { type: "button", onclick: clearFilters }, "Show all")));
}

function clearFilters() {
  byId("filters").reset();
  applyFilters();
}

function summarise() {
  const listed = state.listed.map((number) => rows[number]);
  const scored = listed.filter((row) => row.right !== null);
  const right = scored.filter((row) => row.right).length;
  const answered = listed.filter((row) => row.status === "answered").length;
  const total = listed.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
  const parts = [
    `${listed.length.toLocaleString("en")}${total} ${rows.length === 1 ? "rollout" : "rollouts"}`,
    scored.length ? `${percent(right, scored.length)} right` : null,
    listed.length ? `${percent(answered, listed.length)} answered` : null,
  ].filter(Boolean);
  byId("summary").replaceChildren(...parts.map((part) => el("span", {}, part)));
  document.documentElement.dataset.listed = String(listed.length);
}

// --- the list: only the rows in sight exist ---------------------------------------------------------------------------

function fillList() {
  const list = byId("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 4);
  const last = Math.min(state.listed.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + 4);
  const inSight = [];
  for (let place = first; place < last; place += 1) inSight.push(listRow(place));
  byId("list-space").replaceChildren(...inSight);
  const active = `row-${state.selected}`;
  if (byId(active)) list.setAttribute("aria-activedescendant", active);
  else list.removeAttribute("aria-activedescendant");
}

function listRow(place) {
  const number = state.listed[place];
  const row = rows[number];
  const verdict = verdictOf(row);
  const element = el("div", {
    class: `row ${number === state.selected ? "selected" : ""}`, id: `row-${number}`, role: "option",
    "aria-selected": String(number === state.selected), "aria-setsize": state.listed.length, "aria-posinset": place + 1,
    onclick: () => {
      select(number);
      byId("rollout").scrollIntoView({ block: "nearest" });
    },
  },
    el("span", { class: `sign ${verdict}`, title: verdict, role: "img", "aria-label": verdict }, VERDICT_SIGN[verdict]),
    el("span", { class: "row-id" }, row.id, row.sibling > 0 && el("span", { class: "quiet" }, ` #${row.sibling + 1}`)),
    el("span", { class: "row-question", dir: "auto" }, row.question),
    el("span", { class: "row-facts" },
      el("span", {}, count(row.num_turns, "turn")),
      row.num_errors > 0 && el("span", { class: "bad" }, count(row.num_errors, "mistake")),
      row.status === "answered"
        ? el("span", {}, row.right === false && row.gold !== null ? `${row.answer} instead of ${row.gold}` : `answered ${row.answer}`)
        : el("span", { class: "bad" }, words(row.status))));
  element.style.transform = `translateY(${place * ROW_HEIGHT}px)`;
  return element;
}

function scrollToSelected() {
  const list = byId("list");
  const place = state.listed.indexOf(state.selected);
  if (place < 0) return;
  const top = place * ROW_HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
}

function select(number) {
  state.selected = number;
  state.shown = number;
  const rollout = readRollout(number);
  if (rollout) show(number, rollout);
  else state.showing = ensureRollout(number).then((unpacked) => state.shown === number && show(number, unpacked)).catch(showProblem);
  scrollToSelected();
  fillList();
  remember();
}

function show(number, rollout) {
  showRollout(rollout, rows.length, go);
  document.documentElement.dataset.rollout = String(number);
}

function showProblem(error) {
  byId("rollout").replaceChildren(el("p", { class: "empty" }, error.message));
}

function go(step) {
  const place = state.listed.indexOf(state.selected) + step;
  if (place >= 0 && place < state.listed.length) select(state.listed[place]);
}

// --- the address --------------------------------------------------------------------------------------------------------

function remember() {
  const fragment = new URLSearchParams(filterFragment());
  if (state.selected) fragment.set("r", String(state.selected + 1));
  history.replaceState(null, "", `#${fragment}`);
}

async function recall() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  writeFilters(fragment);
  const number = Number.parseInt(fragment.get("r") ?? "1", 10) - 1;
  state.selected = number >= 0 && number < rows.length ? number : 0;
  state.shown = null;
  applyFilters();
  const zoomed = Number.parseInt(fragment.get("zoom") ?? "", 10);
  if (state.shown !== null && zoomed) {
    const rollout = await ensureRollout(state.shown);
    if ((rollout.images[zoomed - 1]?.picture ?? null) !== null) openZoom(rollout, zoomed);
  }
}

// --- keys, and the start ------------------------------------------------------------------------------------------------

const PAGE_KEYS = { j: () => go(1), k: () => go(-1), "/": () => byId("filter-text").focus() };
const LIST_KEYS = {
  ArrowDown: () => go(1), ArrowUp: () => go(-1), PageDown: () => go(Math.min(10, state.listed.length - 1 - state.listed.indexOf(state.selected))),
  PageUp: () => go(-Math.min(10, state.listed.indexOf(state.selected))),
  Home: () => state.listed.length && select(state.listed[0]), End: () => state.listed.length && select(state.listed.at(-1)),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("zoom").open) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const keys = document.activeElement === byId("list") ? { ...PAGE_KEYS, ...LIST_KEYS } : PAGE_KEYS;
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
}

async function start() {
  document.body.classList.toggle("single", rows.length === 1);
  buildFilters();
  byId("report").hidden = !about.report;
  if (about.report) byId("report").href = about.report;
  byId("filters").addEventListener("input", applyFilters);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("list").addEventListener("scroll", () => requestAnimationFrame(fillList), { passive: true });
  window.addEventListener("resize", fillList);
  window.addEventListener("hashchange", recall);
  document.addEventListener("keydown", onKey);
  startZoom();
  recall();
  await state.showing;
  document.documentElement.dataset.ready = "yes";
  readAllWords(() => {
    document.documentElement.dataset.searchable = "yes";
    if (readFilters().text) applyFilters();
  }).catch(showProblem);
}

start();
