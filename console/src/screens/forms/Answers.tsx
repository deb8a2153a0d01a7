// What came of a form: how many gave each answer, whom each result has, and who answered what.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { enc, file, get, type Page, post, PREFIX, save } from "../../api/client";
import type { Condition } from "../../conditions/model";
import { useMay, usePlace } from "../../data";
import { Link } from "../../router";
import { Button, Timestamp, Problem, Screen, Section, stateOf, Words } from "../../ui/kit";
import { number, percent, t } from "../../words";
import { Tabs } from "./Forms";
import type { Form } from "./model";
import { answerText } from "./answerText";

interface Row {
  row: string;
  kind: "question" | "answer" | "result";
  id: string;
  friends: number;
  condition?: Condition;
}

interface Report {
  items: Row[];
  total: { begun: number; answered: number };
  exact: boolean;
}

export function Answers({ form }: { form: Form }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "reports", "forms", form.id], queryFn: () => get<Report>(`${base}/reports/forms/${form.id}`) });
  const client = useQueryClient();
  const refresh = () => void Promise.all([asked.refetch(), client.invalidateQueries({ queryKey: [base, "forms", form.id] })]);
  const isEmpty = asked.data?.total.begun === 0;
  return (
    <Screen title={form.name.slice(0, 100)} state={stateOf(asked, isEmpty)} error={asked.error} retry={() => void asked.refetch()} back={<Tabs form={form} at="answers" />} actions={<><Button onClick={refresh}>{t("action.refresh")}</Button><Files form={form} /></>} empty={<><h2>{t("form.answers.none")}</h2><p>{t("form.answers.none.more")}</p><Link className="button" parts={[account.id, "forms", form.id]}>{t("form.edit")}</Link></>}>
      {asked.data ? <Figures form={form} report={asked.data} /> : null}
      <Times form={form} some={Boolean(asked.data?.total.answered)} />
    </Screen>
  );
}

/** How far friends came at a question in the last thirty days. */
interface Reached {
  row: string;
  shown: number;
  answered: number;
  skipped: number;
  left: number;
}

function Figures({ form, report }: { form: Form; report: Report }) {
  const { base } = usePlace();
  const reached = useQuery({ queryKey: [base, "forms", form.id, "results"], queryFn: () => get<{ items: Reached[] }>(`${base}/forms/${form.id}/results`) });
  const { begun, answered } = report.total;
  const results = report.items.filter((one) => one.kind === "result");
  return (
    <>
      <dl className="figures">
        {([["form.begun", number(begun)], ["form.answered", number(answered)], ["form.answered.share", begun ? percent(answered / begun) : "—"]] as const).map(([name, value]) => <div key={name} className="figure"><dt>{t(name)}</dt><dd className="value">{value}</dd></div>)}
      </dl>
      <Problem error={reached.error} />
      {report.exact ? null : <p className="soft">{t("figures.estimated")}</p>}
      {results.length ? <Section title={t("form.results.share")}><Bars rows={results} of={answered} label={t("form.results.share")} /></Section> : null}
      {form.questions.map((one, at) => {
        const rows = report.items.filter((row) => row.kind === "answer" && row.id === one.id);
        const far = reached.data?.items.find((row) => row.row === one.id);
        const n = report.items.find((row) => row.kind === "question" && row.id === one.id)?.friends ?? 0;
        return <Section key={one.id} title={`${at + 1}. ${one.text.slice(0, 120)}`} lead={t("form.answered.n", { n })}>{rows.length ? <Bars rows={rows} of={n} label={one.text.slice(0, 120)} /> : null}{far ? <p className="soft">{t("form.reached", { shown: far.shown, answered: far.answered, skipped: far.skipped, left: far.left })}</p> : null}</Section>;
      })}
    </>
  );
}

function Bars({ rows, of, label }: { rows: Row[]; of: number; label: string }) {
  const { account } = usePlace();
  return (
    <table className="waterfall" aria-label={label}>
      <tbody>{rows.map((row, at) => {
        const share = of ? row.friends / of : 0;
        const people = row.condition && row.friends ? `#/${encodeURIComponent(account.id)}/friends?condition=${encodeURIComponent(JSON.stringify(row.condition))}` : null;
        return (
          <tr key={at}>
            <th scope="row"><Words text={row.row} most={80} /><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width={share * 100} height="6" /></svg></th>
            <td>{people ? <a href={people}>{number(row.friends)}</a> : number(row.friends)}</td>
            <td>{of ? percent(share) : "—"}</td>
          </tr>
        );
      })}</tbody>
    </table>
  );
}

interface Time {
  user_id: string;
  display_name: string | null;
  at: string;
  on: "chat" | "web";
  answers: Record<string, unknown> | null;
  result: string | null;
  files: Record<string, Sent>;
}

