// Small helpers. Text from a model or a dataset reaches the page through textContent and setAttribute only.

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter(Boolean));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function readData(id) {
  return JSON.parse(byId(id).textContent);
}

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function percent(part, whole) {
  return whole ? `${((100 * part) / whole).toFixed(1)} %` : "";
}

function words(name) {
  return name.replaceAll("_", " ");
}

function verdictOf(row) {
  if (row.right === null) return "unscored";
  if (row.right) return "right";
  return row.score !== null && row.score > 0 ? "partly" : "wrong";
}

// As the rates of a summary count them.
function endingOf(row) {
  if (row.status === "answered") return "answered";
  return row.status.startsWith("truncated") || row.status === "timeout" ? "truncated" : "error";
}

// The address of an image: of a picture inside the page, or of a file beside it.
function pictureAddress(image) {
  return typeof image.picture === "number" ? byId(`picture-${image.picture}`).textContent : image.picture;
}

const VERDICT_SIGN = { right: "\u2713", partly: "~", wrong: "\u2717", unscored: "\u2013" };
