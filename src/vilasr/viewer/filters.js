// Which rollouts are listed, and in which order. The controls and the address fragment say the same.

const SORTS = {
  "": ["As in the file", null],
  worst: ["Lowest score first", (row) => row.score ?? 2],
  best: ["Highest score first", (row) => -(row.score ?? -1)],
  longest: ["Most turns first", (row) => -row.num_turns],
  shortest: ["Fewest turns first", (row) => row.num_turns],
  tokens: ["Most tokens first", (row) => -row.num_tokens],
  slowest: ["Slowest first", (row) => -(row.seconds ?? 0)],
};

const TRAITS = {
  drew: ["drew", (row) => row.num_drawings > 0],
  still: ["did not draw", (row) => row.num_drawings === 0],
  reflected: ["reflected", (row) => row.reflected],
  errors: ["mistakes", (row) => row.num_errors > 0],
  disagrees: ["answer is not what it drew", (row) => row.agrees === false],
};

function readFilters() {
  return {
    text: byId("filter-text").value.trim().toLowerCase(),
    verdict: document.querySelector("input[name=verdict]:checked")?.value ?? "",
    status: byId("filter-status").value,
    group: byId("filter-group").value,
    sort: byId("filter-sort").value,
    traits: Object.keys(TRAITS).filter((name) => byId(`filter-${name}`)?.checked),
  };
}

function writeFilters(fragment) {
  byId("filters").reset();
  byId("filter-text").value = fragment.get("q") ?? "";
  for (const name of ["status", "group", "sort"]) {
    const control = byId(`filter-${name}`);
    control.value = fragment.get(name) ?? "";
    if (control.selectedIndex < 0) control.value = "";
  }
  for (const name of Object.keys(TRAITS)) {
    if (byId(`filter-${name}`)) byId(`filter-${name}`).checked = fragment.get(name) === "1";
  }
  const verdict = fragment.get("verdict") ?? "";
  for (const radio of document.querySelectorAll("input[name=verdict]")) radio.checked = radio.value === verdict;
  if (!document.querySelector("input[name=verdict]:checked")) document.querySelector("input[name=verdict]").checked = true;
}

function filterFragment() {
  const { text, verdict, status, group, sort, traits } = readFilters();
  const all = { q: text, verdict, status, group, sort, ...Object.fromEntries(traits.map((name) => [name, "1"])) };
  return Object.entries(all).filter(([, value]) => value);
}

function listMatching() {
  const { text, verdict, status, group, sort, traits } = readFilters();
  const wanted = traits.map((name) => TRAITS[name][1]);
  const listed = [];
  for (let number = 0; number < rows.length; number += 1) {
    const row = rows[number];
    if ((!verdict || verdictOf(row) === verdict)
      && (!status || row.status === status || endingOf(row) === status)
      && wanted.every((has) => has(row))
      && (!group || row.groups.some(([name, value]) => groupKey(name, value) === group))
      && (!text || searchable(number).includes(text))) listed.push(number);
  }
  const key = SORTS[sort]?.[1];
  return key ? listed.sort((a, b) => key(rows[a]) - key(rows[b]) || a - b) : listed;
}

function groupKey(name, value) {
  return `${name}=${value}`;
}

// --- the controls -----------------------------------------------------------------------------------------------------

function buildFilters() {
  buildVerdicts();
  buildStatuses();
  buildGroups();
  buildTraits();
  const hasTokens = rows.some((row) => row.num_tokens > 0);
  byId("filter-sort").append(...Object.entries(SORTS).filter(([name]) => name !== "tokens" || hasTokens).map(([name, [words]]) => option(name, words)));
}

function buildVerdicts() {
  const verdicts = tally(rows.map(verdictOf));
  const choices = [["", "all", rows.length], ...["right", "partly", "wrong", "unscored"].map((name) => [name, name, verdicts.get(name) ?? 0])];
  byId("filter-verdict").append(...choices.filter(([value, , num]) => !value || num).map(([value, name, num]) =>
    el("label", {}, el("input", { type: "radio", name: "verdict", value, checked: value === "" }),
      el("span", {}, name, el("span", { class: "quiet" }, ` ${num.toLocaleString("en")}`)))));
}

function buildStatuses() {
  const endings = tally(rows.map(endingOf));
  const statuses = tally(rows.map((row) => row.status));
  const several = (ending) => [...statuses.keys()].filter((status) => endingOf({ status }) === ending).length > 1;
  byId("filter-status").append(option("", "Any ending"),
    ...["answered", "truncated", "error"].filter((ending) => endings.has(ending)).flatMap((ending) => [
      option(ending, `${ending} (${endings.get(ending).toLocaleString("en")})`),
      ...[...statuses].filter(([status]) => status !== ending && endingOf({ status }) === ending).map(([status, num]) =>
        option(status, `${several(ending) ? "\u2003" : "\u2003only "}${words(status)} (${num.toLocaleString("en")})`))]));
}

function buildGroups() {
  const groups = new Map();
  for (const row of rows) {
    for (const [name, value] of row.groups) {
      if (!groups.has(name)) groups.set(name, new Map());
      groups.get(name).set(value, (groups.get(name).get(value) ?? 0) + 1);
    }
  }
  byId("filter-group").append(option("", "Any group"), ...[...groups].map(([name, values]) =>
    el("optgroup", { label: name }, [...values].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })).map(([value, num]) =>
      option(groupKey(name, value), `${value} (${num.toLocaleString("en")})`)))));
  byId("filter-group").hidden = groups.size === 0;
}

function buildTraits() {
  const counted = Object.entries(TRAITS).map(([name, [words, has]]) => [name, words, rows.filter(has).length]);
  byId("filter-traits").append(...counted.filter(([, , num]) => num > 0 && num < rows.length).map(([name, words, num]) =>
    el("label", {}, el("input", { type: "checkbox", id: `filter-${name}` }),
      el("span", {}, words, el("span", { class: "quiet" }, ` ${num.toLocaleString("en")}`)))));
}

function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function option(value, text) {
  return el("option", { value }, text);
}
