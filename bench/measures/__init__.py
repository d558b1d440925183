"""One benchmark per module; `bench.registry` finds them."""
