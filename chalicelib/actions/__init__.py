"""Actions and their effects: what rules, forms, scenarios and links may do, as every room names it."""
