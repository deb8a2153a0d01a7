// The ways by which friends come: a QR code or an address each, what newcomers get, and how many came.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { all, enc, get } from "../api/client";
import { useMay, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { type Action, Actions } from "../ui/Actions";
import { Copy } from "../ui/Copy";
import { Existing, type Stored, useDocument } from "../ui/document";
import { Qr } from "../ui/Qr";
import { Uses } from "../ui/Uses";
import { Field, Problem, Screen, Section, Select, stateOf, useLater, Words } from "../ui/kit";
import { Lines } from "./reports/charts";
import { date, dayBefore, number, percent, t, yen } from "../words";

interface Utm {
  source?: string | null;
  medium?: string | null;
  campaign?: string | null;
}

interface Draft {
  name: string;
  folder?: string | null;
  then: Action[];
  then_existing?: Action[] | null;
  utm?: Utm | null;
}

type Route = Stored & Draft & { url: string };

interface Came {
  route: string;
  friends: number;
  following: number;
  orders: number;
  revenue: number;
}

interface Report {
  items: Came[];
  exact: boolean;
}

export default function Routes() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor /> : <Existing<Route> kind="routes" id={id} title="nav.routes">{(route) => <Editor route={route} />}</Existing>;
}

/** Of those who came, the part that has blocked the account since. */
const blocked = (came: Came | undefined) => (came?.friends ? percent(1 - came.following / came.friends) : "—");

function useCame(span = "") {
  const { base } = usePlace();
  return useQuery({ queryKey: [base, "reports", "routes", span], queryFn: () => get<Report>(`${base}/reports/routes?by=first${span}`), staleTime: 30_000 });
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "routes"], queryFn: () => all<Route>(`${base}/routes`) });
  const came = useCame();
  const [folder, setFolder] = useState("");
  const items = asked.data ?? [];
  const folders = [...new Set(items.map((one) => one.folder ?? "").filter(Boolean))].sort();
  const figures = useMemo(() => new Map((came.data?.items ?? []).map((one) => [one.route, one])), [came.data]);
  const fresh = may ? <Link className="button main" parts={[account.id, "routes", "new"]}>{t("route.new")}</Link> : null;
  return (
    <Screen title={t("nav.routes")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("routes.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("routes.empty")}</h2><p>{t("routes.empty.more")}</p>{fresh}</>}>
      {folders.length ? <div className="toolbar"><Select label={t("label.folder")} value={folder} onChange={(event) => setFolder(event.target.value)} options={[{ value: "", label: t("folder.all") }, ...folders.map((one) => ({ value: one, label: one }))]} /></div> : null}
      <Problem error={came.error} />
      <div className="panel scroll bare"><table aria-label={t("nav.routes")}>
        <thead><tr><th scope="col">{t("route.name")}</th><th scope="col">{t("label.folder")}</th><th scope="col" className="number">{t("route.friends")}</th><th scope="col" className="number">{t("route.blocked")}</th></tr></thead>
        <tbody>{items.filter((one) => !folder || one.folder === folder).map((one) => (
          <tr key={one.id}>
            <th scope="row"><Link parts={[account.id, "routes", one.id]}><Words text={one.name} most={80} /></Link></th>
            <td className="soft">{one.folder ? <Words text={one.folder} most={40} /> : "—"}</td>
            <td className="number">{came.data ? number(figures.get(one.id)?.friends ?? 0) : "…"}</td>
            <td className="number">{blocked(figures.get(one.id))}</td>
          </tr>
        ))}</tbody>
      </table></div>
      {came.data && !came.data.exact ? <p className="soft">{t("figures.estimated")}</p> : null}
    </Screen>
  );
}

/** The document without what was left open. */
function bodyOf(draft: Draft): Draft {
  const { folder, utm, then_existing: existing, ...rest } = draft;
  const tags = Object.fromEntries(Object.entries(utm ?? {}).filter(([, value]) => value?.trim()));
  return { ...rest, ...(folder?.trim() ? { folder } : {}), ...(Object.keys(tags).length ? { utm: tags } : {}), ...(existing ? { then_existing: existing } : {}) };
}

function Editor({ route }: { route?: Route }) {
  const { account } = usePlace();
  const { draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "routes", stored: route, empty: { name: "", then: [] }, state: ["url"], bodyOf, gone: t("route.gone") });
  return (
    <Screen title={route ? route.name.slice(0, 100) : t("route.new")} state="ready" wide back={<Link className="back" parts={[account.id, "routes"]}>← {t("nav.routes")}</Link>} actions={actions}>
      {above}
      <div className="columns">
        <div>
          <Section title={t("route.what")}>
            <Field label={t("route.name")} value={draft.name} maxLength={100} hint={t("route.name.hint")} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <Field label={t("label.folder")} value={draft.folder ?? ""} maxLength={100} error={about("folder")} onChange={(event) => edit({ folder: event.target.value })} />
          </Section>
          <Section title={t("route.then")} lead={t("route.then.lead")}>
            <Problem error={about("then")} />
            <Actions then={draft.then} set={(then) => edit({ then })} />
          </Section>
          <Section title={t("route.existing")} lead={t("route.existing.lead")}>
            <fieldset>
              <legend className="hidden">{t("route.existing")}</legend>
              <label className="check"><input type="radio" name="existing" checked={!draft.then_existing} onChange={() => edit({ then_existing: null })} /><span>{t("route.existing.same")}</span></label>
              <label className="check"><input type="radio" name="existing" checked={Boolean(draft.then_existing)} onChange={() => edit({ then_existing: draft.then_existing ?? [] })} /><span>{t("route.existing.other")}</span></label>
            </fieldset>
            {draft.then_existing ? <><Problem error={about("then_existing")} /><Actions then={draft.then_existing} set={(then) => edit({ then_existing: then })} /></> : null}
          </Section>
          <Section title={t("route.utm")} lead={t("route.utm.lead")}>
            <div className="fields">{(["source", "medium", "campaign"] as const).map((name) => <Field key={name} label={`utm_${name}`} value={draft.utm?.[name] ?? ""} maxLength={100} error={about(`utm.${name}`)} onChange={(event) => edit({ utm: { ...draft.utm, [name]: event.target.value } })} />)}</div>
          </Section>
        </div>
        <div className="stick">
          {route ? <><Poster route={route} /><Figures route={route} /><Touches route={route} /><Uses kind="routes" id={route.id} /></> : <Section title={t("route.qr")}><p className="soft">{t("route.qr.later")}</p></Section>}
        </div>
      </div>
      {below}
    </Screen>
  );
}

