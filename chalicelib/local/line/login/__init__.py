"""How a LINE user becomes somebody elsewhere: the account link, LINE Login, LIFF."""
