// One to five message objects, each with its fields; what the fields cannot say is written as LINE's own JSON.
import { useEffect, useRef, useState } from "react";
import { type LineMessage, useNames } from "../data";
import { t, named } from "../words";
import { ImageMap } from "./ImageMap";
import { Area, Button, Field, Select } from "./kit";
import { MediaField } from "./MediaField";

const KINDS = ["text", "image", "video", "audio", "buttons", "carousel", "flex", "imagemap", "coupon"] as const;
type Kind = (typeof KINDS)[number];

interface Action {
  type: string;
  label?: string;
  uri?: string;
  text?: string;
  data?: string;
  displayText?: string;
}

const ACTIONS = ["uri", "message", "postback"];
/** Where an action keeps what it opens, says or hands over. */
const valueOf = (type: string): "uri" | "text" | "data" => (type === "uri" ? "uri" : type === "postback" ? "data" : "text");
const kindsOf = (type: string) => [...new Set([...ACTIONS, type])].map((one) => ({ value: one, label: named("message.action", one) }));
const LEAST: Record<string, string> = { uri: "https://" };

/** The same button, with another kind of action. */
function turned({ label }: Action, type: string): Action {
  return { type, label, [valueOf(type)]: LEAST[type] ?? label ?? "", ...(type === "postback" ? { displayText: label } : {}) };
}

interface Template {
  type: string;
  title?: string;
  text?: string;
  thumbnailImageUrl?: string;
  actions?: Action[];
  columns?: Template[];
}

const button = (): Action => ({ type: "uri", label: t("message.button.first"), uri: "https://" });
const column = (): Template => ({ type: "", text: "", actions: [button()] });

function begin(kind: Kind): LineMessage {
  if (kind === "text") return { type: "text", text: "" };
  if (kind === "image") return { type: "image", originalContentUrl: "", previewImageUrl: "" };
  if (kind === "video") return { type: "video", originalContentUrl: "", previewImageUrl: "" };
  if (kind === "audio") return { type: "audio", originalContentUrl: "", duration: 1000 };
  if (kind === "buttons") return { type: "template", altText: "", template: { type: "buttons", text: "", actions: [button()] } };
  if (kind === "carousel") return { type: "template", altText: "", template: { type: "carousel", columns: [strip(column()), strip(column())] } };
  if (kind === "imagemap") return { type: "imagemap", baseUrl: "", altText: "", baseSize: { width: 1040, height: 1040 }, actions: [] };
  if (kind === "coupon") return { type: "coupon", couponId: "" };
  return { type: "flex", altText: "", contents: { type: "bubble", body: { type: "box", layout: "vertical", contents: [{ type: "text", text: t("message.flex.first"), wrap: true }] } } };
}

const strip = ({ type: _type, ...rest }: Template) => rest as Template;

function kindOf(message: LineMessage): Kind | "other" {
  if (message.type === "template") {
    const inner = (message.template as Template | undefined)?.type;
    return inner === "buttons" || inner === "carousel" ? inner : "other";
  }
  return (KINDS as readonly string[]).includes(message.type) ? (message.type as Kind) : "other";
}

export function MessageEditor({ messages, onChange, about }: { messages: LineMessage[]; onChange: (next: LineMessage[]) => void; about?: (path: string) => string | undefined }) {
  const set = (at: number, message: LineMessage) => onChange(messages.map((one, place) => (place === at ? message : one)));
  const swap = (at: number, by: number) => {
    const next = [...messages];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at + by, 0, moved);
    onChange(next);
  };
  return (
    <div>
      {messages.map((message, at) => {
        const kind = kindOf(message);
        const n = { n: at + 1 };
        return (
          <fieldset key={at} aria-label={t("message.block", n)}>
            <legend>{t("message.block", n)} · {kind === "other" ? message.type : named("message.kind", kind)}</legend>
            <Block kind={kind} message={message} set={(next) => set(at, next)} error={about?.(`messages[${at}]`)} n={at + 1} />
            <div className="actions">
              <Button kind="quiet" aria-label={t("message.up", n)} disabled={at === 0} onClick={() => swap(at, -1)}>↑</Button>
              <Button kind="quiet" aria-label={t("message.down", n)} disabled={at === messages.length - 1} onClick={() => swap(at, 1)}>↓</Button>
              <Button kind="quiet" aria-label={t("message.remove", n)} onClick={() => onChange(messages.filter((_, place) => place !== at))}>✕ {t("action.remove")}</Button>
            </div>
          </fieldset>
        );
      })}
      <Add full={messages.length >= 5} add={(kind) => onChange([...messages, begin(kind)])} />
      {messages.length ? <QuickReplies message={messages[messages.length - 1] as LineMessage} set={(next) => set(messages.length - 1, next)} /> : null}
    </div>
  );
}

