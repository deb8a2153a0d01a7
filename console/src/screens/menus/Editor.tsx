import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useMemo, useState } from "react";
import { all, ApiError, get, newId, put, remove } from "../../api/client";
import { keep } from "../../api/media";
import type { Taps } from "../../api/schema";
import { Builder } from "../../conditions/Builder";
import { CountPanel } from "../../conditions/Count";
import { audienceOf, group, toTree } from "../../conditions/model";
import { useMay, usePlace } from "../../data";
import { MenuPhone } from "../../phone/Phone";
import { go, Link, useRoute } from "../../router";
import { Stale } from "../../ui/Stale";
import { Uses } from "../../ui/Uses";
import { Button, Check, Field, Problem, Screen, Section, Select, stateOf, useDraft } from "../../ui/kit";
import { fromLocal, number, t, toLocal, zoneName, type Word } from "../../words";
import { AreaForm } from "./AreaForm";
import { type Area, type Bounds, laidOut, LAYOUTS, type Layout, MOST_AREAS, scaled, type Size, SIZES } from "./areas";
import { Canvas } from "./Canvas";
import { blank, blankAction, bodyOf, type Draft, draftOf, inOrder, load, type Menu, type Show } from "./data";
import { fitted, written } from "./picture";

export function Existing({ id }: { id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "rich-menus", id], gcTime: 0, queryFn: () => load(base, id) });
  const others = useMenus();
  if (!asked.data || !others.data) return <Screen title={t("nav.menus")} state={stateOf(asked.isError ? asked : others)} error={asked.error ?? others.error} retry={() => void asked.refetch()} />;
  const { menu, taps } = asked.data;
  if (menu.rich_menu_id) return <Kept menu={menu} />;
  return <Editor key={menu.revision} menu={menu} first={draftOf(menu, taps)} others={others.data.filter((one) => one.id !== id)} />;
}

export function Fresh() {
  const others = useMenus();
  if (!others.data) return <Screen title={t("menu.new")} state={stateOf(others)} error={others.error} retry={() => void others.refetch()} />;
  return <Editor first={blank(priorityOf(others.data, true))} others={others.data} />;
}

export function useMenus() {
  const { base } = usePlace();
  return useQuery({ queryKey: [base, "rich-menus"], queryFn: async () => inOrder(await all<Menu>(`${base}/rich-menus`)) });
}

/** A new menu for everybody is asked last, so that it hides no other; one with a condition is asked first. */
function priorityOf(others: Menu[], isForAll: boolean): number {
  const given = others.flatMap((one) => (one.show ? [one.show.priority] : []));
  if (given.length === 0) return isForAll ? 0 : 10;
  return isForAll ? Math.min(...given) - 10 : Math.max(...given) + 10;
}

/** A menu that LINE keeps already, made with another tool: shown, not drawn. */
function Kept({ menu }: { menu: Menu }) {
  const { account } = usePlace();
  return (
    <Screen title={menu.name.slice(0, 100)} state="ready" back={<Link className="back" parts={[account.id, "menus"]}>← {t("nav.menus")}</Link>}>
      <Section title={t("menu.kept")}><p>{t("menu.kept.more")}</p><p className="soft">{menu.rich_menu_id}</p></Section>
      <Uses kind="rich-menus" id={menu.id} />
    </Screen>
  );
}

function useSave(draft: Draft, menu: Menu | undefined, id: string, forget: () => void) {
  const { base, account } = usePlace();
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (overwrite: boolean) => {
      const posted = draft.rich_menu.areas.map((area) => String(area.action.data ?? ""));
      for (const [data, tap] of Object.entries(draft.taps)) {
        const n = posted.indexOf(data) + 1;
        if (n === 0 || tap.then.length === 0 || JSON.stringify(tap.then) === JSON.stringify(tap.was?.then)) continue;
        const rule = { name: t("menu.rule", { name: draft.name.slice(0, 100), n }), when: { event: "postback", match: { data } }, ...tap.was, then: tap.then };
        await put(`${base}/rules/${tap.rule}`, rule, tap.revision && !overwrite ? { "If-Match": String(tap.revision) } : {});
      }
      return put(`${base}/rich-menus/${id}`, bodyOf(draft), menu && !overwrite ? { "If-Match": String(menu.revision) } : {});
    },
    onSuccess: async () => {
      forget();
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "menus");
    },
  });
}

