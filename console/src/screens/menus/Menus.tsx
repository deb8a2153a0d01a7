// Rich menus: which there are and who sees which, what a publication would do, and who would see what.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get, post, put } from "../../api/client";
import type { Plan, Publication, Seen } from "../../api/schema";
import { toTree } from "../../conditions/model";
import { rootSentence } from "../../conditions/sentence";
import { type Friend, type Names, useMay, useNames, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { FriendPicker } from "../../ui/FriendPicker";
import { Button, Chip, Dialog, Icon, Timestamp, Problem, Screen, Section, stateOf, Words } from "../../ui/kit";
import { number, t, time, type Word } from "../../words";
import { documentOf, type Menu } from "./data";
import { EditorScreen, useMenus } from "./Editor";

export default function Menus() {
  const [, , id] = useRoute();
  return id ? <EditorScreen /> : <List />;
}

function List() {
  const { account } = usePlace();
  const may = useMay("editor");
  const asked = useMenus();
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "menus", "new"]}>{t("menu.new")}</Link> : null;
  const seen = items.filter((one) => one.show);
  const changed = items.some((one) => one.unpublished_changes);
  const now = Date.now();
  const standard = seen.find(({ show }) => !show?.if && (!show?.from || Date.parse(show.from) <= now) && (!show?.until || now < Date.parse(show.until)));
  return (
    <Screen title={t("nav.menus")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("menus.lead")} actions={fresh} empty={<><h2>{t("menus.empty")}</h2><p>{t("menus.empty.more")}</p>{fresh}</>}>
      <div className="columns">
        <div>
          <ol className="plain-list" aria-label={t("menus.order")}>
            {items.map((one, at) => <li key={one.id}><Card menu={one} at={at} shown={seen} isDefault={one.id === standard?.id} may={may} /></li>)}
          </ol>
        </div>
        <div className="stick">
          <Publish changed={changed} names={items} />
          <WhoSees menus={items} />
        </div>
      </div>
    </Screen>
  );
}

function whoText({ show }: Menu, names: Names): string {
  if (!show) return t("menu.to.nobody");
  const who = show.if ? rootSentence(toTree(show.if), names) : t("menu.to.everyone");
  const period = show.from || show.until ? ` (${show.from ? time(show.from) : ""} – ${show.until ? time(show.until) : ""})` : "";
  return `${who}${period}`;
}

function Card({ menu, at, shown, isDefault, may }: { menu: Menu; at: number; shown: Menu[]; isDefault: boolean; may: boolean }) {
  const { base, account } = usePlace();
  const names = useNames();
  const client = useQueryClient();
  const move = useMutation({
    // The order is kept as numbers: those that change by this move are written, the others stay.
    mutationFn: async (by: number) => {
      const next = [...shown];
      const [taken] = next.splice(at, 1);
      if (taken) next.splice(at + by, 0, taken);
      for (const [place, one] of next.entries()) {
        const priority = (next.length - place) * 10;
        if (one.show && one.show.priority !== priority) await put(`${base}/rich-menus/${one.id}`, { ...documentOf(one), show: { ...(documentOf(one).show as object), priority } }, { "If-Match": String(one.revision) });
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: [base, "rich-menus"] }),
  });
  const name = menu.name.slice(0, 60);
  const state: Word = !menu.published_id ? "menu.state.draft" : menu.unpublished_changes ? "menu.state.changed" : "menu.state.live";
  const isShown = at < shown.length;
  return (
    <section className="panel menu-card" aria-label={name}>
      <div className="menu-thumb">{menu.image_url ? <img src={menu.image_url} alt="" /> : null}</div>
      <div className="menu-about">
        <h2><Words text={menu.name} most={100} /></h2>
        <p className="chips">{isShown ? <Chip>{t("menu.rank", { n: at + 1 })}</Chip> : null}<Chip tone={menu.published_id ? (menu.unpublished_changes ? "warn" : "brand") : "plain"}>{t(state)}</Chip>{isDefault ? <Chip tone="brand">{t("menu.default")}</Chip> : null}{menu.alias ? <Chip>{t("menu.is_tab")}</Chip> : null}</p>
        <p><Words text={whoText(menu, names)} most={400} /></p>
        <Problem error={move.error} />
        <div className="actions">
          <Link className="button" parts={[account.id, "menus", menu.id]} aria-label={t("open.named", { name })}>{t("action.open")}</Link>
          {may && isShown ? (
            <>
              <Button kind="quiet" aria-label={t("menu.up", { name })} disabled={at === 0} busy={move.isPending} onClick={() => move.mutate(-1)}><Icon name="up" /></Button>
              <Button kind="quiet" aria-label={t("menu.down", { name })} disabled={at === shown.length - 1} busy={move.isPending} onClick={() => move.mutate(1)}><Icon name="down" /></Button>
            </>
          ) : null}
        </div>
      </div>
    </section>
  );
}

const titleOf = (menus: Menu[], id: string | null) => (id === null ? t("menu.nothing") : (menus.find((one) => one.id === id)?.name ?? id));

