// Random edits of random scenarios: what must hold after each. Prints what does not.
import { begin, edited, equal, insert, join, KINDS, lostBy, opened, outline, reached, redone, remove, START, target, undone, waysOf, type Definition, type Place } from "../../console/src/scenarios/model";

declare const process: { argv: string[] };
let seed = Number(process.argv[2]);
const random = (below: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * below);
};
const any = <T>(items: readonly T[]): T => items[random(items.length)] as T;
const faults: string[] = [];
const hold = (is: boolean, what: string) => void (is || faults.push(what));

const places = (found: Definition): Place[] => [START, ...Object.entries(found.nodes).flatMap(([id, step]) => waysOf(step).map(({ slot }) => ({ from: id, slot })))];

function check(found: Definition, what: string): void {
  const ids = Object.keys(found.nodes);
  for (const place of places(found)) {
    const to = target(found, place);
    hold(to === null || to in found.nodes, `${what}: a way leads to a step that is not there`);
  }
  hold(reached(found).length === ids.length, `${what}: a step to which no way leads`);
  const shown = outline(found).flatMap((row) => (row.is === "step" ? [row.id] : []));
  hold(new Set(shown).size === shown.length && shown.length === ids.length, `${what}: the outline shows each step once`);
  const adds = outline(found).filter((row) => row.is === "add").length;
  hold(adds === places(found).length, `${what}: each way has its button`);
}

for (let round = 0; round < 200; round += 1) {
  let history = opened({ name: "", start: null, nodes: {} });
  const states = [history.now];
  for (let step = 0; step < 12; step += 1) {
    const { now } = history;
    const ids = Object.keys(now.nodes);
    const place = any(places(now));
    const kind = random(10);
    let next = now;
    if (kind < 6 || ids.length === 0) {
      const id = `n${round}-${step}`;
      next = insert(now, place, id, begin(any(KINDS)));
      hold(target(next, place) === id, "insert: the way leads to the new step");
      const [first] = waysOf(next.nodes[id]!);
      hold(!first || first.to === target(now, place), "insert: what came there comes after it");
      hold(!first || lostBy(now, next).length === 0, "insert: nothing else is lost");
    } else if (kind < 8) {
      const to = any([null, ...ids]);
      next = join(now, place, to);
      if (place.from === null && to === null && !now.redirects) hold(Object.keys(next.nodes).length === 0, "join: nothing is left of what nothing begins");
    } else {
      const id = any(ids);
      const ways = waysOf(now.nodes[id]!);
      const keep = any([null, ...ways.map((way) => way.slot)]);
      next = remove(now, id, keep, random(2) === 0);
      hold(!(id in next.nodes), "remove: it is gone");
      const led = keep === null ? null : (ways.find((way) => way.slot === keep)?.to ?? null);
      for (const before of places(now)) if (target(now, before) === id && before.from !== id && (before.from === null || before.from in next.nodes) && before.slot !== "on_past") hold(target(next, before) === (led === id ? null : led), "remove: what led there leads on");
    }
    const kept = Object.values(next.redirects ?? {});
    hold(kept.every((to) => to === null || to in next.nodes), "a redirect leads to a step that is not there");
    if (kept.length === 0) check(next, `round ${round}`);
    history = edited(history, next);
    if (next !== now) states.push(next);
  }
  for (let at = states.length - 1; at > 0; at -= 1) {
    hold(equal(history.now, states[at]!), "undo: in their order");
    history = undone(history);
  }
  hold(equal(history.now, states[0]!), "undo: back to the beginning");
  for (const wanted of states.slice(1)) {
    history = redone(history);
    hold(equal(history.now, wanted), "redo: in their order");
  }
}
console.log([...new Set(faults)].slice(0, 10).join("\n"));
