"""What loops, waits and runs user code.

Handed a Backend, a clock, ids and an executor; decides nothing itself.
"""
