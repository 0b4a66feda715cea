"""Pages that need no server and no network: a run's live charts, its report, the course site.

They run from `file://`, where browsers load neither ES modules nor data: the app's own modules
become one classic script (`classic_script`), and what the charts would ask of a server stands in
the page (`run_data`).
"""
