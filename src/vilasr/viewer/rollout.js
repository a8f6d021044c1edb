// One rollout as elements: the question, its images, then a card for each turn.

function showRollout(rollout, total, go) {
  const figures = new Map();
  const originals = rollout.images.slice(0, rollout.num_originals);
  byId("rollout").replaceChildren(
    el("div", { class: "sheet" },
      rolloutHead(rollout, total, go),
      el("div", { class: `intro ${originals.length > 1 ? "many" : ""}` },
        questionCard(rollout),
        el("section", { class: "card originals", "aria-label": "Images" },
          originals.length > 1 && el("h3", {}, count(originals.length, "image")),
          el("div", { class: "figures" }, originals.map((image) => figureOf(image, rollout, figures))))),
      el("ol", { class: "turns" }, rollout.turns.map((turn, index) => turnCard(turn, index, rollout, figures))),
      outcome(rollout),
      rollout.metadata && el("details", { class: "card fold" },
        el("summary", {}, "Metadata of the sample"), el("pre", {}, rollout.metadata)),
      rollout.images.some((image) => image.traced) && el("p", { class: "quiet note" },
        "This page draws the marks on the clean images itself. \u201cvilasr view\u201d shows the very pixels that the model saw.")));
  byId("rollout").scrollTop = 0;
}

function rolloutHead(rollout, total, go) {
  const tokens = rollout.turns.map((turn) => turn.tokens).filter(Boolean);
  const sampled = tokens.reduce((sum, each) => sum + each.num_sampled, 0);
  const read = tokens.reduce((sum, each) => sum + each.num_context, 0);
  const drawings = rollout.turns.filter((turn) => turn.new_images.length).length;
  const errors = rollout.turns.filter((turn) => turn.error).length;
  const facts = [
    count(rollout.turns.length, "turn"),
    count(drawings, "drawing"),
    errors ? count(errors, "mistake") : null,
    rollout.reflected ? "reflected" : null,
    rollout.drawing_score === null ? null : `drawing score ${(100 * rollout.drawing_score).toFixed(0)}`,
    rollout.agrees === null ? null : rollout.agrees ? "answers what it drew" : "answers something else than it drew",
    rollout.seconds === null || rollout.seconds === 0 ? null : `${rollout.seconds.toFixed(rollout.seconds < 10 ? 1 : 0)} s`,
    tokens.length ? `${count(sampled, "token")} sampled, ${read.toLocaleString("en")} read` : null,
    `attempt ${rollout.sibling + 1}`,
    `seed ${rollout.seed}`,
  ].filter(Boolean);
  return el("header", { class: "rollout-head" },
    el("div", { class: "rollout-title" },
      el("h2", {}, rollout.id),
      total > 1 && el("div", { class: "steps" },
        el("button", { type: "button", onclick: () => go(-1), title: "Previous (k)", "aria-label": "Previous rollout" }, "\u2191"),
        el("button", { type: "button", onclick: () => go(1), title: "Next (j)", "aria-label": "Next rollout" }, "\u2193"))),
    el("p", { class: "badges" },
      verdictBadge(rollout),
      el("span", { class: `badge status ${rollout.status === "answered" ? "is-good" : "is-bad"}` }, words(rollout.status)),
      rollout.groups.map(([name, value]) => el("span", { class: "badge" }, el("span", { class: "quiet" }, `${name} `), value))),
    el("p", { class: "facts" }, facts.map((fact) => el("span", {}, fact))));
}

function verdictBadge(rollout) {
  const verdict = verdictOf(rollout);
  const score = rollout.score === null || rollout.score === 0 || rollout.score === 1 ? "" : ` ${rollout.score.toFixed(2)}`;
  return el("span", { class: `badge verdict ${verdict}` }, `${VERDICT_SIGN[verdict]} ${verdict}${score}`);
}

