// What a friend may switch off, and then does not get this.
import { useNames } from "../data";
import { t } from "../words";
import { Select } from "./kit";

export function TopicField({ value, set, error }: { value?: string | null; set: (topic: string | null) => void; error?: string }) {
  const names = useNames();
  return <Select label={t("message.topic")} hint={t("message.topic.hint")} value={value ?? ""} error={error} onChange={(event) => set(event.target.value || null)} options={[{ value: "", label: t("message.topic.none") }, ...(names.topics ?? []).map((one) => ({ value: one.id, label: one.name }))]} />;
}