function Editor({ menu, first, others }: { menu?: Menu; first: Draft; others: Menu[] }) {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [id] = useState(() => menu?.id ?? newId("menu"));
  const [draft, setDraft, forget, wasKept] = useDraft<Draft>(`menu.${account.id}.${menu?.id ?? "new"}`, first);
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }));
  const save = useSave(draft, menu, id, forget);
  const client = useQueryClient();
  const away = useMutation({
    mutationFn: () => remove(`${base}/rich-menus/${id}`),
    onSuccess: async () => {
      forget();
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "menus");
    },
  });
  const error = save.error;
  const stale = error instanceof ApiError && error.status === 409 && error.currentRevision !== null;
  const about = (path: string) => (error instanceof ApiError ? error.about(path) : undefined);
  return (
    <Screen title={menu ? menu.name.slice(0, 100) : t("menu.new")} state="ready" wide back={<Link className="back" parts={[account.id, "menus"]}>← {t("nav.menus")}</Link>}
      actions={may ? <><Button onClick={() => { forget(); setDraft(first); }}>{t("draft.forget")}</Button>{menu ? <Button kind="danger" busy={away.isPending} onClick={() => away.mutate()}>{t("action.delete")}</Button> : null}<Button kind="main" busy={save.isPending} disabled={!draft.name.trim() || !draft.rich_menu.chatBarText.trim()} onClick={() => save.mutate(false)}>{t("action.save")}</Button></> : null}>
      {wasKept && JSON.stringify(draft) !== JSON.stringify(first) ? <p className="notice" role="status">{t("draft.kept")}</p> : null}
      {stale ? null : <Problem error={error ?? away.error} />}
      <div className="columns">
        <div>
          <Section title={t("menu.basics")} lead={t("menu.basics.lead")}>
            <div className="fields">
              <Field label={t("menu.name")} maxLength={200} value={draft.name} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
              <Field label={t("menu.bar")} hint={t("menu.bar.hint")} maxLength={14} value={draft.rich_menu.chatBarText} error={about("rich_menu.chatBarText")} onChange={(event) => edit({ rich_menu: { ...draft.rich_menu, chatBarText: event.target.value } })} />
            </div>
            <Check label={t("menu.selected")} checked={draft.rich_menu.selected} onChange={(event) => edit({ rich_menu: { ...draft.rich_menu, selected: event.target.checked } })} />
            <Check label={t("menu.tab")} checked={draft.alias !== null} onChange={(event) => edit({ alias: event.target.checked ? (first.alias ?? newId("tab").toLowerCase()) : null })} />
          </Section>
          <Drawing draft={draft} edit={edit} menu={menu} others={others} about={about} />
          <Who draft={draft} edit={edit} others={others} about={about} isNew={!menu} />
        </div>
        <div className="stick">
          <Section title={t("phone.title")}><MenuPhone name={account.name} menu={draft.rich_menu} image={draft.shown} /></Section>
          {menu ? <Uses kind="rich-menus" id={menu.id} /> : null}
        </div>
      </div>
      {stale && menu ? <Stale path={`${base}/rich-menus/${menu.id}`} mine={bodyOf(draft)} onOverwrite={() => save.mutate(true)} onTake={() => { forget(); location.reload(); }} onClose={() => save.reset()} /> : null}
    </Screen>
  );
}

interface Part {
  draft: Draft;
  edit: (more: Partial<Draft>) => void;
  others: Menu[];
  about: (path: string) => string | undefined;
}

