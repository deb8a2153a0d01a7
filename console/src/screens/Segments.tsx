import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { all } from "../api/client";
import { Builder } from "../conditions/Builder";
import { CountPanel, Samples, useWhy, WhyPanel } from "../conditions/Count";
import { audienceOf, group, toTree, type Condition, type Group } from "../conditions/model";
import { rootSentence } from "../conditions/sentence";
import { useMay, useNames, usePlace } from "../data";
import { Link, useRoute } from "../router";
import { Existing, type Stored, useDocument } from "../ui/document";
import { Uses } from "../ui/Uses";
import { Field, Screen, Section, stateOf, Words } from "../ui/kit";
import { t } from "../words";

interface Segment extends Stored {
  condition: Condition;
}

export default function Segments() {
  const [, , id] = useRoute();
  if (!id) return <List />;
  return id === "new" ? <Editor key="new" /> : <Existing<Segment> key={id} kind="segments" id={id} title="nav.segments">{(segment) => <Editor segment={segment} />}</Existing>;
}

function List() {
  const { base, account } = usePlace();
  const names = useNames();
  const may = useMay("editor");
  const asked = useQuery({ queryKey: [base, "segments"], queryFn: () => all<Segment>(`${base}/segments`) });
  const items = asked.data ?? [];
  const fresh = may ? <Link className="button main" parts={[account.id, "segments", "new"]}>{t("segment.new")}</Link> : null;
  return (
    <Screen title={t("nav.segments")} state={stateOf(asked, items.length === 0)} error={asked.error} retry={() => void asked.refetch()} lead={t("segments.lead")} actions={fresh} empty={<><h2>{t("segments.empty")}</h2><p>{t("segments.empty.more")}</p>{fresh}</>}>
      {items.map((one) => (
        <Section key={one.id} title={one.name.slice(0, 100)} actions={<Link className="button" parts={[account.id, "segments", one.id]} aria-label={t("open.named", { name: one.name.slice(0, 60) })}>{t("action.open")}</Link>}>
          <p className="soft">{rootSentence(toTree(one.condition), names)}</p>
        </Section>
      ))}
    </Screen>
  );
}

interface Draft {
  name: string;
  root: Group;
}

const EMPTY: Draft = { name: "", root: group("all") };
const read = (segment: Stored & Partial<Draft>): Draft => ({ name: segment.name, root: toTree((segment as unknown as Segment).condition) });
const bodyOf = ({ name, root }: Draft) => ({ name, condition: audienceOf(root) });

function Editor({ segment }: { segment?: Segment }) {
  const { account } = usePlace();
  const names = useNames();
  const { draft, edit, about, actions, above, below } = useDocument<Draft>({ kind: "segments", stored: segment, empty: EMPTY, read, bodyOf, gone: t("segment.gone") });
  const [user, setUser] = useState<string | null>(null);
  const condition = audienceOf(draft.root);
  const why = useWhy(draft.root, condition, user);
  return (
    <Screen title={segment ? segment.name.slice(0, 100) : t("segment.new")} state="ready" wide back={<Link className="back" parts={[account.id, "segments"]}>← {t("nav.segments")}</Link>} actions={actions}>
      {above}
      <div className="columns">
        <div>
          <Section title={t("segment.condition")}>
            <Field label={t("segment.name")} value={draft.name} maxLength={200} required error={about("name")} onChange={(event) => edit({ name: event.target.value })} />
            <Builder root={draft.root} onChange={(root) => edit({ root })} marks={why.marks} values={why.values} />
          </Section>
        </div>
        <div className="stick">
          <Section title={t("segment.sentence")}>
            <p className="sentence" data-testid="sentence"><Words text={rootSentence(draft.root, names)} most={2000} /></p>
          </Section>
          <Section title={t("count.label")}><CountPanel condition={condition} /></Section>
          <Section title={t("segment.who")}><WhyPanel user={user} onChoose={setUser} why={why} /><Samples condition={condition} /></Section>
          {segment ? <Uses kind="segments" id={segment.id} /> : null}
        </div>
      </div>
      {below}
    </Screen>
  );
}
