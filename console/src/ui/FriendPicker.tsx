// Choose a friend by name: nobody types an id. A combobox with its list below, by keyboard or pointer.
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { searchFriends } from "../api/friends";
import { type Friend, usePlace } from "../data";
import { t } from "../words";
import { useLater } from "./kit";

const nameOf = (friend: Friend) => friend.display_name?.slice(0, 60) || t("friend.unnamed");

export function FriendPicker({ label, onPick }: { label: string; onPick: (friend: Friend | null) => void }) {
  const { base } = usePlace();
  const id = useId();
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const late = useLater(text, 250);
  const asked = useQuery({
    queryKey: [base, "pick", late],
    enabled: open,
    queryFn: () => searchFriends(base, { q: late, limit: 20 }),
  });
  const items = late === text ? (asked.data?.items ?? []) : [];
  const choose = (friend: Friend) => {
    setText(nameOf(friend));
    setOpen(false);
    setAt(-1);
    onPick(friend);
  };
  const keys = (event: React.KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      setAt((was) => (items.length ? (was + (event.key === "ArrowDown" ? 1 : items.length - (was < 0 ? 0 : 1)) + items.length) % items.length : -1));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      const found = items[at] ?? (items.length === 1 ? items[0] : undefined);
      if (found) choose(found);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      setOpen(false);
    }
  };
  return (
    <div className="combo">
      <label htmlFor={id}>{label}</label>
      <input id={id} role="combobox" aria-expanded={open} aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={open && at >= 0 ? `${id}-${at}` : undefined} autoComplete="off" maxLength={100} placeholder={t("picker.friend")} value={text}
        onChange={(event) => { setText(event.target.value); setOpen(true); setAt(-1); }} onFocus={() => setOpen(true)} onBlur={() => setOpen(false)} onKeyDown={keys} />
      {open ? (
        <ul id={`${id}-list`} role="listbox" aria-label={label} className="combo-list">
          {items.map((friend, place) => (
            <li key={friend.user_id} id={`${id}-${place}`} role="option" aria-selected={place === at} onPointerDown={(event) => event.preventDefault()} onClick={() => choose(friend)}>
              <bdi>{nameOf(friend)}</bdi>
            </li>
          ))}
          {items.length === 0 ? <li role="presentation" className="soft">{asked.isFetching || late !== text ? t("state.loading") : t("picker.nobody")}</li> : null}
        </ul>
      ) : null}
    </div>
  );
}
