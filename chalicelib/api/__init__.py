"""The operator's HTTP doors that belong to no single room: documents, bundles, accounts, keys, status,
the published contract. It decides nothing: it asks the rooms below."""
