"""What a report shows, as data: each view is made once here and drawn by the terminal, Markdown, HTML and the plots."""
