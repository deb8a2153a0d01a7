// The segment builder: groups nested as deep as one likes, moved by buttons, by keyboard and by drag.
import { createContext, useContext, useId, useMemo, useRef, useState } from "react";
import { useNames } from "../data";
import { Area, Button, Dialog, Field, Icon, Select } from "../ui/kit";
import { t } from "../words";
import { KINDS, kindOf, type LeafKind } from "./leaves";
import { add, change, copy, find, group, leaf, move, parentOf, place, type Condition, type Group, type Leaf, type Node, type Op } from "./model";
import { leafText, rootSentence } from "./sentence";

interface Tools {
  root: Group;
  edit: (next: Group) => void;
  open: string | null;
  setOpen: (key: string | null) => void;
  pick: (group: string) => void;
  numbers: Map<string, number>;
  marks?: Map<string, boolean>;
  values?: Map<string, string>;
  drag: { key: string | null };
}

const ToolsContext = createContext<Tools | null>(null);
const useTools = () => useContext(ToolsContext) as Tools;

function numbersOf(root: Group): Map<string, number> {
  const found = new Map<string, number>();
  const walk = (node: Node) => {
    if (node.kind === "leaf") return;
    found.set(node.key, found.size + 1);
    node.children.forEach(walk);
  };
  walk(root);
  return found;
}

interface Props {
  root: Group;
  onChange: (next: Group) => void;
  marks?: Map<string, boolean>;
  values?: Map<string, string>;
  compact?: boolean;
}

export function Builder({ root, onChange, marks, values, compact }: Props) {
  const names = useNames();
  const past = useRef<Group[]>([]);
  const future = useRef<Group[]>([]);
  const [open, setOpen] = useState<string | null>(null);
  const [picking, setPicking] = useState<string | null>(null);
  const drag = useRef<{ key: string | null }>({ key: null });
  const numbers = useMemo(() => numbersOf(root), [root]);
  const edit = (next: Group) => {
    if (next === root) return;
    past.current = [...past.current.slice(-99), root];
    future.current = [];
    onChange(next);
  };
  const step = (from: React.RefObject<Group[]>, into: React.RefObject<Group[]>) => {
    const next = from.current.at(-1);
    if (!next) return;
    from.current = from.current.slice(0, -1);
    into.current = [...into.current, root];
    onChange(next);
  };
  const tools: Tools = { root, edit, open, setOpen, pick: setPicking, numbers, marks, values, drag: drag.current };
  const pickLeaf = (kind: LeafKind) => {
    const value = kind.first(names);
    if (value === null || picking === null) return;
    const made = leaf({ [kind.leaf]: value });
    edit(add(root, picking, made));
    setOpen(made.key);
    setPicking(null);
  };
  return (
    <ToolsContext.Provider value={tools}>
      <div className="builder">
        <div className="builder-bar">
          <Button kind="quiet" onClick={() => step(past, future)} disabled={past.current.length === 0}>↶ {t("builder.undo")}</Button>
          <Button kind="quiet" onClick={() => step(future, past)} disabled={future.current.length === 0}>↷ {t("builder.redo")}</Button>
        </div>
        <GroupView node={root} depth={0} />
        {compact ? <p className="sentence" aria-live="polite">{rootSentence(root, names)}</p> : null}
      </div>
      {picking === null ? null : <Picker onPick={pickLeaf} onClose={() => setPicking(null)} />}
    </ToolsContext.Provider>
  );
}

function GroupView({ node, depth }: { node: Group; depth: number }) {
  const { edit, root, pick, numbers, drag, marks, open } = useTools();
  const n = numbers.get(node.key) ?? 1;
  const name = t("builder.group", { n });
  const id = useId();
  const mark = marks?.get(node.key);
  const drop = (at: number) => (event: React.DragEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const moved = drag.key ? find(root, drag.key) : null;
    if (moved) edit(place(root, moved, node.key, at));
    drag.key = null;
  };
  return (
    <div className={`group depth-${depth % 3} op-${node.op}`} role="group" aria-labelledby={id} draggable={depth > 0 && open === null} onDragStart={grip(drag, node)} onDragOver={(event) => event.preventDefault()} onDrop={drop(node.children.length)}>
      <div className="group-head">
        <strong id={id}>{name}{mark === undefined ? null : <Mark value={mark} />}</strong>
        <Select label={t("builder.op", { group: name })} hideLabel value={node.op} onChange={(event) => edit(change(root, node.key, (found) => ({ ...(found as Group), op: event.target.value as Op })))} options={[{ value: "all", label: t("builder.all") }, { value: "any", label: t("builder.any") }, { value: "none", label: t("builder.none") }]} />
        {depth > 0 ? <Moves node={node} name={name} /> : null}
      </div>
      {node.children.length === 0 ? <p className="soft">{depth === 0 ? t("builder.empty") : t("builder.empty.group")}</p> : null}
      <ul>
        {node.children.map((child, at) => (
          <li key={child.key} onDragOver={(event) => event.preventDefault()} onDrop={drop(at)}>
            {at > 0 ? <span className="joint">{t(node.op === "all" ? "say.and.word" : "say.or.word")}</span> : null}
            {child.kind === "leaf" ? <LeafView node={child} /> : <GroupView node={child} depth={depth + 1} />}
          </li>
        ))}
      </ul>
      <div className="group-foot">
        <Button kind="plain" onClick={() => pick(node.key)}>+ {t("builder.add", { group: name })}</Button>
        <Button kind="quiet" onClick={() => edit(add(root, node.key, group(node.op === "all" ? "any" : "all")))}>+ {t("builder.add.group", { group: name })}</Button>
      </div>
    </div>
  );
}

