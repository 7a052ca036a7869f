"""The offline preview: the real program, recorded without engine, account or network."""
