// What a narrowcast's monitor shows in the place of an audience: whom LINE chose by what, and how far it is.
import { type Broadcast, useNames } from "../../data";
import { Words } from "../../ui/kit";
import { named, number, t } from "../../words";
import { useAudiences } from "./Audiences";
import { narrowcastText } from "./words";

export function NarrowcastOf({ broadcast }: { broadcast: Broadcast }) {
  const names = useNames();
  const audiences = useAudiences();
  const { line, narrowcast } = broadcast;
  const counts = [["narrow.target", line?.target], ["narrow.success", line?.success], ["narrow.failure", line?.failure]] as const;
  return (
    <>
      <p className="sentence"><Words text={narrowcastText(narrowcast ?? {}, audiences.data ?? [], names)} most={1000} /></p>
      <p className="soft">{t("monitor.narrowcast")} {t("narrow.hidden")}</p>
      {line?.why ? <p className="verdict no" role="alert">{line.why}</p> : null}
      {line?.phase ? (
        <dl className="kv" aria-label={t("narrow.progress")}>
          <dt>{t("narrow.phase")}</dt><dd>{named("narrow.phase", line.phase)}</dd>
          {counts.map(([word, n]) => (n === null || n === undefined ? null : <div key={word} className="contents"><dt>{t(word)}</dt><dd>{number(n)}</dd></div>))}
        </dl>
      ) : null}
    </>
  );
}
