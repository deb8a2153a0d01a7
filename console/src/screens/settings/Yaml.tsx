// Everything as one document: what it would change is shown before it is applied.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ask, get } from "../../api/client";
import { useMay, usePlace } from "../../data";
import { Area, Button, Chip, Problem, Section, useDraft, Words } from "../../ui/kit";
import { named, t } from "../../words";

interface Difference {
  path: string;
  before?: unknown;
  after?: unknown;
}

interface Plan {
  created: number;
  updated: number;
  unchanged: number;
  deleted?: number;
  changes: { kind: string; id: string; action: string; diff: Difference[] }[];
  warnings?: string[];
}

const TONES: Record<string, string> = { create: "brand", delete: "bad" };
const shown = (value: unknown) => (value === undefined ? "—" : typeof value === "string" ? value : JSON.stringify(value));

export function Yaml() {
  const { base, account } = usePlace();
  const editor = useMay("editor");
  const client = useQueryClient();
  const [text, setText, forget] = useDraft<string>(`yaml.${account.id}`, "");
  const load = useMutation({ mutationFn: () => get<unknown>(`${base}/catalog/export`), onSuccess: (found) => { setText(typeof found === "string" ? found : JSON.stringify(found, null, 2)); plan.reset(); } });
  const send = (verb: string) => ask<Plan>("POST", `${base}/catalog/${verb}`, { text, type: "application/yaml" });
  const plan = useMutation({ mutationFn: async () => (await send("plan")).body });
  const apply = useMutation({
    mutationFn: async () => (await send("apply")).body,
    onSuccess: () => {
      forget();
      plan.reset();
      return client.invalidateQueries({ queryKey: [base] });
    },
  });
  return (
    <Section title={t("settings.yaml")} lead={t("yaml.lead")} actions={<Button busy={load.isPending} onClick={() => load.mutate()}>{t("yaml.load")}</Button>}>
      <Area label={t("yaml.text")} rows={20} spellCheck={false} value={text} onChange={(event) => { setText(event.target.value); plan.reset(); apply.reset(); }} />
      <div className="actions"><Button disabled={!text.trim()} busy={plan.isPending} onClick={() => { apply.reset(); plan.mutate(); }}>{t("yaml.plan")}</Button>{editor ? <Button kind="main" disabled={!plan.data} busy={apply.isPending} onClick={() => apply.mutate()}>{t("yaml.apply")}</Button> : null}</div>
      <Problem error={load.error ?? plan.error ?? apply.error} />
      {plan.data ? <Changes plan={plan.data} /> : null}
      {apply.isSuccess ? <div role="status" className="notice"><p>✓ {t("saved")}</p><p>{t("yaml.sum", { created: apply.data.created, updated: apply.data.updated, unchanged: apply.data.unchanged })}</p></div> : null}
    </Section>
  );
}

/** What applying would do, document by document. */
function Changes({ plan }: { plan: Plan }) {
  return (
    <>
      <p role="status">{t("yaml.sum", { created: plan.created, updated: plan.updated, unchanged: plan.unchanged })}</p>
      {plan.warnings?.length ? <ul className="notice warn">{plan.warnings.map((one) => <li key={one}>{one}</li>)}</ul> : null}
      {plan.changes.length ? <div className="scroll"><table aria-label={t("yaml.changes")}>
        <thead><tr><th scope="col">{t("yaml.document")}</th><th scope="col">{t("yaml.action")}</th><th scope="col">{t("yaml.diff")}</th></tr></thead>
        <tbody>{plan.changes.map((one) => (
          <tr key={`${one.kind}/${one.id}`}>
            <th scope="row">{named("document", one.kind)} <code>{one.id}</code></th>
            <td><Chip tone={TONES[one.action] ?? "plain"}>{named("yaml.action.of", one.action)}</Chip></td>
            <td><ul className="plain-list">{one.diff.slice(0, 20).map((line) => <li key={line.path}><code>{line.path}</code>: <Words text={shown(line.before)} most={120} /> → <Words text={shown(line.after)} most={120} /></li>)}</ul></td>
          </tr>
        ))}</tbody>
      </table></div> : <p>{t("yaml.same")}</p>}
    </>
  );
}
