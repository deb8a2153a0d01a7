// The phone beside an editor: the messages as a chosen friend would get them, with their real data.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api/client";
import { searchFriends } from "../api/friends";
import { type Friend, type LineMessage, useNames, usePlace } from "../data";
import { FriendPicker } from "../ui/FriendPicker";
import { messageOf, Section, useLater, Words } from "../ui/kit";
import { t } from "../words";
import { Phone } from "./Phone";

interface Previewed {
  messages: LineMessage[] | null;
  unrenderable: string | null;
  warnings: { path: string; message: string }[];
}

/** What a message is made of; one without it is not looked at yet. */
const CORE: Record<string, string> = { text: "text", image: "originalContentUrl", video: "originalContentUrl", audio: "originalContentUrl", imagemap: "baseUrl", coupon: "couponId" };
const isBegun = (message: LineMessage) => {
  const core = CORE[message.type];
  return core === undefined || String(message[core] ?? "").trim() !== "";
};

export function Preview({ messages }: { messages: LineMessage[] }) {
  const { base, account } = usePlace();
  const names = useNames();
  const first = useQuery({ queryKey: [base, "first"], queryFn: () => searchFriends(base, { limit: 1 }), staleTime: 60_000 });
  const [chosen, setChosen] = useState<Friend | null>(null);
  const friend = chosen ?? first.data?.items[0] ?? null;
  const written = messages.filter(isBegun);
  const couponOf = (message: LineMessage | undefined) => names.coupons?.find((one) => message?.couponId === `{{ coupon("${one.id}") }}`)?.name;
  const text = useLater(JSON.stringify(written), 350);
  const asked = useQuery({
    queryKey: [base, "preview", friend?.user_id, text],
    enabled: friend !== null && text !== "[]",
    retry: false,
    placeholderData: (before) => before,
    queryFn: () => post<Previewed>(`${base}/messages/preview`, { user_id: friend?.user_id, messages: JSON.parse(text) as LineMessage[] }),
  });
  const shown = asked.isError || written.length === 0 ? written : (asked.data?.messages ?? written);
  return (
    <Section title={t("phone.title")} lead={friend ? <>{t("phone.for")} <Words text={friend.display_name} most={40} /></> : undefined}>
      <FriendPicker label={t("phone.friend")} onPick={setChosen} />
      <Phone name={account.name} messages={shown.map((one, at) => (one.type === "coupon" ? { ...one, title: couponOf(written[at]) } : one))} />
      {asked.isError && written.length ? <p className="problem" role="alert">{messageOf(asked.error)}</p> : null}
      {written.length && asked.data?.unrenderable ? <p className="problem" role="alert">{asked.data.unrenderable}</p> : null}
      {asked.data?.warnings.map((one) => <p key={one.path} className="notice warn">{one.message}</p>)}
    </Section>
  );
}
