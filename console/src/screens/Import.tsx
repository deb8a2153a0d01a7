import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, ask, get } from "../api/client";
import { useMay, useNames, usePlace } from "../data";
import { go, Link } from "../router";
import { Area, Button, Check, Field, Problem, Screen, Section, Select, Words } from "../ui/kit";
import { number, t } from "../words";

interface Fault {
  line: number;
  column?: string | null;
  message: string;
  message_ja?: string | null;
}

export interface BulkJob {
  state: string;
  done: number;
  total: number;
  errors: Fault[];
}

/** What a dry run found (`POST /friends/import?dry_run=true`). */
interface Trial {
  preset: string | null;
  columns: { column: string; as: string | null }[];
  would_create: Record<string, { id: string; name?: string }[]>;
  total: number;
  problem_count: number;
  problems: Fault[];
}

const HEAD = 65_536;

/** The names of a file's columns: of its first line or, where another system has two lines of names, the second. */
export function columnsOf(bytes: Uint8Array): string[] {
  const lines = decoded(bytes).split(/\r?\n/).slice(0, 2);
  const cells = lines.map((line) => {
    const separator = [",", ";", "\t"].reduce((best, one) => (line.split(one).length > line.split(best).length ? one : best));
    return line.split(separator).map((cell) => cell.trim().replace(/^"|"$/g, "")).filter(Boolean);
  });
  const hasCodes = cells[0]?.some((name) => name.startsWith("タグ_") || name.startsWith("友だち情報_") || name === "登録ID");
  return (hasCodes ? cells[1] : cells[0]) ?? [];
}

function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("shift_jis").decode(bytes);
  }
}