function Add({ full, add }: { full: boolean; add: (kind: Kind) => void }) {
  const [kind, setKind] = useState<Kind>("text");
  return (
    <div className="toolbar">
      <Select label={t("message.kind")} value={kind} disabled={full} onChange={(event) => setKind(event.target.value as Kind)} options={KINDS.map((one) => ({ value: one, label: named("message.kind", one) }))} />
      <Button disabled={full} title={full ? t("message.full") : undefined} onClick={() => add(kind)}>+ {t("message.add")}</Button>
    </div>
  );
}

function Block({ kind, message, set, error, n }: { kind: Kind | "other"; message: LineMessage; set: (next: LineMessage) => void; error?: string; n: number }) {
  if (kind === "text") return <Text message={message} set={set} error={error} n={n} />;
  if (kind === "image" || kind === "video" || kind === "audio") {
    const url = String(message.originalContentUrl ?? "");
    const preview = String(message.previewImageUrl ?? "");
    const same = kind === "image" && (preview === url || preview === "");
    return (
      <>
        <MediaField label={t(`message.${kind}`, { n })} kind={kind} url={url} thumbnail={preview} error={error}
          onMade={(made) => set({ ...message, originalContentUrl: made.url, ...(made.preview_url ? { previewImageUrl: made.preview_url } : {}), ...(kind === "audio" && made.duration_ms ? { duration: made.duration_ms } : {}) })}
          onUrl={(next) => set({ ...message, originalContentUrl: next, ...(same ? { previewImageUrl: next } : {}) })} />
        {kind === "video" ? <MediaField label={t("message.preview_image", { n })} kind="image" url={preview} onMade={(made) => set({ ...message, previewImageUrl: made.preview_url ?? made.url })} onUrl={(next) => set({ ...message, previewImageUrl: next })} /> : null}
        {kind === "audio" ? <Field label={t("message.duration", { n })} type="number" min={1} value={Math.round(Number(message.duration ?? 0) / 1000)} onChange={(event) => set({ ...message, duration: Number(event.target.value) * 1000 })} /> : null}
      </>
    );
  }
  if (kind === "imagemap") return <ImageMap message={message} set={set} error={error} n={n} />;
  if (kind === "buttons") {
    const template = message.template as Template;
    return (
      <>
        <Field label={t("message.alt")} hint={t("message.alt.hint")} value={String(message.altText ?? "")} error={error} onChange={(event) => set({ ...message, altText: event.target.value })} />
        <ColumnForm column={template} set={(next) => set({ ...message, template: next })} most={4} name="" />
      </>
    );
  }
  if (kind === "carousel") {
    const template = message.template as Template;
    const columns = template.columns ?? [];
    const write = (next: Template[]) => set({ ...message, template: { ...template, columns: next } });
    return (
      <>
        <Field label={t("message.alt")} hint={t("message.alt.hint")} value={String(message.altText ?? "")} error={error} onChange={(event) => set({ ...message, altText: event.target.value })} />
        {columns.map((one, at) => (
          <fieldset key={at}><legend>{t("message.column", { n: at + 1 })}</legend>
            <ColumnForm column={one} most={3} name={`${at + 1} `} set={(next) => write(columns.map((other, place) => (place === at ? next : other)))} />
            <Button kind="quiet" disabled={columns.length < 2} onClick={() => write(columns.filter((_, place) => place !== at))}>✕ {t("message.column.remove", { n: at + 1 })}</Button>
          </fieldset>
        ))}
        <Button kind="quiet" disabled={columns.length >= 10} onClick={() => write([...columns, strip(column())])}>+ {t("message.column.add")}</Button>
      </>
    );
  }
  if (kind === "coupon") return <CouponForm message={message} set={set} error={error} n={n} />;
  return <Json message={message} set={set} error={error} />;
}