function Publish({ changed, names }: { changed: boolean; names: Menu[] }) {
  const { base } = usePlace();
  const publisher = useMay("publisher");
  const client = useQueryClient();
  const [confirming, setConfirming] = useState(false);
  const plan = useQuery({ queryKey: [base, "menus.plan"], enabled: confirming, gcTime: 0, retry: false, queryFn: () => get<Plan>(`${base}/rich-menus/plan`) });
  const publish = useMutation({ mutationFn: () => post<Publication>(`${base}/rich-menus/publish`, {}), onSuccess: () => setConfirming(false) });
  const job = useQuery({
    queryKey: [base, "job", publish.data?.job_id],
    enabled: Boolean(publish.data),
    queryFn: () => get<{ state: string; done: number; total: number; result?: { moved: number; refused: number } | null; errors?: { message: string }[] }>(`${base}/jobs/${publish.data?.job_id}`),
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 1000),
  });
  const state = job.data?.state;
  useEffect(() => { if (state === "done") void client.invalidateQueries({ queryKey: [base, "rich-menus"] }); }, [state, client, base]);
  return (
    <Section title={t("menu.publish")} lead={t(changed ? "menu.publish.changed" : "menu.publish.same")}>
      <Button kind={changed ? "main" : "plain"} onClick={() => { setConfirming(true); void plan.refetch(); }}>{t("menu.publish.look")}</Button>
      {job.data ? <p role="status" className={state === "failed" ? "verdict no" : "verdict yes"}>{state === "done" ? `✓ ${t("menu.publish.done")}${job.data.result?.moved ? ` · ${t("menu.publish.moved", { n: job.data.result.moved })}` : ""}` : state === "failed" ? `✗ ${job.data.errors?.[0]?.message ?? t("state.error")}` : t("menu.publish.running", { done: job.data.done, total: job.data.total })}</p> : null}
      {confirming ? (
        <Dialog title={t("menu.publish.title")} onClose={() => { setConfirming(false); publish.reset(); }} wide>
          <Problem error={plan.error} />
          {plan.isPending ? <p>{t("state.loading")}</p> : null}
          {plan.data ? <Planned plan={plan.data} names={names} /> : null}
          <Problem error={publish.error} />
          <div className="dialog-foot">
            <Button onClick={() => setConfirming(false)}>{t("action.cancel")}</Button>
            {publisher ? <Button kind="main" busy={publish.isPending} disabled={!plan.data || plan.data.problems.length > 0} onClick={() => publish.mutate()}>{t("menu.publish.do")}</Button> : <span className="soft">{t("menu.publish.role")}</span>}
          </div>
        </Dialog>
      ) : null}
    </Section>
  );
}

function Planned({ plan, names }: { plan: Plan; names: Menu[] }) {
  const calls = Object.values(plan.calls).reduce((sum, n) => sum + n, 0);
  return (
    <>
      {plan.problems.length ? <div className="notice warn" role="alert"><strong>{t("menu.plan.problems")}</strong><ul>{plan.problems.map((one) => <li key={one.path}>{titleOf(names, one.path.split(".")[1] ?? "")}: {one.message}</li>)}</ul></div> : null}
      <h3>{t("menu.plan.menus")}</h3>
      <ul className="plain-list">{plan.menus.map((one) => <li key={one.id}><Chip tone={one.state === "same" ? "plain" : one.state === "removed" ? "bad" : "brand"}>{t(`menu.plan.${one.state}` as Word)}</Chip> <Words text={titleOf(names, one.id)} most={80} />{one.is_made ? <span className="soft"> {t("menu.plan.made")}</span> : null}</li>)}</ul>
      {plan.default.from === plan.default.to ? null : <p>{t("menu.plan.default", { from: titleOf(names, plan.default.from), to: titleOf(names, plan.default.to) })}</p>}
      <h3>{t("menu.plan.moves")}{plan.exact ? "" : ` (${t("menu.plan.about")})`}</h3>
      {plan.moves.length === 0 ? <p className="soft">{t("menu.plan.nobody")}</p> : (
        <div className="scroll"><table>
          <thead><tr><th scope="col">{t("menu.plan.from")}</th><th scope="col">{t("menu.plan.to")}</th><th scope="col" className="number">{t("menu.plan.friends")}</th></tr></thead>
          <tbody>{plan.moves.map((one) => <tr key={`${one.from} ${one.to}`}><td><Words text={titleOf(names, one.from)} most={60} /></td><td><Words text={titleOf(names, one.to)} most={60} /></td><td className="number">{number(one.friends)}</td></tr>)}</tbody>
        </table></div>
      )}
      <p className="soft">{t("menu.plan.calls", { n: calls })}</p>
    </>
  );
}

/** For a chosen friend: the menu of now, the one after a publication, and how each was decided. */
function WhoSees({ menus }: { menus: Menu[] }) {
  const { base } = usePlace();
  const [friend, setFriend] = useState<Friend | null>(null);
  const asked = useQuery({ queryKey: [base, "menu.seen", friend?.user_id], enabled: friend !== null, retry: false, queryFn: () => get<Seen>(`${base}/friends/${encodeURIComponent(friend?.user_id ?? "")}/rich-menu`) });
  const found = asked.data;
  return (
    <Section title={t("menu.seen")} lead={t("menu.seen.lead")}>
      <FriendPicker label={t("why.friend")} onPick={setFriend} />
      <Problem error={asked.error} />
      {found ? (
        <>
          <p role="status" className="verdict yes">{t("menu.seen.now", { menu: titleOf(menus, found.published) })}{found.planned === found.published ? "" : ` → ${t("menu.seen.then", { menu: titleOf(menus, found.planned) })}`}</p>
          {found.switched ? <p className="soft">{t("menu.seen.switched")} {found.until ? <Timestamp at={found.until} /> : null}</p> : null}
          <ol>{found.menus.map((one) => <li key={one.id}><span className={one.holds && one.is_open ? "mark yes" : "mark no"}>{one.holds && one.is_open ? "✓" : "✗"}</span> <Words text={titleOf(menus, one.id)} most={60} /> <span className="soft">{one.holds ? (one.is_open ? "" : t("menu.seen.closed")) : t("menu.seen.not")}</span></li>)}</ol>
        </>
      ) : null}
    </Section>
  );
}