/** What a dry run found, at once or, of a large file, by its job. */
async function found(base: string, answer: Trial | { job_id: string }): Promise<Trial> {
  if (!("job_id" in answer)) return answer;
  for (;;) {
    const job = await get<BulkJob & { result?: Trial }>(`${base}/jobs/${answer.job_id}`);
    if (job.result) return job.result;
    if (job.state === "failed") throw new ApiError(422, "rule_violation", job.errors[0] ? spoken(job.errors[0]) : "", [], null);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

/** What a file may be about: the screen it belongs to, the columns that may be meant, whether unknown ones become attributes. */
const FILES = {
  friends: { title: "nav.friends", plain: ["user_id", "display_name", "followed_at", "status", "blocked", "source", "member_id", "tags"], labels: ["tags", "attributes", "scores"], hint: "import.columns", unknown: true },
  members: { title: "nav.members", plain: ["member_id", "rank", "user_id"], labels: ["attributes"], hint: "import.columns.members", unknown: true },
  reservations: { title: "nav.reservations", plain: ["reservation_id", "user_id", "member_id", "at", "status", "updated_at"], labels: [], hint: "import.columns.reservations", unknown: false },
} as const;

export function Import({ of = "friends" }: { of?: keyof typeof FILES }) {
  const { base, account } = usePlace();
  const kind = FILES[of];
  const may = useMay("editor");
  const [text, setText] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [columns, setColumns] = useState<string[]>([]);
  const [map, setMap] = useState<Record<string, string>>({});
  const [unknown, setUnknown] = useState(false);
  const send = (dryRun: boolean) => {
    const query = new URLSearchParams();
    if (dryRun) query.set("dry_run", "true");
    if (unknown) query.set("unknown", "attribute");
    if (Object.keys(map).length) query.set("map", JSON.stringify(map));
    const body = file ? { file: new Blob([file], { type: "text/csv" }) } : { text, type: "text/csv; charset=utf-8" };
    return ask<unknown>("POST", `${base}/${of}/import?${query}`, body);
  };
  const trial = useMutation({ mutationFn: async () => found(base, (await send(true)).body as Trial | { job_id: string }) });
  const start = useMutation({ mutationFn: async () => (await send(false)).body as { job_id: string } });
  const job = useQuery({
    queryKey: [base, "job", start.data?.job_id],
    enabled: Boolean(start.data),
    queryFn: () => get<BulkJob>(`${base}/jobs/${start.data?.job_id}`),
    refetchInterval: (query) => (query.state.data && query.state.data.state !== "running" ? false : 700),
  });
  const chosen = async (next: File | null, typed: string) => {
    setFile(next);
    setText(typed);
    setMap({});
    trial.reset();
    setColumns(columnsOf(next ? new Uint8Array(await next.slice(0, HEAD).arrayBuffer()) : new TextEncoder().encode(typed)));
  };
  const isReady = Boolean(file ?? text.trim());
  const asks = trial.data || (trial.error instanceof ApiError && trial.error.about("header"));
  return (
    <Screen title={t("friends.import")} state={may ? "ready" : "forbidden"} lead={t("import.lead")} back={<Link className="back" parts={[account.id, of]}>← {t(kind.title)}</Link>}>
      <Section title={t("import.file")}>
        <Field label={t("import.choose")} type="file" accept=".csv,.tsv,.txt,text/csv" onChange={(event) => chosen(event.target.files?.[0] ?? null, "")} />
        {file ? null : <Area label={t("import.text")} rows={8} value={text} spellCheck={false} hint={t(kind.hint)} onChange={(event) => chosen(null, event.target.value)} />}
        {kind.unknown ? <Check label={t("import.unknown")} checked={unknown} onChange={(event) => setUnknown(event.target.checked)} /> : null}
        <div className="actions">
          <Button disabled={!isReady} busy={trial.isPending} onClick={() => trial.mutate()}>{t("import.try")}</Button>
          <Button kind="main" disabled={!isReady} busy={start.isPending || job.data?.state === "running"} onClick={() => start.mutate()}>{t("import.start")}</Button>
        </div>
        <Problem error={start.error ?? trial.error} />
        {trial.data ? <Tried trial={trial.data} /> : null}
      </Section>
      {asks && columns.length ? <Columns of={of} columns={columns} trial={trial.data} map={map} setMap={setMap} /> : null}
      {job.data ? (
        <Section title={t("import.result")}>
          <p role="status">{t(job.data.state === "running" ? "import.running" : "import.done", { done: job.data.done, total: job.data.total, wrong: job.data.errors.length })}</p>
          <progress className="bar" max={job.data.total || 1} value={job.data.done} aria-label={t("progress")} />
          {job.data.errors.length ? <Faults faults={job.data.errors} /> : null}
          {job.data.state === "running" ? null : <Button kind="main" onClick={() => go(account.id, of)}>{t(of === "friends" ? "import.look" : "import.look.list")}</Button>}
        </Section>
      ) : null}
    </Screen>
  );
}

function Tried({ trial }: { trial: Trial }) {
  const made = (trial.would_create.tags ?? []).concat(trial.would_create.attributes ?? []).map((one) => one.name ?? one.id);
  return (
    <>
      <p role="status">{trial.problem_count ? t("import.faults", { n: trial.problem_count }) : t("import.no_faults")}</p>
      {trial.preset ? <p>{t("import.preset", { preset: trial.preset })}</p> : null}
      {made.length ? <p>{t("import.creates", { n: made.length })} <Words text={made.join(", ")} most={300} /></p> : null}
      {trial.problems.length ? <Faults faults={trial.problems} /> : null}
    </>
  );
}

function Columns({ of, columns, trial, map, setMap }: { of: keyof typeof FILES; columns: string[]; trial?: Trial; map: Record<string, string>; setMap: (next: Record<string, string>) => void }) {
  const names = useNames();
  const known = (kind: string) => (names[kind] ?? []).map((one) => `${kind.slice(0, -1)}.${one.id}`);
  const ours = [...FILES[of].plain, ...FILES[of].labels.flatMap(known)];
  const taken = (column: string) => trial?.columns.find((one) => one.column === column)?.as;
  const set = (column: string, value: string) => {
    const { [column]: _was, ...others } = map;
    setMap(value === "=" ? others : { ...others, [column]: value });
  };
  return (
    <Section title={t("import.map")} lead={t("import.map.lead")}>
      {columns.map((column, at) => (
        <Select
          key={`${column} ${at}`}
          label={column}
          value={map[column] ?? "="}
          onChange={(event) => set(column, event.target.value)}
          options={[
            { value: "=", label: taken(column) ? t("import.map.as", { column: taken(column) ?? "" }) : t("import.map.unchanged") },
            { value: "", label: t("import.map.out") },
            ...ours.map((one) => ({ value: one, label: one })),
          ]}
        />
      ))}
    </Section>
  );
}

function Faults({ faults }: { faults: Fault[] }) {
  return (
    <div className="scroll"><table>
      <caption>{t("import.lines")}</caption>
      <thead><tr><th scope="col">{t("import.line")}</th><th scope="col">{t("import.reason")}</th></tr></thead>
      <tbody>{faults.slice(0, 200).map((fault, at) => <tr key={at}><th scope="row">{number(fault.line)}</th><td><Words text={spoken(fault)} most={300} /></td></tr>)}</tbody>
    </table></div>
  );
}

const spoken = (fault: Fault) => (document.documentElement.lang === "ja" && fault.message_ja ? fault.message_ja : fault.message);