/** A coupon by its document; an id of LINE's own stays as it is. */
function CouponForm({ message, set, error, n }: { message: LineMessage; set: (next: LineMessage) => void; error?: string; n: number }) {
  const names = useNames();
  const id = String(message.couponId ?? "");
  const known = (names.coupons ?? []).map((one) => ({ value: `{{ coupon("${one.id}") }}`, label: one.name }));
  const other = id && !known.some((one) => one.value === id) ? [{ value: id, label: t("message.coupon.other", { id }) }] : [];
  return <Select label={t("message.coupon", { n })} value={id} error={error} onChange={(event) => set({ ...message, couponId: event.target.value })} options={[{ value: "", label: t("message.coupon.none") }, ...known, ...other]} />;
}

function ColumnForm({ column: it, set, most, name }: { column: Template; set: (next: Template) => void; most: number; name: string }) {
  const actions = it.actions ?? [];
  const write = (field: "title" | "thumbnailImageUrl", value: string) => {
    const next = { ...it, [field]: value };
    if (!value) delete next[field];
    set(next);
  };
  return (
    <>
      <Field label={`${name}${t("message.title")}`} value={it.title ?? ""} maxLength={40} onChange={(event) => write("title", event.target.value)} />
      <Area label={`${name}${t("message.text")}`} rows={2} value={it.text ?? ""} onChange={(event) => set({ ...it, text: event.target.value })} />
      <MediaField label={`${name}${t("message.picture")}`} kind="image" url={it.thumbnailImageUrl ?? ""} thumbnail={it.thumbnailImageUrl} onMade={(made) => write("thumbnailImageUrl", made.url)} onUrl={(next) => write("thumbnailImageUrl", next)} />
      {actions.map((action, at) => (
        <div className="fields" key={at}>
          <Select label={`${name}${t("message.button.kind", { n: at + 1 })}`} value={action.type} onChange={(event) => set({ ...it, actions: actions.map((one, place) => (place === at ? turned(one, event.target.value) : one)) })} options={kindsOf(action.type)} />
          <Field label={`${name}${t("message.button", { n: at + 1 })}`} value={action.label ?? ""} maxLength={20} onChange={(event) => set({ ...it, actions: actions.map((one, place) => (place === at ? { ...one, label: event.target.value } : one)) })} />
          <Field label={`${name}${t(action.type === "uri" ? "message.button.uri" : action.type === "postback" ? "message.button.data" : "message.button.text", { n: at + 1 })}`} value={String(action[valueOf(action.type)] ?? "")} onChange={(event) => set({ ...it, actions: actions.map((one, place) => (place === at ? { ...one, [valueOf(one.type)]: event.target.value } : one)) })} />
        </div>
      ))}
      <div className="actions">
        <Button kind="quiet" disabled={actions.length >= most} onClick={() => set({ ...it, actions: [...actions, button()] })}>+ {t("message.button.add")}</Button>
        <Button kind="quiet" disabled={actions.length < 2} onClick={() => set({ ...it, actions: actions.slice(0, -1) })}>✕ {t("message.button.remove")}</Button>
      </div>
    </>
  );
}

function Text({ message, set, error, n }: { message: LineMessage; set: (next: LineMessage) => void; error?: string; n: number }) {
  const names = useNames();
  const box = useRef<HTMLDivElement>(null);
  const text = String(message.text ?? "");
  const variables = [
    { value: "", label: t("message.variable") },
    { value: `{{ friend.display_name | default("${t("message.customer")}") }}`, label: t("message.variable.name") },
    ...(names.attributes ?? []).map((one) => ({ value: `{{ attribute.${one.id} | default("") }}`, label: one.name.slice(0, 40) })),
    ...(names.links ?? []).map((one) => ({ value: `{{ link("${one.id}") }}`, label: `🔗 ${one.name.slice(0, 40)}` })),
  ];
  const insert = (what: string) => {
    const area = box.current?.querySelector("textarea");
    const at = area?.selectionStart ?? text.length;
    set({ ...message, text: text.slice(0, at) + what + text.slice(area?.selectionEnd ?? at) });
    area?.focus();
  };
  return (
    <div ref={box}>
      <Area label={t("message.text.of", { n })} rows={5} value={text} error={error} maxLength={5000} hint={t("message.length", { n: [...text].length })} onChange={(event) => set({ ...message, text: event.target.value })} />
      <Emoji n={n} insert={insert} />
      <Select label={t("message.insert", { n })} value="" onChange={(event) => { if (event.target.value) insert(event.target.value); }} options={variables} />
    </div>
  );
}

