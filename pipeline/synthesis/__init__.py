"""How the App's assembly comes to be: one service's stack in one stage at a time, each kept by its content."""
