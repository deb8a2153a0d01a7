// Before a draft comes into force: what is new in it, and what that means for everybody who waits.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, post } from "../api/client";
import type { LiveEdit, PublishAnswer } from "../api/schema";
import { usePlace } from "../data";
import { Button, Check, Chip, Dialog, Problem, Words } from "../ui/kit";
import { number, t } from "../words";
import { type Definition, difference } from "./model";
import { stepName } from "./say";

interface Props {
  id: string;
  draft: Definition;
  published: Definition | null;
  isStarted: boolean;
  onClose: () => void;
  onDone: (version: number) => void;
  onFaults: (error: ApiError) => void;
  jump: (node: string) => void;
}

export function PublishDialog({ id, draft, published, isStarted, onClose, onDone, onFaults, jump }: Props) {
  const { base } = usePlace();
  const client = useQueryClient();
  const [rearm, setRearm] = useState(false);
  const asked = useQuery({
    queryKey: [base, "scenarios", id, "dry-run", rearm, JSON.stringify(draft)],
    retry: false,
    gcTime: 0,
    placeholderData: (before) => before,
    queryFn: async () => {
      try {
        return await post<PublishAnswer>(`${base}/scenarios/${id}/publish`, { dry_run: true, rearm_waiting: rearm });
      } catch (error) {
        if (error instanceof ApiError && error.status === 422) onFaults(error);
        throw error;
      }
    },
  });
  const act = useMutation({
    mutationFn: () => post<PublishAnswer>(`${base}/scenarios/${id}/publish`, { rearm_waiting: rearm }, { "Idempotency-Key": `${id}-${asked.data?.version}-${asked.dataUpdatedAt}` }),
    onSuccess: async (answer) => {
      await client.invalidateQueries({ queryKey: [base] });
      onDone(answer.version);
    },
  });
  const answer = asked.data;
  return (
    <Dialog title={t("scn.publish.title")} onClose={onClose} wide>
      <Refused error={asked.error} draft={draft} jump={jump} />
      {answer ? (
        <>
          <p className="sentence">{published ? t("scn.publish.version", { version: answer.version, before: answer.version - 1 }) : t("scn.publish.first")}</p>
          {isStarted ? null : <p className="notice warn">{t("scn.publish.nobody")}</p>}
          <Changes draft={draft} published={published} />
          <Consequences answer={answer} draft={draft} published={published} jump={jump} />
          {published ? <Check label={t("scn.publish.rearm")} checked={rearm} onChange={(event) => setRearm(event.target.checked)} /> : null}
          {(answer.warnings ?? []).map((one) => <p key={one} className="notice warn">{one}</p>)}
        </>
      ) : asked.isPending ? <p role="status">{t("state.loading")}</p> : null}
      <Problem error={act.error} />
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button kind="main" disabled={!answer || asked.isError} busy={act.isPending} onClick={() => act.mutate()}>{t("scn.publish.do")}</Button></div>
    </Dialog>
  );
}

/** What keeps it from being published: each with the step that it is about. */
function Refused({ error, draft, jump }: { error: unknown; draft: Definition; jump: (node: string) => void }) {
  if (!(error instanceof ApiError) || error.status !== 422 || error.details.length === 0) return <Problem error={error} />;
  return (
    <div className="notice warn" role="alert">
      <p>{t("scn.publish.refused")}</p>
      <ul>
        {error.details.map((detail) => {
          const node = nodeOf(detail.path);
          return <li key={detail.path}>{node && node in draft.nodes ? <><Button kind="quiet" onClick={() => jump(node)}>{stepName(draft, node)}</Button> </> : null}{detail.message}</li>;
        })}
      </ul>
    </div>
  );
}

export const nodeOf = (path: string): string | null => /(?:^|\.)nodes\.([^.[\]]+)/.exec(path)?.[1] ?? null;

function Changes({ draft, published }: { draft: Definition; published: Definition | null }) {
  if (published === null) return null;
  const found = difference(published, draft);
  const rows = [...found.added.map((id) => ({ id, tone: "good", word: t("scn.mark.added"), name: stepName(draft, id) })), ...found.changed.map((id) => ({ id, tone: "warn", word: t("scn.mark.changed"), name: stepName(draft, id) })), ...found.removed.map((id) => ({ id, tone: "bad", word: t("scn.mark.removed"), name: stepName(published, id) }))];
  return (
    <section>
      <h3>{t("scn.publish.changes")}</h3>
      <ul className="plain-list">
        {rows.map((row) => <li key={row.id}><Chip tone={row.tone}>{row.word}</Chip> <Words text={row.name} most={80} /></li>)}
        {found.frame ? <li><Chip tone="warn">{t("scn.mark.changed")}</Chip> {t("scn.publish.frame")}</li> : null}
        {rows.length === 0 && !found.frame ? <li className="soft">{t("scn.publish.same")}</li> : null}
      </ul>
    </section>
  );
}

/** The rows of the live-edit table that apply to anybody. */
function Consequences({ answer, draft, published, jump }: { answer: PublishAnswer; draft: Definition; published: Definition | null; jump: (node: string) => void }) {
  const changes = answer.changes ?? [];
  if (published === null) return null;
  const name = (row: LiveEdit) => (row.node === null ? t("scn.publish.whole") : stepName(row.node in draft.nodes ? draft : published, row.node));
  return (
    <section>
      <h3>{t("scn.publish.consequences")}</h3>
      {changes.length === 0 ? <p className="soft">{t("scn.publish.nothing")}</p> : (
        <div className="scroll"><table>
          <thead><tr><th scope="col">{t("scn.step")}</th><th scope="col" className="number">{t("scn.publish.people")}</th><th scope="col">{t("scn.publish.what")}</th></tr></thead>
          <tbody>{changes.map((row) => <tr key={`${row.node} ${row.row}`}><th scope="row" className="nowrap">{row.node !== null && row.node in draft.nodes ? <Button kind="quiet" onClick={() => jump(row.node ?? "")}>{name(row)}</Button> : name(row)}</th><td className="number">{answer.exact === false ? "≈ " : ""}{number(row.waiting)}</td><td>{row.what}</td></tr>)}</tbody>
        </table></div>
      )}
    </section>
  );
}