const EMOJI = [..."😊😄🥰😍🙏👏🎉✨🌸🌷🍀⭐💡📣📢🎁🛍💄👗💇💅🍽☕🍰🏃💪🩺📅⏰📍📞✉️🔗✅❗❓➡️⬇️❤️💚"].filter((one) => one !== "\uFE0F");

/** Little pictures that most messages have. */
function Emoji({ n, insert }: { n: number; insert: (what: string) => void }) {
  return (
    <details>
      <summary>{t("message.emoji", { n })}</summary>
      <div className="chips emoji">{EMOJI.map((one) => <Button key={one} kind="quiet" aria-label={t("message.emoji.insert", { emoji: one })} onClick={() => insert(one)}>{one}</Button>)}</div>
    </details>
  );
}

function Json({ message, set, error }: { message: LineMessage; set: (next: LineMessage) => void; error?: string }) {
  const [text, setText] = useState(() => JSON.stringify(message, null, 2));
  const [wrong, setWrong] = useState<string>();
  useEffect(() => setWrong(undefined), [message]);
  return (
    <Area label={t("message.json")} rows={12} spellCheck={false} value={text} error={wrong ?? error} onChange={(event) => {
      setText(event.target.value);
      try {
        set(JSON.parse(event.target.value) as LineMessage);
      } catch {
        setWrong(t("error.json"));
      }
    }} />
  );
}

interface QuickItem {
  type: string;
  action: Action;
}

function QuickReplies({ message, set }: { message: LineMessage; set: (next: LineMessage) => void }) {
  const items = ((message.quickReply as { items?: QuickItem[] } | undefined)?.items ?? []) as QuickItem[];
  const write = (next: QuickItem[]) => {
    const { quickReply: _gone, ...rest } = message;
    set((next.length ? { ...rest, quickReply: { items: next } } : rest) as LineMessage);
  };
  return (
    <details>
      <summary>{t("message.quick", { n: items.length })}</summary>
      {items.map((item, at) => (
        <div className="pair" key={at}>
          <Field label={t("message.quick.label", { n: at + 1 })} maxLength={20} value={item.action.label ?? ""} onChange={(event) => write(items.map((one, place) => (place === at ? { ...one, action: { ...one.action, label: event.target.value, ...(one.action.type === "message" ? { text: event.target.value } : {}) } } : one)))} />
          <Select label={t("message.quick.kind", { n: at + 1 })} value={item.action.type} onChange={(event) => write(items.map((one, place) => (place === at ? { ...one, action: turned(one.action, event.target.value) } : one)))} options={kindsOf(item.action.type)} />
          {item.action.type === "uri" || item.action.type === "postback" ? <Field label={t(item.action.type === "uri" ? "message.quick.uri" : "message.quick.data", { n: at + 1 })} value={String(item.action[valueOf(item.action.type)] ?? "")} onChange={(event) => write(items.map((one, place) => (place === at ? { ...one, action: { ...one.action, [valueOf(one.action.type)]: event.target.value } } : one)))} /> : null}
          <Button kind="quiet" aria-label={t("message.quick.remove", { n: at + 1 })} onClick={() => write(items.filter((_, place) => place !== at))}>✕</Button>
        </div>
      ))}
      <Button kind="quiet" disabled={items.length >= 13} onClick={() => write([...items, { type: "action", action: { type: "message", label: t("message.quick.first"), text: t("message.quick.first") } }])}>+ {t("message.quick.add")}</Button>
    </details>
  );
}