function questionCard(rollout) {
  const same = (text, letter) => text !== null && text.trim().toUpperCase() === letter;
  const letters = rollout.options.map((_, index) => letterOf(index));
  const isGiven = (letter) => same(rollout.answer, letter);
  const isGold = (letter) => same(rollout.gold, letter);
  const unlisted = rollout.answer !== null && !letters.some(isGiven);
  return el("section", { class: "card question", "aria-label": "Question" },
    el("p", { class: "question-text", dir: "auto" }, rollout.question),
    rollout.options.length > 0 && el("ol", { class: "options" }, rollout.options.map((text, index) => {
      const letter = letters[index];
      const state = [isGold(letter) ? "gold" : "", isGiven(letter) ? "given" : "",
        isGiven(letter) && rollout.gold !== null && !isGold(letter) ? "missed" : ""].join(" ");
      return el("li", { class: `option ${state}` },
        el("b", {}, letter), el("span", { class: "option-text", dir: "auto" }, text),
        isGiven(letter) && !isGold(letter) && el("span", { class: "tag" }, "answered"),
        isGold(letter) && el("span", { class: "tag tag-gold" }, isGiven(letter) ? "answered, right" : "right answer"));
    })),
    (rollout.options.length === 0 || unlisted) && el("dl", { class: "answers" },
      el("dt", {}, "Answered"), el("dd", { class: verdictOf(rollout) }, rollout.answer ?? "no answer"),
      rollout.gold !== null && [el("dt", {}, "Right answer"), el("dd", {}, rollout.gold)]),
    rollout.explanation && el("p", { class: "explanation", dir: "auto" }, rollout.explanation));
}

function letterOf(index) {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
}

function turnCard(turn, index, rollout, figures) {
  const images = turn.new_images.map((each) => rollout.images[each - 1]);
  const kind = turn.error ? "failed" : turn.answer !== null ? "answering" : "drawing";
  const pictures = images.map((image) => figureOf(image, rollout, figures));
  return el("li", { class: `turn ${kind}`, id: `turn-${index + 1}` },
    el("span", { class: "turn-number", "aria-hidden": "true" }, String(index + 1)),
    el("article", { class: "card", "aria-label": `Turn ${index + 1}` },
      el("div", { class: "turn-body" },
        el("div", { class: "turn-words" },
          el("header", { class: "turn-head" }, el("h3", {}, turnTitle(turn)), turnTags(turn)),
          turn.thought && el("p", { class: "thought", dir: "auto" }, turn.thought),
          turn.actions.length > 0 && actionTable(turn, images, figures),
          turn.answer !== null && el("p", { class: `answer ${verdictOf(rollout)}` },
            el("span", { class: "quiet" }, "Answer"), el("strong", { dir: "auto" }, turn.answer)),
          turn.error && el("div", { class: "callout", role: "note" },
            el("p", { class: "callout-title" }, `Told to the model: ${words(turn.error.kind)}`),
            el("p", { class: "callout-text", dir: "auto" }, turn.error.message)),
          turnFolds(turn)),
        pictures.length > 0 && el("div", { class: "figures turn-figures" }, pictures))));
}

function turnFolds(turn) {
  return el("div", { class: "folds" },
    el("details", { class: "fold", open: turn.error !== null },
      el("summary", {}, "Said, word for word"), el("pre", { dir: "auto" }, turn.text || "(nothing)")),
    turn.context.length > 0 && el("details", { class: "fold" },
      el("summary", {}, "Read before this turn"), turn.context.map((message) =>
        el("div", { class: "message" }, el("p", { class: "quiet" }, message.role), el("pre", { dir: "auto" }, message.text)))));
}

function turnTitle(turn) {
  if (turn.error) return "Made a mistake";
  if (turn.answer !== null) return "Answered";
  if (!turn.actions.length) return "Said";
  const moved = turn.actions.some((action) => action.was_px);
  const on = [...new Set(turn.actions.map((action) => action.image))];
  return `${moved ? "Corrected" : "Drew on"} image${on.length > 1 ? "s" : ""} ${on.join(", ")}`;
}

function turnTags(turn) {
  const tokens = turn.tokens;
  return el("p", { class: "turn-tags" },
    turn.finish !== "stop" && el("span", { class: "tag tag-bad" }, `cut off: ${turn.finish}`),
    !turn.learn && el("span", { class: "tag" }, "not trained"),
    tokens && el("span", { class: "quiet", title: tokenTitle(tokens) }, count(tokens.num_sampled, "token")));
}

function tokenTitle(tokens) {
  const confidence = tokens.mean_logprob === null ? "" : `, mean log-probability ${tokens.mean_logprob.toFixed(3)}`;
  return `${tokens.num_context} read before, ${tokens.num_sampled} sampled, ${tokens.num_trained} may be trained${confidence}`;
}

