"""Who is where in a scenario, friend by friend: a page of them, and the stuck ones sent on."""