/** A row or a group that is dragged; buttons do the same. */
const grip = (drag: Tools["drag"], node: Node) => (event: React.DragEvent) => {
  event.stopPropagation();
  drag.key = node.key;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", node.key);
};

function Mark({ value }: { value: boolean }) {
  return <span className={value ? "mark yes" : "mark no"}> {value ? "✓" : "✗"}<span className="hidden">{t(value ? "why.yes" : "why.no")}</span></span>;
}

function LeafView({ node }: { node: Leaf }) {
  const { open, setOpen, edit, root, drag, marks, values } = useTools();
  const names = useNames();
  const kind = kindOf(node.condition);
  const text = leafText(node.condition, names, node.negated);
  const [key = ""] = Object.keys(node.condition);
  const isOpen = open === node.key;
  const mark = marks?.get(node.key);
  const set = (value: unknown) => edit(change(root, node.key, (found) => ({ ...(found as Leaf), condition: { [key]: clean(value) } })));
  return (
    <div className={`leaf ${isOpen ? "open" : ""}`} draggable={!isOpen} onDragStart={grip(drag, node)}>
      <div className="leaf-head">
        <span className="grip" aria-hidden="true">⋮⋮</span>
        {mark === undefined ? null : <Mark value={mark} />}
        <button type="button" className="leaf-text" aria-expanded={isOpen} aria-label={t("builder.edit", { text })} onClick={() => setOpen(isOpen ? null : node.key)}>{text}</button>
        {values?.has(node.key) ? <span className="seen">{t("why.seen", { value: values.get(node.key) ?? "" })}</span> : null}
        <Moves node={node} name={text} />
      </div>
      {isOpen ? (
        <div className="leaf-form">
          <Select label={t("builder.negate")} value={node.negated ? "no" : "yes"} onChange={(event) => edit(change(root, node.key, (found) => ({ ...(found as Leaf), negated: event.target.value === "no" })))} options={[{ value: "yes", label: t("builder.holds") }, { value: "no", label: t("builder.holds.not") }]} />
          {kind ? kind.form({ value: node.condition[key] as never, names, set }) : <Raw condition={node.condition} set={(condition) => edit(change(root, node.key, (found) => ({ ...(found as Leaf), condition })))} />}
          <Button kind="main" onClick={() => setOpen(null)}>{t("builder.done")}</Button>
        </div>
      ) : null}
    </div>
  );
}

function clean(value: unknown): unknown {
  if (!value || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}

function Raw({ condition, set }: { condition: Condition; set: (condition: Condition) => void }) {
  const [text, setText] = useState(JSON.stringify(condition));
  const [wrong, setWrong] = useState<string>();
  return (
    <Area label={t("builder.raw")} rows={3} value={text} error={wrong} onChange={(event) => {
      setText(event.target.value);
      try {
        set(JSON.parse(event.target.value) as Condition);
        setWrong(undefined);
      } catch {
        setWrong(t("error.json"));
      }
    }} />
  );
}

function Moves({ node, name }: { node: Node; name: string }) {
  const { root, edit } = useTools();
  const into = (found: Group | null) => found;
  return (
    <span className="moves">
      <Button kind="quiet" aria-label={t("builder.up", { name })} title={t("builder.up.short")} onClick={() => edit(move(root, node.key, -1))}><Icon name="up" /></Button>
      <Button kind="quiet" aria-label={t("builder.down", { name })} title={t("builder.down.short")} onClick={() => edit(move(root, node.key, 1))}><Icon name="down" /></Button>
      <Button kind="quiet" aria-label={t("builder.copy", { name })} title={t("builder.copy.short")} onClick={() => {
        const parent = into(parentOf(root, node.key));
        if (!parent) return;
        const at = parent.children.findIndex((child) => child.key === node.key);
        edit(place(root, copy(node), parent.key, at + 1));
      }}><Icon name="copy" /></Button>
      <Button kind="quiet" aria-label={t("builder.remove", { name })} title={t("builder.remove.short")} onClick={() => edit(change(root, node.key, () => null))}><Icon name="remove" /></Button>
    </span>
  );
}

function Picker({ onPick, onClose }: { onPick: (kind: LeafKind) => void; onClose: () => void }) {
  const names = useNames();
  const [text, setText] = useState("");
  const shown = KINDS.filter((kind) => `${t(kind.label)} ${t(kind.category)}`.toLowerCase().includes(text.trim().toLowerCase()));
  const categories = [...new Set(shown.map((kind) => kind.category))];
  return (
    <Dialog title={t("picker.title")} onClose={onClose}>
      <Field label={t("picker.search")} type="search" autoFocus value={text} onChange={(event) => setText(event.target.value)} />
      <div className="picker">
        {categories.map((category) => (
          <section key={category}>
            <h3>{t(category)}</h3>
            {shown.filter((kind) => kind.category === category).map((kind) => {
              const nothing = kind.first(names) === null;
              return <Button key={kind.id} kind="plain" disabled={nothing} title={nothing ? t("picker.nothing") : undefined} onClick={() => onPick(kind)}>{t(kind.label)}</Button>;
            })}
          </section>
        ))}
        {shown.length === 0 ? <p className="soft">{t("picker.none")}</p> : null}
      </div>
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.close")}</Button></div>
    </Dialog>
  );
}