function Drawing({ draft, edit, menu, others, about }: Part & { menu?: Menu }) {
  const { base } = usePlace();
  const [chosen, choose] = useState(0);
  const taps = useQuery({ queryKey: [base, "taps", menu?.id], enabled: Boolean(menu?.published_id), queryFn: () => get<Taps>(`${base}/rich-menus/${menu?.id}/taps`) });
  const { size, areas } = draft.rich_menu;
  const write = (next: Area[], more: Partial<Draft> = {}) => edit({ ...more, rich_menu: { ...draft.rich_menu, areas: next } });
  const change = (at: number, next: Area) => write(areas.map((one, place) => (place === at ? next : one)));
  const move = (at: number, bounds: Bounds) => { const one = areas[at]; if (one) change(at, { ...one, bounds }); };
  const add = (bounds: Bounds) => { if (areas.length < MOST_AREAS) { write([...areas, { bounds, action: blankAction() }]); choose(areas.length); } };
  const away = (at: number) => { write(areas.filter((_, place) => place !== at)); choose(Math.max(0, at - 1)); };
  const area = areas[chosen];
  const counted = taps.data?.areas.find((one, at) => (one.data === null ? at === chosen && !area?.action.data : one.data === area?.action.data));
  const count = !counted ? null : counted.taps === null ? t("menu.taps.unreported") : t("menu.taps", { taps: counted.taps, friends: counted.friends ?? 0 });
  return (
    <Section title={t("menu.drawing")} lead={t("menu.drawing.lead")}>
      <Layouts choose={(layout) => { write(laidOut(layout, size, areas, blankAction)); choose(0); }} />
      <Canvas size={size} areas={areas} image={draft.shown} chosen={chosen} choose={choose} change={move} add={add} remove={away} />
      <p className="soft" id="menu-keys">{t("menu.keys")}</p>
      {about("rich_menu.areas") && !area ? <p className="problem" role="alert">{about("rich_menu.areas")}</p> : null}
      <div className="toolbar">
        <Button disabled={areas.length >= MOST_AREAS} onClick={() => add({ x: 0, y: 0, width: Math.round(size.width / 3), height: Math.round(size.height / 2) })}>+ {t("menu.area.add")}</Button>
        {areas.length > 1 ? <Select label={t("menu.area.which")} value={chosen} onChange={(event) => choose(Number(event.target.value))} options={areas.map((_, at) => ({ value: String(at), label: t("menu.area", { n: at + 1 }) }))} /> : null}
      </div>
      {area ? (
        <AreaForm key={chosen} area={area} n={chosen + 1} size={size} count={count} then={draft.taps[String(area.action.data ?? "")]?.then ?? null}
          tabs={others.flatMap((one) => (one.alias ? [{ alias: one.alias, name: one.name }] : []))}
          error={(path) => about(`rich_menu.areas[${chosen}].${path ? `action.${path}` : "bounds"}`)}
          set={(next) => change(chosen, next)} remove={() => away(chosen)}
          setThen={(data, then) => edit({ taps: { ...draft.taps, [data]: { ...(draft.taps[data] ?? { rule: newId("rule") }), then } } })} />
      ) : <p className="soft">{t("menu.area.none")}</p>}
      <Picture draft={draft} edit={edit} error={about("image") ?? about("rich_menu.size")} />
    </Section>
  );
}

function Layouts({ choose }: { choose: (layout: Layout) => void }) {
  return (
    <div className="chips" role="group" aria-label={t("menu.layout")}>
      {(Object.keys(LAYOUTS) as Layout[]).map((name) => (
        <Button key={name} kind="plain" className="layout" aria-label={t(`menu.layout.${name}` as Word)} title={t(`menu.layout.${name}` as Word)} onClick={() => choose(name)}>
          <svg viewBox="0 0 60 40" aria-hidden="true">{LAYOUTS[name].map(([x, y, w, h], at) => <rect key={at} x={x * 10 + 1} y={y * 20 + 1} width={w * 10 - 2} height={h * 20 - 2} rx="2" />)}</svg>
        </Button>
      ))}
    </div>
  );
}

const named = ({ width, height }: Size) => `${width} × ${height}`;

