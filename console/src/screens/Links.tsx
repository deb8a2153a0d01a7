// Tracked links: an address whose clicks are known friend by friend; where it is used, who clicked, what a click does.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { all, enc, get, type Page } from "../api/client";
import { type Broadcast, nameOf, useMay, useNames, usePlace } from "../data";
import { Link, to, useRoute } from "../router";
import { Copy } from "../ui/Copy";
import { Existing, type Stored, useDocument } from "../ui/document";
import { FriendName } from "../ui/FriendName";
import { Button, Chip, Field, Problem, Screen, Section, Select, stateOf, Words } from "../ui/kit";
import { Uses } from "../ui/Uses";
import { dayBefore, number, t } from "../words";

interface Utm {
  source?: string | null;
  medium?: string | null;
  campaign?: string | null;
}

interface Draft {
  name: string;
  url: string;
  tags?: string[];
  utm?: Utm | null;
}

type Tracked = Stored & Draft & { address: string | null; liff_address: string | null };

interface Clicks {
  row: string;
  clicks: number;
  clickers: number;
}

const SPANS = [7, 30, 90, 365];

export default function Links() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor /> : <Existing<Tracked> kind="links" id={id} title="nav.links">{(link) => <Editor link={{ ...link, name: link.name ?? "" }} />}</Existing>;
}

/** Clicks of the last days: of all links, or what else is asked. */
function useClicks(days: number, more = "") {
  const { base } = usePlace();
  const from = dayBefore(days - 1);
  return useQuery({ queryKey: [base, "reports", "links", from, more], queryFn: () => get<{ items: Clicks[]; total: { clicks: number; clickers: number } | null }>(`${base}/reports/links?from=${from}${more}`), refetchInterval: 30_000 });
}

const Days = ({ days, set }: { days: number; set: (days: number) => void }) => (
  <Select label={t("span")} value={days} onChange={(event) => set(Number(event.target.value))} options={SPANS.map((n) => ({ value: String(n), label: t("link.days", { n }) }))} />
);

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const [days, setDays] = useState(30);
  const asked = useQuery({ queryKey: [base, "links"], queryFn: () => all<Tracked>(`${base}/links`) });
  const clicks = useClicks(days);
  const found = new Map((clicks.data?.items ?? []).map((one) => [one.row, one]));
  const items = [...(asked.data ?? [])].sort((one, other) => (found.get(other.id)?.clicks ?? 0) - (found.get(one.id)?.clicks ?? 0));
  const fresh = may ? <Link className="button main" parts={[account.id, "links", "new"]}>{t("link.new")}</Link> : null;
  return (
    <Screen title={t("nav.links")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("links.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("links.empty")}</h2><p>{t("links.empty.more")}</p>{fresh}</>}>
      <div className="toolbar"><Days days={days} set={setDays} /></div>
      <Problem error={clicks.error} />
      <div className="panel scroll bare"><table aria-label={t("nav.links")}>
        <thead><tr><th scope="col">{t("link.name")}</th><th scope="col">{t("link.url")}</th><th scope="col" className="number">{t("link.clicks")}</th><th scope="col" className="number">{t("link.clickers")}</th></tr></thead>
        <tbody>{items.map((one) => (
          <tr key={one.id}>
            <th scope="row"><Link parts={[account.id, "links", one.id]}><Words text={one.name || one.id} most={80} /></Link></th>
            <td className="soft"><Words text={one.url} most={60} /></td>
            <td className="number">{clicks.data ? number(found.get(one.id)?.clicks ?? 0) : "…"}</td>
            <td className="number">{clicks.data ? number(found.get(one.id)?.clickers ?? 0) : "…"}</td>
          </tr>
        ))}</tbody>
      </table></div>
    </Screen>
  );
}

/** The document without what was left open. */
function bodyOf({ utm, ...rest }: Draft): Draft {
  const tags = Object.fromEntries(Object.entries(utm ?? {}).filter(([, value]) => value?.trim()));
  return { ...rest, url: rest.url.trim(), ...(Object.keys(tags).length ? { utm: tags } : {}) };
}

function Editor({ link }: { link?: Tracked }) {
  const { account } = usePlace();
  const { draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "links", stored: link, empty: { name: "", url: "https://", tags: [] }, state: ["address", "liff_address"], bodyOf, gone: t("link.gone"), canSave: (one) => /^https?:\/\/./.test(one.url.trim()) });
  return (
    <Screen title={link ? (link.name || link.id).slice(0, 100) : t("link.new")} state="ready" wide back={<Link className="back" parts={[account.id, "links"]}>← {t("nav.links")}</Link>} actions={actions}>
      {above}
      <div className="columns">
        <div>
          <Section title={t("link.what")}>
            <Field label={t("link.name")} value={draft.name} maxLength={100} error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <Field label={t("link.url")} hint={link ? t("link.url.hint") : undefined} type="url" maxLength={1000} value={draft.url} error={about("url")} onChange={(event) => edit({ url: event.target.value })} />
            <Tags tags={draft.tags ?? []} set={(tags) => edit({ tags })} error={about("tags")} />
            {link ? <p className="soft">{t("link.rule.lead")} <a href={`${to(account.id, "rules", "new")}?link=${enc(link.id)}`}>{t("link.rule")}</a></p> : null}
          </Section>
          <Section title={t("link.utm")}>
            <div className="fields">{(["source", "medium", "campaign"] as const).map((name) => <Field key={name} label={t(`link.utm.${name}`)} value={draft.utm?.[name] ?? ""} maxLength={200} error={about(`utm.${name}`)} onChange={(event) => edit({ utm: { ...draft.utm, [name]: event.target.value } })} />)}</div>
          </Section>
          {link ? <Clicked id={link.id} /> : null}
        </div>
        <div className="stick">
          {link ? <><Addresses link={link} /><Uses kind="links" id={link.id} /></> : <Section title={t("link.address")}><p className="soft">{t("link.address.later")}</p></Section>}
        </div>
      </div>
      {below}
    </Screen>
  );
}

