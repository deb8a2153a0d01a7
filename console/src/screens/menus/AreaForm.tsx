// One area of a rich menu: where it lies, and what a tap does.
import { useNames } from "../../data";
import { type Action, Actions } from "../../ui/Actions";
import { Area as Text, Button, Field, Icon, Select } from "../../ui/kit";
import { t, type Word } from "../../words";
import { type Area, type Bounds, OPENS, opened, PREFERENCES, type Size, sized, type TapAction } from "./areas";
import { newData } from "./data";

const KINDS = ["message", "uri", "link", "form", "preferences", "do", "switch", "datetimepicker", "clipboard", "postback"] as const;
type Kind = (typeof KINDS)[number];

interface Props {
  area: Area;
  n: number;
  size: Size;
  /** What a rule does on this tap; null: none was asked for. */
  then: Action[] | null;
  tabs: { alias: string; name: string }[];
  count: string | null;
  error: (path: string) => string | undefined;
  set: (next: Area) => void;
  setThen: (data: string, then: Action[]) => void;
  remove: () => void;
}

function kindOf(action: TapAction, then: Action[] | null): Kind | "other" {
  if (action.type === "postback") return then ? "do" : "postback";
  if (action.type === "richmenuswitch") return "switch";
  if (action.uri === PREFERENCES) return "preferences";
  const named = opened(action);
  if (named) return named.kind;
  return (KINDS as readonly string[]).includes(action.type) ? (action.type as Kind) : "other";
}

const FIRST: Record<Kind, (data: string) => TapAction> = {
  message: () => ({ type: "message", text: "" }),
  uri: () => ({ type: "uri", uri: "https://" }),
  link: () => ({ type: "uri", uri: OPENS.link("") }),
  form: () => ({ type: "uri", uri: OPENS.form("") }),
  preferences: () => ({ type: "uri", uri: PREFERENCES }),
  do: (data) => ({ type: "postback", data }),
  switch: (data) => ({ type: "richmenuswitch", richMenuAliasId: "", data }),
  datetimepicker: (data) => ({ type: "datetimepicker", data, mode: "datetime" }),
  clipboard: () => ({ type: "clipboard", clipboardText: "" }),
  postback: (data) => ({ type: "postback", data }),
};

