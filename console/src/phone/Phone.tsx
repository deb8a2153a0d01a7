// A phone that shows messages as LINE shows them, drawn by the simulator's own renderer.
import { useEffect, useRef } from "react";
import { fromAccount, isWide, richMenu } from "../../../chalicelib/local/line/page/messages.js";
import type { LineMessage } from "../data";
import { t } from "../words";

const NOTHING = { tap: () => undefined, watched: () => undefined };

/** A phone whose chat is empty, with a rich menu below it. */
export function MenuPhone({ name, menu, image }: { name: string; menu: object; image: string }) {
  const wall = useRef<HTMLDivElement>(null);
  const text = JSON.stringify(menu);
  useEffect(() => {
    const drawn = richMenu(JSON.parse(text) as object, image, () => undefined, () => undefined) as HTMLElement;
    still(drawn);
    wall.current?.replaceChildren(drawn);
  }, [text, image]);
  return (
    <div className="phone" role="img" aria-label={t("phone.label")}>
      <div className="phone-bar"><bdi>{name.slice(0, 40)}</bdi></div>
      <div className="phone-empty" />
      <div className="phone-wall phone-menu" ref={wall} />
    </div>
  );
}

interface Quick {
  items?: { action?: { label?: string } }[];
}

export function Phone({ name, messages }: { name: string; messages: LineMessage[] }) {
  const wall = useRef<HTMLDivElement>(null);
  const text = JSON.stringify(messages);
  useEffect(() => {
    const node = wall.current;
    if (!node) return;
    const shown = (JSON.parse(text) as LineMessage[]).map((message) => drawn(message));
    const last = (JSON.parse(text) as LineMessage[]).at(-1);
    const quick = (last?.quickReply as Quick | undefined)?.items ?? [];
    const chips = document.createElement("div");
    chips.className = "preview-quick";
    for (const item of quick) {
      const chip = document.createElement("span");
      chip.textContent = item.action?.label ?? "";
      chips.append(chip);
    }
    node.replaceChildren(...shown, ...(quick.length ? [chips] : []));
  }, [text]);
  return (
    <div className="phone" role="img" aria-label={t("phone.label")}>
      <div className="phone-bar"><bdi>{name.slice(0, 40)}</bdi></div>
      <div className="phone-wall" ref={wall} />
    </div>
  );
}

function drawn(message: LineMessage): HTMLElement {
  const row = document.createElement("div");
  row.className = "row theirs";
  const stack = document.createElement("div");
  stack.className = isWide(message) ? "stack" : "stack narrow";
  try {
    stack.append(fromAccount(message, NOTHING) as Node);
  } catch {
    stack.append(t("phone.unsupported"));
  }
  still(stack);
  row.append(stack);
  return row;
}

/** It is a picture: nothing in it is reached by keyboard or tapped. */
function still(node: HTMLElement): void {
  for (const button of node.querySelectorAll("button")) button.disabled = true;
  for (const link of node.querySelectorAll("a")) link.removeAttribute("href");
}
