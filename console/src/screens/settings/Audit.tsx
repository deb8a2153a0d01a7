// Who did what.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { all, enc, get, type Page } from "../../api/client";
import type { AuditLine } from "../../api/schema";
import { type Names, useNames, usePlace } from "../../data";
import { FriendName } from "../../ui/FriendName";
import { Button, Failure, Field, Timestamp, Select, Words } from "../../ui/kit";
import { fromLocal, isWord, named, t } from "../../words";

const audited = (code: string) => (isWord(code) ? t(code) : null);

/** "rules.put" as "ルールを保存"; a code without words of its own stays what it is. */
export function auditText(action: string): string {
  const [code = "", more] = action.split(":");
  const whole = audited(`audit.do.${code}`);
  const [what = "", did = ""] = code.split(".");
  const noun = audited(`document.${what}`) ?? audited(`document.${what}s`) ?? audited(`audit.of.${what}`);
  const verb = audited(`audit.did.${did}`);
  const description = whole ?? (noun && verb ? t("audit.says", { what: noun, did: verb }) : code);
  return more ? `${description} (${named("role", more)})` : description;
}

/** What a line is about, by its name where it has one; where the action has named it already, nothing. */
function targetOf(target: string, names: Names): string {
  const [kind = "", id = ""] = target.split("/");
  if (!id) return names.broadcasts?.find((one) => one.id === target)?.name ?? (isWord(`document.${target}`) || isWord(`audit.of.${target}`) ? "" : target);
  const [known = ""] = id.split("@");
  return kind === "jobs" ? "" : (names[kind]?.find((one) => one.id === known)?.name ?? known);
}

const USER = /^U[0-9a-f]{32}$/;
/** Kinds of what is done, by the beginnings of their codes. */
const ABOUT = ["broadcasts", "scenarios", "messages", "rules", "segments", "tags", "forms", "friends", "conversations", "policies", "keys", "account"];
const midnight = (day: string) => enc(fromLocal(`${day}T00:00`));
const dayAfter = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);

export function Audit() {
  const { base } = usePlace();
  const names = useNames();
  const [about, setAbout] = useState("");
  const [who, setWho] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => all<{ id: string; name: string }>("/keys") });
  const query = `${about ? `&action=${about}` : ""}${who ? `&who=${enc(who)}` : ""}${from ? `&from=${midnight(from)}` : ""}${to ? `&to=${midnight(dayAfter(to))}` : ""}`;
  const asked = useInfiniteQuery({
    queryKey: [base, "audit", query],
    queryFn: ({ pageParam }) => get<Page<AuditLine>>(`${base}/audit?limit=100${query}${pageParam ? `&cursor=${enc(pageParam)}` : ""}`),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before,
  });
  if (asked.isError) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const keyName = (who: string) => keys.data?.find((one) => one.id === who.replace(/^key:/, ""))?.name ?? who;
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <div className="toolbar">
        <Select label={t("audit.about")} value={about} onChange={(event) => setAbout(event.target.value)} options={[{ value: "", label: t("audit.all") }, ...ABOUT.map((one) => ({ value: one, label: audited(`document.${one}`) ?? audited(`audit.of.${one}`) ?? one }))]} />
        <Select label={t("audit.who")} value={who} onChange={(event) => setWho(event.target.value)} options={[{ value: "", label: t("audit.everybody") }, ...(keys.data ?? []).map((one) => ({ value: one.id, label: one.name.slice(0, 60) }))]} />
        <Field label={t("audit.from")} type="date" value={from} onChange={(event) => setFrom(event.target.value)} />
        <Field label={t("audit.to")} type="date" value={to} onChange={(event) => setTo(event.target.value)} />
      </div>
      <div className="panel scroll" style={{ padding: 0 }}><table aria-label={t("settings.audit")}>
        <thead><tr><th scope="col">{t("date")}</th><th scope="col">{t("audit.who")}</th><th scope="col">{t("audit.what")}</th><th scope="col">{t("audit.target")}</th><th scope="col">{t("audit.outcome")}</th></tr></thead>
        <tbody>{items.map((line, at) => <tr key={at}><th scope="row"><Timestamp at={line.at} /></th><td><Words text={line.who_name ?? keyName(line.who)} most={40} /></td><td><span title={line.action}>{auditText(line.action)}</span>{line.before || line.after ? <Changes before={line.before} after={line.after} /> : null}</td><td>{USER.test(line.target.split("/").at(-1) ?? "") ? <FriendName user={line.target.split("/").at(-1) ?? ""} /> : <Words text={keyName(targetOf(line.target, names) || "—")} most={60} />}</td><td>{line.outcome ? named("outcome", line.outcome) : "—"}</td></tr>)}</tbody>
      </table></div>
      {asked.isSuccess && items.length === 0 ? <p className="soft">{t("audit.none")}</p> : null}
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("timeline.more")}</Button> : null}
    </>
  );
}

/** What was changed, as it was kept. */
function Changes({ before, after }: { before: unknown; after: unknown }) {
  const [isOpen, setOpen] = useState(false);
  return <details onToggle={(event) => setOpen(event.currentTarget.open)}><summary>{t("audit.changes")}</summary>{isOpen ? <pre tabIndex={0}>{JSON.stringify({ before, after }, null, 1)}</pre> : null}</details>;
}
