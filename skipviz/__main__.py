"""`python -m skipviz`: the same things without a browser."""

from skipviz.cli.main import main

raise SystemExit(main())
