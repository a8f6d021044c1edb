// A contact sheet: a card for each sample, filtered by the type of its question.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const VIEWS = 4;

function imageName(image) {
  return image.drawn ? `Ground truth on image ${image.base}` : `Image ${image.base}`;
}

function sampleCard(sample) {
  const originals = sample.images.slice(0, sample.num_originals);
  const drawings = sample.images.slice(sample.num_originals);
  return el("article", { class: "card sample", "aria-label": sample.id },
    el("header", { class: "sample-head" },
      el("span", { class: "badge" }, words(sample.type)), el("span", { class: "sample-id", title: sample.id }, sample.id)),
    el("p", { class: "question-text", dir: "auto" }, sample.question),
    sample.options.length ? optionList(sample) : answerLine(sample),
    pictureRows(sample, originals, drawings),
    sample.says.length > 0 && el("ol", { class: "says", "aria-label": "What the demonstration says" },
      sample.says.map((text) => el("li", {}, el("span", { dir: "auto" }, text)))));
}

function optionList(sample) {
  return el("ol", { class: "options" }, sample.options.map((text, index) => {
    const letter = LETTERS[index] ?? String(index + 1);
    return el("li", { class: `option ${letter === sample.answer ? "gold" : ""}` },
      el("b", {}, letter), el("span", { class: "option-text", dir: "auto" }, text));
  }));
}

function answerLine(sample) {
  return el("p", { class: "answer-line" }, el("span", {}, "Answer"), el("strong", { dir: "auto" }, sample.answer ?? "unknown"));
}

function pictureRows(sample, originals, drawings) {
  const figures = (images) => images.map((image) => figureOf(sample, image));
  if (originals.length === 1) return el("div", { class: "pair" }, figures([...originals, ...drawings]));
  return [
    el("div", { class: originals.length > VIEWS ? "strip" : "views" }, figures(originals)),
    drawings.length > 0 && el("div", { class: "views" }, figures(drawings)),
  ];
}

function figureOf(sample, image) {
  const name = sample.num_originals > 1 ? imageName(image) : image.drawn ? "Ground truth" : "Image";
  const caption = el("figcaption", {}, name);
  if (image.picture === null) return el("figure", {}, el("p", { class: "no-picture" }, image.problem), caption);
  const marks = image.marks.length ? `; marks: ${image.marks.join(", ")}` : "";
  const picture = el("img", {
    src: pictureAddress(image), width: image.width, height: image.height, alt: `${name}${marks}`,
    decoding: "async",
  });
  const index = sample.images.indexOf(image) + 1;
  return el("figure", { class: image.drawn ? "drawn" : "" },
    el("button", { type: "button", class: "enlarge", "aria-label": `Enlarge: ${name}`, onclick: () => openZoom(sample, index) }, picture),
    caption);
}

function typeFilter(samples) {
  const counts = new Map();
  for (const { type } of samples) counts.set(type, (counts.get(type) ?? 0) + 1);
  const types = [...counts].sort(([a], [b]) => a.localeCompare(b, "en"));
  const choices = [["", "all", samples.length], ...types.map(([type, num]) => [type, words(type), num])];
  return choices.map(([value, name, num]) => el("label", {},
    el("input", { type: "radio", name: "type", value }), el("span", {}, name, el("span", { class: "quiet" }, ` ${num}`))));
}

function start() {
  const { num, about } = readData("preview");
  const samples = Array.from({ length: num }, (_, number) => readData(`sample-${number}`));
  const cards = samples.map(sampleCard);
  byId("about").textContent = about;
  byId("types").append(...typeFilter(samples));
  byId("types").hidden = new Set(samples.map(({ type }) => type)).size < 2;
  byId("samples").classList.toggle("wide", samples.some((sample) => sample.num_originals > VIEWS));
  byId("samples").append(...cards);
  const radios = [...document.querySelectorAll("input[name=type]")];
  const show = (wanted) => {
    radios.forEach((radio) => { radio.checked = radio.value === wanted; });
    samples.forEach((sample, number) => { cards[number].hidden = wanted !== "" && sample.type !== wanted; });
    document.documentElement.dataset.shown = String(cards.filter((card) => !card.hidden).length);
  };
  const recall = () => {
    const wanted = new URLSearchParams(location.hash.slice(1)).get("type") ?? "";
    show(radios.some((radio) => radio.value === wanted) ? wanted : "");
  };
  byId("types").addEventListener("change", (event) => {
    show(event.target.value);
    history.replaceState(null, "", event.target.value ? `#${new URLSearchParams({ type: event.target.value })}` : "#");
  });
  window.addEventListener("hashchange", recall);
  startZoom();
  recall();
  document.documentElement.dataset.ready = "yes";
}

start();
