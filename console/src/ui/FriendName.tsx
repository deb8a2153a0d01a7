// A friend's name where only the id is known; nobody is shown an id.
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { usePlace } from "../data";
import { Link } from "../router";
import { Words } from "./kit";

export function FriendName({ user }: { user: string }) {
  const { base, account } = usePlace();
  const asked = useQuery({ queryKey: [base, "friend", user], queryFn: () => get<{ display_name: string | null }>(`${base}/friends/${encodeURIComponent(user)}`), staleTime: 300_000 });
  return <Link parts={[account.id, "friends", user]}><Words text={asked.data?.display_name ?? (asked.isPending ? "…" : null)} most={40} /></Link>;
}
