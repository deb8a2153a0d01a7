// A reply to a keyword in three fields: the words, how they are looked for, and what is answered.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, newId, put } from "../../api/client";
import { useMay, useNames, usePlace } from "../../data";
import { go, Link } from "../../router";
import { Area, Button, Check, Problem, Screen, Section, Select, useDraft } from "../../ui/kit";
import { Preview } from "../../phone/Preview";
import { named, t } from "../../words";
import { type How, HowField, matchOf, Words } from "./triggers";

interface Draft {
  words: string[];
  how: How;
  /** A saved message, or none: the text is the answer. */
  message: string;
  text: string;
  enabled: boolean;
}

const EMPTY: Draft = { words: [], how: "contains", message: "", text: "", enabled: false };

export function Keyword() {
  const { base, account } = usePlace();
  const names = useNames();
  const publisher = useMay("publisher");
  const editor = useMay("editor");
  const client = useQueryClient();
  const [draft, setDraft, forget] = useDraft<Draft>(`keyword.${account.id}`, EMPTY);
  const [id] = useState(() => newId("keyword"));
  const edit = (more: Partial<Draft>) => setDraft((was) => ({ ...was, ...more }));
  const name = t("keyword.name", { words: draft.words.join("、").slice(0, 60) });
  const messages = [{ type: "text", text: draft.text }];
  const save = useMutation({
    mutationFn: async () => {
      if (!draft.message) await put(`${base}/messages/${id}`, { name, messages, category: "transactional" });
      await put(`${base}/rules/${id}`, { name, enabled: draft.enabled, when: { event: "messaged", match: { text: matchOf(draft) } }, then: [{ reply: { message: draft.message || id } }] });
    },
    onSuccess: async () => {
      forget();
      await client.invalidateQueries({ queryKey: [base] });
      go(account.id, "rules");
    },
  });
  const about = (path: string) => (save.error instanceof ApiError ? save.error.about(path) : undefined);
  if (!editor) return <Screen title={t("keyword.new")} state="forbidden" error={new ApiError(403, "forbidden", "editor", [], null)} />;
  const isWritten = draft.words.length > 0 && (draft.message !== "" || draft.text.trim() !== "");
  return (
    <Screen title={t("keyword.new")} state="ready" wide lead={t("keyword.lead")} back={<Link className="back" parts={[account.id, "rules"]}>← {t("nav.rules")}</Link>}
      actions={<Button kind="main" disabled={!isWritten} busy={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button>}>
      <Problem error={save.error} />
      <div className="columns">
        <Section title={t("keyword.title")}>
          <Words words={draft.words} set={(words) => edit({ words })} />
          <HowField how={draft.how} error={about("when")} set={(how) => edit({ how })} />
          {draft.message ? null : <Area label={t("keyword.answer")} rows={5} maxLength={5000} value={draft.text} error={about("messages")} onChange={(event) => edit({ text: event.target.value })} />}
          <Select label={t("keyword.saved")} value={draft.message} onChange={(event) => edit({ message: event.target.value })} options={[{ value: "", label: t("keyword.saved.none") }, ...(names.messages ?? []).map((one) => ({ value: one.id, label: one.name }))]} />
          <Check label={t("rule.enabled")} checked={draft.enabled} disabled={!publisher} onChange={(event) => edit({ enabled: event.target.checked })} />
          {publisher ? null : <p className="soft">{t("keyword.publisher", { role: named("role", "publisher") })}</p>}
        </Section>
        {draft.message ? null : <div className="stick"><Preview messages={messages} /></div>}
      </div>
    </Screen>
  );
}