export function AreaForm({ area, n, size, then, tabs, count, error, set, setThen, remove }: Props) {
  const { bounds, action } = area;
  const kind = kindOf(action, then);
  const of = { n };
  const write = (more: Record<string, unknown>) => set({ ...area, action: { ...action, ...more } });
  const start = (next: Kind) => {
    const made = FIRST[next](newData());
    if (next === "do") setThen(String(made.data), []);
    set({ ...area, action: action.label ? { ...made, label: action.label } : made });
  };
  const place = (name: keyof Bounds, value: string) => set({ ...area, bounds: sized({ ...bounds, [name]: Number(value) || 0 }, size) });
  const text = (name: string) => String(action[name] ?? "");
  return (
    <fieldset className="menu-form" aria-label={t("menu.area", of)}>
      <legend>{t("menu.area", of)}</legend>
      <div className="fields four">
        {(["x", "y", "width", "height"] as const).map((name) => <Field key={name} label={t(`menu.area.${name}` as Word, of)} type="number" min={name === "x" || name === "y" ? 0 : 1} max={name === "x" || name === "width" ? size.width : size.height} step={10} value={bounds[name]} onChange={(event) => place(name, event.target.value)} />)}
      </div>
      <div className="fields">
        <Select label={t("menu.area.kind", of)} value={kind} onChange={(event) => start(event.target.value as Kind)} options={[...KINDS.map((one) => ({ value: one, label: t(`menu.kind.${one}` as Word) })), ...(kind === "other" ? [{ value: "other", label: action.type }] : [])]} />
        <Field label={t("menu.area.label", of)} hint={t("menu.area.label.hint")} maxLength={20} value={text("label")} error={error("label")} onChange={(event) => write({ label: event.target.value })} />
      </div>
      {kind === "message" ? <Field label={t("menu.area.text", of)} hint={t("menu.area.text.hint")} maxLength={300} value={text("text")} error={error("text")} onChange={(event) => write({ text: event.target.value })} /> : null}
      {kind === "uri" ? <Field label={t("menu.area.uri", of)} hint={t("menu.area.uri.hint")} type="url" value={text("uri")} error={error("uri")} onChange={(event) => write({ uri: event.target.value })} /> : null}
      {kind === "link" || kind === "form" ? <Opened kind={kind} n={n} id={opened(action)?.id ?? ""} error={error("uri")} set={(id) => write({ uri: OPENS[kind](id) })} /> : null}
      {kind === "preferences" ? <p className="soft">{t("menu.area.opened.hint")}</p> : null}
      {kind === "switch" ? <Select label={t("menu.area.tab", of)} hint={t("menu.area.tab.hint")} error={error("richMenuAliasId")} value={text("richMenuAliasId")} onChange={(event) => write({ richMenuAliasId: event.target.value })} options={[{ value: "", label: t("menu.area.tab.none") }, ...tabs.map((one) => ({ value: one.alias, label: one.name }))]} /> : null}
      {kind === "datetimepicker" ? <Select label={t("menu.area.mode", of)} value={text("mode")} onChange={(event) => write({ mode: event.target.value })} options={["datetime", "date", "time"].map((one) => ({ value: one, label: t(`menu.mode.${one}` as Word) }))} /> : null}
      {kind === "clipboard" ? <Text label={t("menu.area.clipboard", of)} rows={2} maxLength={1000} value={text("clipboardText")} error={error("clipboardText")} onChange={(event) => write({ clipboardText: event.target.value })} /> : null}
      {kind === "postback" || kind === "datetimepicker" ? <Field label={t("menu.area.data", of)} hint={t("menu.area.data.hint")} maxLength={300} value={text("data")} error={error("data")} onChange={(event) => write({ data: event.target.value })} /> : null}
      {kind === "postback" || kind === "do" ? <Field label={t("menu.area.display", of)} hint={t("menu.area.display.hint")} maxLength={300} value={text("displayText")} error={error("displayText")} onChange={(event) => write({ displayText: event.target.value })} /> : null}
      {kind === "do" ? <Does then={then ?? []} set={(next) => setThen(text("data"), next)} /> : null}
      {kind === "other" ? <pre>{JSON.stringify(action, null, 1)}</pre> : null}
      {error("") ? <p className="problem" role="alert">{error("")}</p> : null}
      <div className="actions">
        {count === null ? null : <span className="soft">{count}</span>}
        <Button kind="quiet" aria-label={t("menu.area.remove", of)} onClick={remove}><Icon name="remove" /> {t("action.remove")}</Button>
      </div>
    </fieldset>
  );
}

/** Which tracked link or form it opens: behind LIFF, so that who taps is known. */
function Opened({ kind, n, id, error, set }: { kind: keyof typeof OPENS; n: number; id: string; error: string | undefined; set: (id: string) => void }) {
  const names = useNames();
  const known = (kind === "link" ? names.links : names.forms) ?? [];
  return <Select label={t(`menu.area.${kind}`, { n })} hint={t("menu.area.opened.hint")} error={error} value={id} onChange={(event) => set(event.target.value)} options={[{ value: "", label: t("menu.area.opened.none") }, ...known.map((one) => ({ value: one.id, label: one.name }))]} />;
}

function Does({ then, set }: { then: Action[]; set: (next: Action[]) => void }) {
  const names = useNames();
  return (
    <div className="menu-does">
      <h3>{t("menu.does")}</h3>
      <p className="soft">{t(then.length === 0 && (names.forms ?? []).length === 0 ? "menu.does.first" : "menu.does.more")}</p>
      <Actions then={then} set={set} />
    </div>
  );
}
