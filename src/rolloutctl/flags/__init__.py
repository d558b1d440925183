"""Flag providers: each turns a cohort into one control plane's own calls, and reports honestly what came of it."""
