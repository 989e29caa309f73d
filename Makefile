# A first Makefile; the real one replaces it.