function actionTable(turn, images, figures) {
  const manyImages = new Set(turn.actions.map((action) => action.image)).size > 1;
  return el("table", { class: "actions" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Mark"), manyImages && el("th", { scope: "col" }, "Image"), el("th", { scope: "col" }, "Pixels"))),
    el("tbody", {}, turn.actions.map((action) => {
      const target = images.find((image) => image.parent === action.image);
      const point = (on) => () => target && figures.get(target.index)?.point(on ? action : null);
      return el("tr", { onmouseenter: point(true), onmouseleave: point(false) },
        el("td", {}, el("span", { class: "mark" }, swatch(action), el("span", { dir: "auto" }, action.label || "(no label)"))),
        manyImages && el("td", { class: "number" }, String(action.image)),
        el("td", { class: "number" }, coordinates(action.px),
          action.was_px && el("span", { class: "was" }, "was ", coordinates(action.was_px))));
    })));
}

function coordinates(px) {
  return el("span", { class: "pair" }, `${px[0]},\u00a0${px[1]} `, el("span", { class: "arrow" }, "\u2192"), ` ${px[2]},\u00a0${px[3]}`);
}

function swatch(action) {
  const colour = colourOf(action.colour);
  const shape = action.kind === "box"
    ? [svg("rect", { x: 2.5, y: 3.5, width: 15, height: 11, rx: 1.5, fill: colour, "fill-opacity": 0.2, stroke: colour, "stroke-width": 2.5 })]
    : [svg("line", { x1: 3, y1: 14, x2: 17, y2: 4, stroke: colour, "stroke-width": 2.5 }),
      svg("circle", { cx: 3.5, cy: 13.5, r: 2.5, fill: colour }), svg("circle", { cx: 16.5, cy: 4.5, r: 2.5, fill: colour })];
  return svg("svg", { class: "swatch", viewBox: "0 0 20 18", width: 20, height: 18, role: "img", "aria-label": action.kind }, ...shape);
}

function figureOf(image, rollout, figures) {
  const caption = imageName(image);
  const size = `${image.width} \u00d7 ${image.height}`;
  const figcaption = el("figcaption", {}, caption, el("span", { class: "quiet" }, size));
  if (image.picture === null) {
    return el("figure", {}, el("p", { class: "no-picture" }, image.problem), figcaption);
  }
  const marks = image.marks.length ? `; marks: ${image.marks.join(", ")}` : "";
  const picture = el("img", {
    src: pictureAddress(image), width: image.width, height: image.height,
    alt: `${caption}, ${image.width} by ${image.height} pixels${marks}`, decoding: "async", loading: "lazy",
  });
  const viewBox = `0 0 ${image.width} ${image.height}`;
  const traced = image.traced && svg("svg", { class: "overlay", viewBox, "aria-hidden": "true" }, ...traceMarks(image));
  const overlay = svg("svg", { class: "overlay", viewBox, "aria-hidden": "true" });
  figures.set(image.index, { point: (action) => overlay.replaceChildren(...(action ? [outline(action)] : [])) });
  const shown = Math.max(image.width, Math.min(320, image.width * 2));
  const figure = el("figure", {},
    el("button", { type: "button", class: "enlarge", "aria-label": `Enlarge image ${image.index}`, onclick: () => openZoom(rollout, image.index) }, picture, traced, overlay),
    figcaption);
  figure.style.setProperty("--shown", `${Math.min(shown, 640)}px`);
  return figure;
}

function imageName(image) {
  return image.parent === null ? `Image ${image.index}` : `Image ${image.index}, on image ${image.parent}`;
}

function outline(action) {
  const [x1, y1, x2, y2] = action.px;
  const group = svg("g", { class: "outline" });
  for (const layer of ["outline-halo", "outline-line"]) {
    group.append(action.kind === "box"
      ? svg("rect", { class: layer, x: x1, y: y1, width: x2 - x1, height: y2 - y1 })
      : svg("line", { class: layer, x1, y1, x2, y2 }));
  }
  return group;
}

function outcome(rollout) {
  if (rollout.status === "answered") return null;
  return el("section", { class: "card outcome", "aria-label": "How it ended" },
    el("h3", {}, `Ended without an answer: ${words(rollout.status)}`),
    rollout.reason && el("p", { dir: "auto" }, rollout.reason));
}
