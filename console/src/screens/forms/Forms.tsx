// Forms: questions one after the other, in the chat and on the web; what each answer does, and what they come to.
import { useQuery } from "@tanstack/react-query";
import { all } from "../../api/client";
import { useMay, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { Existing } from "../../ui/document";
import { Chip, Screen, Section, stateOf, Words } from "../../ui/kit";
import { t } from "../../words";
import { Answers } from "./Answers";
import { Editor } from "./Editor";
import type { Form } from "./model";

export default function Forms() {
  const [, , id, part] = useRoute();
  if (!id) return <List />;
  if (id === "new") return <Editor />;
  return <Existing<Form> kind="forms" id={id} title="nav.forms">{(form) => (part === "answers" ? <Answers form={form} /> : <Editor form={form} />)}</Existing>;
}

function List() {
  const { base, account } = usePlace();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "forms"], queryFn: () => all<Form>(`${base}/forms`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "forms", "new"]}>{t("form.new")}</Link> : null;
  return (
    <Screen title={t("nav.forms")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("forms.lead")} actions={items.length ? fresh : null} empty={<><h2>{t("forms.empty")}</h2><p>{t("forms.empty.more")}</p>{fresh}</>}>
      {items.map((one) => {
        const name = one.name.slice(0, 60);
        return (
          <Section key={one.id} title={one.name.slice(0, 100)} actions={<>
            {one.results?.length ? <Chip tone="brand">{t("form.results.n", { n: one.results.length })}</Chip> : null}
            <Chip>{t(one.web ? "form.place.web" : "form.place.chat")}</Chip>
            <Link className="button" parts={[account.id, "forms", one.id, "answers"]} aria-label={t("form.answers.of", { name })}>{t("form.answers")}</Link>
            <Link className="button" parts={[account.id, "forms", one.id]} aria-label={t("open.named", { name })}>{t("action.open")}</Link>
          </>}>
            <p className="soft">{t("form.questions", { n: one.questions.length })} <Words text={one.questions.map((asks) => asks.text).join(" → ")} most={200} /></p>
          </Section>
        );
      })}
    </Screen>
  );
}

export function Tabs({ form, at }: { form: Form; at: "edit" | "answers" }) {
  const { account } = usePlace();
  const parts = [account.id, "forms", form.id];
  return (
    <>
      <Link className="back" parts={[account.id, "forms"]}>← {t("nav.forms")}</Link>
      <nav className="tabs" aria-label={form.name.slice(0, 100)}>
        <Link parts={parts} aria-current={at === "edit" ? "page" : undefined}>{t("form.edit")}</Link>
        <Link parts={[...parts, "answers"]} aria-current={at === "answers" ? "page" : undefined}>{t("form.answers")}</Link>
      </nav>
    </>
  );
}
