// The page's words: Japanese, or English for browsers that ask for something else.

const JAPANESE = {
  tagline: "LINEシミュレーター — 友だちになって、届くメッセージを確かめる",
  account: "アカウント",
  connected: "接続中",
  disconnected: "再接続しています…",
  addPhone: "＋ スマホを追加",
  emptyTitle: "まだスマホがありません",
  emptyText: "友だちを選ぶか新しく作ると、ここにその人のLINE画面が開きます。",
  noAccount: "LINE公式アカウントがつながるのを待っています…",
  choose: "友だちを選ぶ",
  newFriend: "新しい友だち",
  name: "名前（例：佐藤 美咲）",
  create: "作成して開く",
  search: "名前またはIDで探す",
  nobody: "見つかりませんでした",
  following: "友だち",
  blocked: "ブロック中",
  stranger: "未追加",
  block: "ブロック",
  unblock: "解除",
  follow: "追加",
  close: "このスマホを閉じる",
  send: "送信",
  message: "メッセージを入力",
  more: "スタンプ・写真など",
  stickers: "スタンプ",
  photos: "写真",
  others: "その他",
  fromFile: "ファイルから",
  location: "位置情報",
  voice: "ボイス",
  file: "ファイル",
  video: "動画",
  read: "既読",
  failed: "未達",
  today: "今日",
  yesterday: "昨日",
  followed: "友だち追加しました",
  unfollowed: "アカウントをブロックしました",
  unblocked: "ブロックを解除しました",
  unsent: "メッセージの送信を取り消しました",
  tapped: "ポストバック",
  watched: "動画を最後まで再生しました",
  happened: "イベント",
  welcomeText: "このアカウントを友だちに追加すると、メッセージが届くようになります。",
  blockedText: "このアカウントをブロックしています",
  cancel: "キャンセル",
  pick: "日時を選択",
  copied: "コピーしました",
  opens: "リンクを開きました",
  calls: "電話をかけます",
  noLink: "このリンクはLINEアプリの中で開きます",
  menu: "メニュー",
  unsupported: "表示できないメッセージ",
  coupon: "クーポン",
  closed: "（終了）",
  noServer: "Todokuに届きませんでした",
  loading: "入力中",
};

const ENGLISH = {
  tagline: "LINE simulator — be a friend, and see what arrives",
  account: "Account",
  connected: "live",
  disconnected: "reconnecting…",
  addPhone: "＋ Add a phone",
  emptyTitle: "No phones yet",
  emptyText: "Choose a friend or make a new one, and their LINE screen opens here.",
  noAccount: "Waiting for an official account to be connected…",
  choose: "Choose a friend",
  newFriend: "New friend",
  name: "Name",
  create: "Create and open",
  search: "Search by name or id",
  nobody: "Nobody found",
  following: "friend",
  blocked: "blocked",
  stranger: "not added",
  block: "Block",
  unblock: "Unblock",
  follow: "Add",
  close: "Close this phone",
  send: "Send",
  message: "Message",
  more: "Stickers, photos and more",
  stickers: "Stickers",
  photos: "Photos",
  others: "More",
  fromFile: "From a file",
  location: "Location",
  voice: "Voice",
  file: "File",
  video: "Video",
  read: "Read",
  failed: "failed",
  today: "Today",
  yesterday: "Yesterday",
  followed: "Added the account",
  unfollowed: "Blocked the account",
  unblocked: "Unblocked the account",
  unsent: "Message unsent",
  tapped: "Postback",
  watched: "Watched the video to its end",
  happened: "Event",
  welcomeText: "Add this account as a friend to receive its messages.",
  blockedText: "You have blocked this account",
  cancel: "Cancel",
  pick: "Choose a date",
  copied: "Copied",
  opens: "Link opened",
  calls: "Calling",
  noLink: "This link opens inside the LINE app",
  menu: "Menu",
  unsupported: "This message cannot be shown",
  coupon: "Coupon",
  closed: "(closed)",
  noServer: "Todoku could not be reached",
  loading: "typing",
};

const japanese = (navigator.languages || [navigator.language]).some((code) => code.startsWith("ja"));
document.documentElement.lang = japanese ? "ja" : "en";

/** The words of the page. */
export const words = japanese ? JAPANESE : { ...JAPANESE, ...ENGLISH };
const locale = japanese ? "ja-JP" : undefined;

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", hour12: !japanese });
const dayFormat = new Intl.DateTimeFormat(locale, { month: "long", day: "numeric", weekday: "short" });

/** 14:05. */
export const timeOf = (date) => clockFormat.format(date);

/** Today, yesterday, or 11月22日(日). */
export function dayOf(date) {
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  if (days === 0) return words.today;
  return days === 1 ? words.yesterday : dayFormat.format(date);
}

/** The start of a date's day, here. */
export const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