function Picture({ draft, edit, error }: { draft: Draft; edit: (more: Partial<Draft>) => void; error?: string }) {
  const { base } = usePlace();
  const id = useId();
  const { size, areas } = draft.rich_menu;
  const resize = (to: Size) => ({ rich_menu: { ...draft.rich_menu, size: to, areas: scaled(areas, size, to) } });
  const kept = useMutation({
    mutationFn: async (file: Blob | null) => {
      const made = file ? await fitted(file, size) : { file: await written(areas, size, (n) => t("menu.area", { n })), size, isChanged: false };
      return { ...made, media: await keep(base, made.file) };
    },
    onSuccess: ({ media, size: to }) => edit({ ...resize(to), image: media.id, shown: media.url }),
  });
  const sizes = SIZES.some((one) => named(one) === named(size)) ? SIZES : [...SIZES, size];
  return (
    <div className="menu-picture">
      <h3>{t("menu.picture")}</h3>
      <div className="fields">
        <Select label={t("menu.size")} hint={t("menu.size.hint")} value={named(size)} onChange={(event) => { const to = sizes.find((one) => named(one) === event.target.value); if (to) edit({ ...resize(to), image: null, shown: "" }); }} options={sizes.map((one) => ({ value: named(one), label: named(one) }))} />
        <div className={error ? "field wrong" : "field"}>
          <label htmlFor={id}>{t("menu.image")}</label>
          <input id={id} type="file" accept="image/jpeg,image/png,image/webp" aria-describedby={`${id}-hint`} disabled={kept.isPending} onChange={(event) => {
            const [file] = event.target.files ?? [];
            if (file) kept.mutate(file);
            event.target.value = "";
          }} />
          <small id={`${id}-hint`}>{t("menu.image.hint")}</small>
          {error ? <small className="problem" role="alert">{error}</small> : null}
        </div>
      </div>
      <Button busy={kept.isPending} disabled={areas.length === 0} onClick={() => kept.mutate(null)}>{t("menu.image.write")}</Button> <span className="soft">{t("menu.image.write.hint")}</span>
      <p role="status" className="soft">{kept.isPending ? t("media.sending") : kept.data && kept.data.media.id === draft.image ? `✓ ${t(kept.data.isChanged ? "menu.image.fitted" : "media.kept", { size: number(Math.max(1, Math.round(kept.data.media.bytes / 1000))) })}` : draft.image === null ? t("menu.image.none") : ""}</p>
      <Problem error={kept.error} />
    </div>
  );
}

function Who({ draft, edit, others, about, isNew }: Part & { isNew: boolean }) {
  const { show } = draft;
  const [lastShow, setLastShow] = useState<Show>(show ?? { priority: priorityOf(others, true) });
  const [isCondition, setCondition] = useState(Boolean(show?.if));
  const root = useMemo(() => (show?.if ? toTree(show.if) : group("all")), [show?.if]);
  const [tree, setTree] = useState(root);
  const to = show === null ? "nobody" : isCondition ? "some" : "everyone";
  const write = (next: Show) => { setLastShow(next); edit({ show: next }); };
  const turn = (next: string) => {
    setCondition(next === "some");
    if (next === "nobody") return edit({ show: null });

    return write({ ...lastShow, if: next === "some" && tree.children.length ? audienceOf(tree) : null, priority: isNew ? priorityOf(others, next === "everyone") : lastShow.priority });
  };
  const localTime = (name: "from" | "until") => (show?.[name] ? toLocal(show[name] as string) : "");
  return (
    <Section title={t("menu.who")} lead={t("menu.who.lead")}>
      <Select label={t("menu.to")} value={to} error={about("show.priority")} onChange={(event) => turn(event.target.value)} options={["everyone", "some", "nobody"].map((one) => ({ value: one, label: t(`menu.to.${one}` as Word) }))} />
      {to === "some" ? <><Builder root={tree} onChange={(next) => { setTree(next); write({ ...lastShow, if: next.children.length ? audienceOf(next) : null }); }} compact /><CountPanel condition={audienceOf(tree)} />{about("show.if") ? <p className="problem" role="alert">{about("show.if")}</p> : null}</> : null}
      {show === null ? <p className="soft">{t("menu.to.nobody.more")}</p> : (
        <div className="fields">
          {(["from", "until"] as const).map((name) => <Field key={name} label={t(`menu.${name}`)} hint={t("menu.period.hint", { zone: zoneName() })} type="datetime-local" value={localTime(name)} error={about(`show.${name}`) ?? (name === "until" ? about("show") : undefined)} onChange={(event) => write({ ...lastShow, [name]: event.target.value ? fromLocal(event.target.value) : null })} />)}
        </div>
      )}
    </Section>
  );
}

export function EditorScreen() {
  const [, , id] = useRoute();
  return id === "new" ? <Fresh key="new" /> : <Existing key={id} id={id ?? ""} />;
}
