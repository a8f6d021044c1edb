"""The project's experiments: `make results` trains, measures and writes docs/results.md.

    study.py      what is to be done, read from configs/results.toml
    units.py      the study cut into runs of `vilasr train` and `vilasr eval`, each in a folder of its own
    driver.py     runs what is not done yet
    evidence.py   what finished folders say
    intervals.py  means, differences, and what may be concluded from them
    page.py       docs/results.md: answers.py, measured.py, curves.py, with tables.py and plots.py

Everything that is known stands in the folders of the runs: what is done is seen there, and the page is written from
there, at any time.
"""