/** Characters that the code of a chat may hold. */
const LONGEST_WORDS = 60;

function Poster({ route }: { route: Route }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: ["account", account.id], queryFn: () => get<{ liff_id?: string | null; login_channel_id?: string | null }>(`/accounts/${account.id}`) });
  const [opens, setOpens] = useState<"route" | "chat">("route");
  const [words, setWords] = useState(t("route.words.first"));
  const prefill = useLater(words, 400).trim();
  const isBlind = asked.data && !asked.data.liff_id && !asked.data.login_channel_id;
  return (
    <Section title={t("route.qr")}>
      {isBlind ? <p className="notice warn">{t("route.blind")} <Link parts={[account.id, "settings", "account"]}>{t("nav.settings")}</Link></p> : null}
      <Select label={t("route.opens")} value={opens} onChange={(event) => setOpens(event.target.value as typeof opens)} options={(["route", "chat"] as const).map((one) => ({ value: one, label: t(`route.opens.${one}`) }))} />
      {opens === "chat" ? <Field label={t("route.words")} value={words} maxLength={LONGEST_WORDS} hint={t("route.words.hint")} onChange={(event) => setWords(event.target.value)} /> : null}
      {opens === "route" || prefill ? <Qr path={`${base}/routes/${route.id}/qr${opens === "chat" ? `?text=${enc(prefill)}` : ""}`} name={route.name} /> : null}
      <Copy label={t("route.url")} text={route.url} />
    </Section>
  );
}

const SPANS = ["", "7", "30", "90"] as const;

function Figures({ route }: { route: Route }) {
  const { account } = usePlace();
  const [days, setDays] = useState<(typeof SPANS)[number]>("");
  const asked = useCame(days ? `&from=${dayBefore(Number(days) - 1)}&to=${dayBefore(0)}` : "");
  const came = asked.data?.items.find((one) => one.route === route.id);
  const numbers = [
    [t("route.friends"), number(came?.friends ?? 0)],
    [t("route.following"), number(came?.following ?? 0)],
    [t("route.blocked"), blocked(came)],
    [t("route.orders"), number(came?.orders ?? 0)],
    [t("route.revenue"), account.currency === "JPY" ? yen(came?.revenue ?? 0) : `${number(came?.revenue ?? 0)} ${account.currency}`],
  ];
  return (
    <Section title={t("route.figures")}>
      <Select label={t("span")} value={days} onChange={(event) => setDays(event.target.value as (typeof SPANS)[number])} options={SPANS.map((one) => ({ value: one, label: one ? t("span.days", { n: one }) : t("span.all") }))} />
      <Problem error={asked.error} />
      <dl className="kv" aria-busy={asked.isPending}>{numbers.map(([name, value]) => <div key={name} className="contents"><dt>{name}</dt><dd>{asked.data ? value : "…"}</dd></div>)}</dl>
      {asked.data && !asked.data.exact ? <p className="soft">{t("figures.estimated")}</p> : null}
    </Section>
  );
}

interface Touched {
  items: { row: string; touches: number; visitors: number }[];
  total: { touches: number; visitors: number };
}

const TOUCH_DAYS = 30;

/** How often the route was opened, day by day. */
function Touches({ route }: { route: Route }) {
  const { base } = usePlace();
  const days = Array.from({ length: TOUCH_DAYS }, (_, at) => dayBefore(TOUCH_DAYS - 1 - at));
  const asked = useQuery({ queryKey: [base, "reports", "touches", route.id], queryFn: () => get<Touched>(`${base}/reports/touches?group_by=day&route=${enc(route.id)}&from=${days[0]}&to=${dayBefore(0)}`), staleTime: 30_000 });
  const rows = new Map((asked.data?.items ?? []).map((one) => [one.row, one]));
  const day = (of: string) => date(`${of}T12:00:00Z`);
  return (
    <Section title={t("route.touches")} lead={t("route.touches.lead", { n: TOUCH_DAYS })}>
      <Problem error={asked.error} />
      {asked.data ? <p>{t("route.touches.n", asked.data.total)}</p> : null}
      {asked.data?.total.touches ? (
        <>
          <Lines narrow labels={days.map(day)} series={(["touches", "visitors"] as const).map((name) => ({ name: t(`route.touches.${name}`), values: days.map((of) => rows.get(of)?.[name] ?? 0) }))} />
          <details>
            <summary>{t("route.touches.days")}</summary>
            <table aria-label={t("route.touches")}>
              <thead><tr><th scope="col">{t("date")}</th><th scope="col" className="number">{t("route.touches.touches")}</th><th scope="col" className="number">{t("route.touches.visitors")}</th></tr></thead>
              <tbody>{[...rows.values()].reverse().map((one) => <tr key={one.row}><th scope="row">{day(one.row)}</th><td className="number">{number(one.touches)}</td><td className="number">{number(one.visitors)}</td></tr>)}</tbody>
            </table>
          </details>
        </>
      ) : null}
    </Section>
  );
}
