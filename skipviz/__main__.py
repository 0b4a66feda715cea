"""`python -m skipviz`: the same things without a browser."""

from skipviz.cli import main

raise SystemExit(main())
