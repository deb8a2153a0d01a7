// One form: its questions, what they come to, where it is asked; beside it the phone.
import { useState } from "react";
import { usePlace } from "../../data";
import { Link } from "../../router";
import { Actions } from "../../ui/Actions";
import { Copy } from "../../ui/Copy";
import { useDocument } from "../../ui/document";
import { Qr } from "../../ui/Qr";
import { Uses } from "../../ui/Uses";
import { Area, Button, Check, Field, Icon, Screen, Section, Select } from "../../ui/kit";
import { named, t } from "../../words";
import { Tabs } from "./Forms";
import { bodyOf, choicesOf, type Draft, EMPTY, type Form, question, type Question, read } from "./model";
import { QuestionForm } from "./Questions";
import { Results } from "./Results";
import { Try } from "./Try";

export function Editor({ form }: { form?: Form }) {
  const { account } = usePlace();
  const { id, draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "forms", stored: form, empty: EMPTY, read: (stored) => read(stored as Form), bodyOf, gone: t("form.gone"), canSave: (one) => one.questions.length > 0 });
  const [focus, setFocus] = useState<string | null>(draft.questions[0]?.id ?? null);
  const kept = new Set((form?.questions ?? []).flatMap((one) => choicesOf(one).map((choice) => `${one.id}/${choice.value}`)));
  const write = (at: number, next: Question | null) => edit({ questions: draft.questions.flatMap((one, place) => (place === at ? (next ? [next] : []) : [one])) });
  const move = (at: number, by: number) => {
    const next = [...draft.questions];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at + by, 0, moved);
    edit({ questions: next });
  };
  const add = () => {
    const fresh = question();
    edit({ questions: [...draft.questions, fresh] });
    setFocus(fresh.id);
  };
  return (
    <Screen title={form ? form.name.slice(0, 100) : t("form.new")} state="ready" wide back={form ? <Tabs form={form} at="edit" /> : <Link className="back" parts={[account.id, "forms"]}>← {t("nav.forms")}</Link>} actions={actions}>
      {above}
      <div className="columns">
        <div>
          <Section title={t("form.name")}><Field label={t("form.name")} hideLabel value={draft.name} maxLength={100} error={about("name")} onChange={(event) => edit({ name: event.target.value })} /></Section>
          <Section title={t("form.asks")} lead={t("form.asks.lead")}>
            <ol className="plain-list">
              {draft.questions.map((one, at) => (
                <li key={one.id} onFocus={() => setFocus(one.id)}>
                  <QuestionForm one={one} n={at + 1} kept={kept} error={about(`questions[${at}]`)} scoring={draft.scoring} results={draft.results ?? []} set={(next) => write(at, next)}
                    moves={<>
                      <Button kind="quiet" aria-label={t("form.question.up", { n: at + 1 })} disabled={at === 0} onClick={() => move(at, -1)}><Icon name="up" /></Button>
                      <Button kind="quiet" aria-label={t("form.question.down", { n: at + 1 })} disabled={at === draft.questions.length - 1} onClick={() => move(at, 1)}><Icon name="down" /></Button>
                      <Button kind="quiet" aria-label={t("form.question.remove", { n: at + 1 })} onClick={() => write(at, null)}><Icon name="remove" /></Button>
                    </>} />
                </li>
              ))}
            </ol>
            <Button disabled={draft.questions.length >= 100} onClick={add}>+ {t("form.question.add")}</Button>
          </Section>
          <Results draft={draft} edit={edit} about={about} />
          <Section title={t("form.then")} lead={t("form.then.lead")}><Actions then={draft.then} set={(then) => edit({ then })} /></Section>
          <Where draft={draft} edit={edit} about={about} />
        </div>
        <div className="stick tall">
          <Try id={id} draft={draft} focus={focus} onFocus={setFocus} />
          {form ? <><Address form={form} /><Uses kind="forms" id={form.id} /></> : null}
        </div>
      </div>
      {below}
    </Screen>
  );
}

function Where({ draft, edit, about }: { draft: Draft; edit: (more: Partial<Draft>) => void; about: (path: string) => string | undefined }) {
  return (
    <Section title={t("form.where")} lead={t("form.where.lead")}>
      <Check label={t("form.web")} checked={draft.web ?? false} onChange={(event) => edit({ web: event.target.checked })} />
      {draft.web ? <Check label={t("form.once")} checked={draft.answers === "once"} onChange={(event) => edit({ answers: event.target.checked ? "once" : "many" })} /> : null}
      <Area label={t("form.thanks")} rows={2} maxLength={1000} value={draft.words?.thanks ?? ""} placeholder={t("form.thanks.hint")} error={about("words.thanks")} onChange={(event) => edit({ words: withWord(draft.words, "thanks", event.target.value) })} />
      <Select label={t("form.category")} value={draft.category ?? "marketing"} onChange={(event) => edit({ category: event.target.value })} options={["marketing", "transactional"].map((one) => ({ value: one, label: named("category.of", one) }))} />
    </Section>
  );
}

function withWord(words: Record<string, string> | undefined, name: string, text: string): Record<string, string> {
  const { [name]: _gone, ...others } = words ?? {};
  return text ? { ...others, [name]: text } : others;
}

function Address({ form }: { form: Form }) {
  const { base, account } = usePlace();
  if (!form.web) return null;
  return (
    <Section title={t("form.address")}>
      {form.url ? <><Qr path={`${base}/forms/${form.id}/qr`} name={form.name} /><Copy label={t("form.url")} text={form.url} /></> : <p className="notice warn">{t("form.no_liff")} <Link parts={[account.id, "settings", "account"]}>{t("nav.settings")}</Link></p>}
      <Copy label={t("form.variable")} hint={t("form.variable.hint")} text={`{{ form("${form.id}") }}`} />
    </Section>
  );
}