/** A file that was sent as an answer. */
interface Sent {
  status: string;
  kind: string | null;
  name: string | null;
}

/** Each time that somebody answered to the end, the latest first; `some`: the figures know of some. */
function Times({ form, some }: { form: Form; some: boolean }) {
  const { base, account } = usePlace();
  const asked = useInfiniteQuery({
    queryKey: [base, "forms", form.id, "times"],
    initialPageParam: "",
    queryFn: ({ pageParam }) => get<Page<Time>>(`${base}/forms/${form.id}/answers?limit=50${pageParam ? `&cursor=${enc(pageParam)}` : ""}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const times = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const results = new Map((form.results ?? []).map((one) => [one.id, one.title]));
  return (
    <Section title={t("form.people")} lead={t("form.people.lead")}>
      <Problem error={asked.error} />
      <div className="scroll"><table aria-label={t("form.people")}>
        <thead><tr><th scope="col">{t("form.friend")}</th><th scope="col">{t("form.answered.at")}</th><th scope="col">{t("form.on")}</th>{results.size ? <th scope="col">{t("form.outcome")}</th> : null}{form.questions.map((one) => <th key={one.id} scope="col"><Words text={one.text} most={24} /></th>)}</tr></thead>
        <tbody>{times.map((time) => (
          <tr key={`${time.user_id}/${time.at}`}>
            <th scope="row" className="short"><Link parts={[account.id, "friends", time.user_id]}><Words text={time.display_name} most={20} /></Link></th>
            <td><Timestamp at={time.at} /></td>
            <td className="short">{t(`form.on.${time.on}`)}</td>
            {results.size ? <td className="short"><Words text={time.result ? (results.get(time.result) ?? time.result) : "—"} most={20} /></td> : null}
            {form.questions.map((one) => <td key={one.id}>{time.files[one.id] ? <File of={time.files[one.id]} at={`${base}/friends/${enc(time.user_id)}/messages/${enc(String(time.answers?.[one.id]))}/content`} /> : <Words text={answerText(one, time.answers?.[one.id])} most={80} />}</td>)}
          </tr>
        ))}</tbody>
      </table></div>
      {asked.isSuccess && times.length === 0 ? <p className="soft">{t(some ? "form.people.older" : "form.people.none")}</p> : null}
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("media.more")}</Button> : null}
    </Section>
  );
}

/** A picture is shown, whatever else is opened or saved by whoever may see the friend. */
function File({ of, at }: { of: Sent | undefined; at: string }) {
  if (!of || of.status !== "stored") return <span className="soft">{t(of?.status === "pending" ? "form.file.pending" : "form.file.gone")}</span>;
  const address = `${PREFIX}/v1${at}`;
  const name = of.name || t("form.file.open");
  return <a href={address} target="_blank" rel="noreferrer">{of.kind === "image" ? <img className="thumb" src={address} alt={name} loading="lazy" /> : <Words text={name} most={24} />}</a>;
}

interface Job {
  state: string;
  result: { url?: string | null } | null;
}

/** For Excel: a row for each time, and, as many as there are, a row for each friend. */
function Files({ form }: { form: Form }) {
  const { base } = usePlace();
  const may = useMay("editor");
  const times = useMutation({ mutationFn: async () => save(await file(`${base}/forms/${form.id}/answers?format=csv&bom=true`, "text/csv"), `${form.id}-answers.csv`) });
  if (!may) return null;
  return (
    <>
      <Button busy={times.isPending} onClick={() => times.mutate()}>{t("form.csv")}</Button>
      <Latest form={form} />
      <Problem error={times.error} />
    </>
  );
}

function Latest({ form }: { form: Form }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const [job, setJob] = useState<string | null>(null);
  const columns = ["user_id", "display_name", `form.${form.id}.answered_at`, ...form.questions.map((one) => `form.${form.id}.answer.${one.id}`)];
  const start = useMutation({ mutationFn: () => post<{ job_id: string }>(`${base}/exports`, { format: "csv", bom: true, condition: { form: { id: form.id, answered: true } }, columns }), onSuccess: (made) => setJob(made.job_id) });
  const found = useQuery({ queryKey: [base, "jobs", job], enabled: job !== null, queryFn: () => get<Job>(`${base}/jobs/${job}`), refetchInterval: (query) => (query.state.data?.state === "running" || !query.state.data ? 1500 : false) });
  useEffect(() => () => client.removeQueries({ queryKey: [base, "jobs", job] }), [client, base, job]);
  const url = found.data?.result?.url;
  return (
    <>
      {url ? <a className="button main" href={url} download>{t("form.csv.ready")}</a> : <Button busy={start.isPending || (job !== null && found.data?.state !== "failed")} onClick={() => start.mutate()}>{t("form.csv.latest")}</Button>}
      <Problem error={start.error ?? found.error} />
    </>
  );
}