function Tags({ tags, set, error }: { tags: string[]; set: (tags: string[]) => void; error?: string }) {
  const names = useNames();
  const left = (names.tags ?? []).filter((one) => !tags.includes(one.id)).map((one) => ({ value: one.id, label: one.name }));
  return (
    <fieldset>
      <legend>{t("link.tags")}</legend>
      <div className="chips">{tags.map((id) => <Chip key={id}><Words text={nameOf(names, "tags", id)} most={40} /><button type="button" aria-label={t("link.tag.remove", { name: nameOf(names, "tags", id).slice(0, 40) })} onClick={() => set(tags.filter((one) => one !== id))}>✕</button></Chip>)}</div>
      <Select label={t("link.tag.add")} error={error} value="" onChange={(event) => event.target.value && set([...tags, event.target.value])} options={[{ value: "", label: t(left.length || tags.length ? "link.tag.none" : "link.tag.no_tags") }, ...left]} />
    </fieldset>
  );
}

function Addresses({ link }: { link: Tracked }) {
  return (
    <Section title={t("link.address")} lead={t("link.address.lead")}>
      <Copy label={t("link.address.insert")} text={`{{ link("${link.id}") }}`} />
      {link.liff_address ? <Copy label={t("link.address.liff")} text={link.liff_address} /> : <p className="soft">{t("link.address.no_liff")}</p>}
      {link.address ? <Copy label={t("link.address.plain")} text={link.address} /> : null}
    </Section>
  );
}

/** Who clicked a link, how often, and in what. */
function Clicked({ id }: { id: string }) {
  const { base } = usePlace();
  const names = useNames();
  const [days, setDays] = useState(30);
  const from = dayBefore(days - 1);
  const clicks = useClicks(days, `&group_by=delivery&link=${enc(id)}`);
  const sent = useQuery({ queryKey: [base, "broadcasts"], queryFn: () => all<Broadcast>(`${base}/broadcasts`, 400), staleTime: 60_000 });
  const people = useInfiniteQuery({
    queryKey: [base, "reports", "people", id, from],
    queryFn: ({ pageParam }) => get<Page<{ user_id: string; amount: number }>>(`${base}/reports/people?report=links&number=clicks&row=${enc(id)}&from=${from}&limit=25${pageParam ? `&cursor=${enc(pageParam)}` : ""}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 30_000,
  });
  const items = people.data?.pages.flatMap((page) => page.items) ?? [];
  const total = clicks.data?.total;
  const title = (row: string) => (row === "-" ? t("link.deliveries.other") : (sent.data?.find((one) => one.id === row)?.name ?? nameOf(names, "scenarios", row)));
  return (
    <Section title={t("link.who")} actions={<Days days={days} set={setDays} />}>
      <Problem error={clicks.error ?? people.error} />
      <dl className="figures">
        <div className="figure"><dt>{t("link.clicks")}</dt><dd className="value">{total ? number(total.clicks) : "…"}</dd></div>
        <div className="figure"><dt>{t("link.clickers")}</dt><dd className="value">{total ? number(total.clickers) : "…"}</dd></div>
      </dl>
      {people.isSuccess && items.length === 0 ? <p className="soft">{t("link.who.none")}</p> : null}
      <ul className="plain-list" aria-label={t("link.who")}>{items.map((one) => <li key={one.user_id}><FriendName user={one.user_id} /> <span className="soft">{t("link.times", { n: one.amount })}</span></li>)}</ul>
      {people.hasNextPage ? <Button busy={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>{t("timeline.more")}</Button> : null}
      {clicks.data?.items.length ? (
        <div className="scroll"><table>
          <caption>{t("link.deliveries")}</caption>
          <thead><tr><th scope="col">{t("broadcast.name")}</th><th scope="col" className="number">{t("link.clicks")}</th><th scope="col" className="number">{t("link.clickers")}</th></tr></thead>
          <tbody>{clicks.data.items.map((one) => <tr key={one.row}><th scope="row"><Words text={title(one.row)} most={60} /></th><td className="number">{number(one.clicks)}</td><td className="number">{number(one.clickers)}</td></tr>)}</tbody>
        </table></div>
      ) : null}
    </Section>
  );
}
