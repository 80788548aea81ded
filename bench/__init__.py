"""The benchmark: workload W against a system of its own, everything in it real but PSP and mail.

The load comes from processes outside the account; CPU is read from the operating system, results from the databases and the
topics. A run whose results are wrong has no figures.
"""
