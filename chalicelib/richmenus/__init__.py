"""Rich menus: the menus below a chat, as documents. Linking one to a friend is an effect of a reaction."""
