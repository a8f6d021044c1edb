// The rollouts of the page: the first are there as they are, the others in packed blocks, unpacked when one is needed.

const rows = readData("rows");
const about = readData("about");
const KEPT_BLOCKS = 4;
const blocks = new Map();

// The rollout where it is at hand; else null, and `ensureRollout` fetches it.
function readRollout(number) {
  if (number < about.block_rollouts) return readData(`rollout-${number}`);
  const block = blocks.get(Math.floor(number / about.block_rollouts));
  return block ? block[number % about.block_rollouts] : null;
}

async function ensureRollout(number) {
  const key = Math.floor(number / about.block_rollouts);
  if (key > 0 && !blocks.has(key)) {
    const block = await unpack(`block-${key}`);
    blocks.set(key, block);
    if (blocks.size > KEPT_BLOCKS) blocks.delete(blocks.keys().next().value);
  }
  return readRollout(number);
}

async function unpack(id) {
  if (typeof DecompressionStream === "undefined") throw new Error("This browser cannot unpack the rollouts: take one of 2023 or later.");
  const text = atob(byId(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// --- the words of all rollouts, for the search ------------------------------------------------------------------------

const texts = new Array(rows.length).fill(null);
const search = { all: false };

// What is known of a rollout's words now: at least its id, question and answer.
function searchable(number) {
  if (texts[number] !== null) return texts[number];
  const { id, question, answer } = rows[number];
  return `${id}\n${question}\n${answer ?? ""}`.toLowerCase();
}

function wordsOf({ id, question, options, answer, reason, explanation, turns }) {
  const said = turns.map((turn) => [turn.thought || turn.text, turn.error?.message ?? "", turn.actions.map((action) => action.label)]);
  return [id, question, options, answer ?? "", reason, explanation, said].flat(Infinity).join("\n").toLowerCase();
}

// Reads every block once, one after the other, so that the page stays quick meanwhile; then calls `done`.
async function readAllWords(done) {
  const num = Math.ceil(rows.length / about.block_rollouts);
  for (let key = 0; key < num; key += 1) {
    const first = key * about.block_rollouts;
    const last = Math.min(rows.length, first + about.block_rollouts);
    const block = key > 0 ? await unpack(`block-${key}`) : null;
    for (let number = first; number < last; number += 1) texts[number] = wordsOf(block ? block[number - first] : readRollout(number));
    await new Promise((resolve) => { setTimeout(resolve, 0); });
  }
  search.all = true;
  done();
}
